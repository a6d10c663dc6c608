//! The git dependency of the corpus; includes generated code from OUT_DIR.

mod generated {
    include!(concat!(env!("OUT_DIR"), "/words.rs"));
}

/// `Corpus of <name>`; panics on an empty name.
pub fn title(name: &str) -> String {
    generated::words(name).join(" ")
}
