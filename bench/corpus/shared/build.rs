//! Generates a module into OUT_DIR, as many published crates do. Its function can panic, so that
//! the path of the generated file ends up in the binary: in a panic location and in debug info.

const MODULE: &str = r#"
pub fn words(name: &str) -> [&str; 3] {
    assert!(!name.is_empty(), "a title needs a name");
    ["Corpus", "of", name]
}
"#;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let directory = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(format!("{directory}/words.rs"), MODULE).expect("writing into OUT_DIR");
}
