//! The library of the small corpus.

use itertools::Itertools;
use serde::{Deserialize, Serialize};

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no entry")]
pub struct Malformed(String);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub words: usize,
}

/// Reads `name: word word …`.
pub fn parse(line: &str) -> Result<Entry, Malformed> {
    let (name, words) = line.split(": ").collect_tuple().ok_or(Malformed(line.to_owned()))?;
    Ok(Entry { name: corpus_shared::title(name), words: words.split(' ').count() })
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_counted() {
        assert_eq!(super::parse("a: b c").unwrap().words, 2);
    }
}
