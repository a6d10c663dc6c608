//! The binary of the small corpus.

fn main() {
    let entry = corpus_core::parse("greeting: hello world").expect("a valid line");
    println!("{}", serde_json::to_string(&entry).expect("plain data"));
}
