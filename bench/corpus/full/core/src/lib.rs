//! The library of the benchmark corpus: parses log lines, stores them in SQLite and packs them.

use std::io::{Read, Write};

use chrono::{DateTime, Utc};
use itertools::Itertools;
use prost::Message;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("line {line} is not a log line")]
    Malformed { line: usize },
    #[error(transparent)]
    Pattern(#[from] regex::Error),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: uuid::Uuid,
    pub at: DateTime<Utc>,
    pub level: String,
    pub text: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Packet {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
}

/// Parses every line in parallel; the first malformed line is reported by its number from 1.
pub fn parse(text: &str) -> Result<Vec<Entry>, CorpusError> {
    let pattern = regex::Regex::new(r"^(?<seconds>\d+) (?<level>[A-Z]+) (?<text>.*)$")?;
    let lines: Vec<(usize, &str)> = text.lines().enumerate().collect();
    lines
        .par_iter()
        .map(|&(index, line)| {
            let malformed = || CorpusError::Malformed { line: index + 1 };
            let found = pattern.captures(line).ok_or_else(malformed)?;
            let seconds = found["seconds"].parse().map_err(|_| malformed())?;
            Ok(Entry {
                id: uuid::Uuid::from_u128(index as u128),
                at: DateTime::from_timestamp(seconds, 0).ok_or_else(malformed)?,
                level: found["level"].to_owned(),
                text: found["text"].to_owned(),
            })
        })
        .collect()
}

/// Counts entries per level, sorted by level.
pub fn levels(entries: &[Entry]) -> Vec<(String, usize)> {
    entries
        .iter()
        .map(|entry| entry.level.clone())
        .counts()
        .into_iter()
        .sorted()
        .collect()
}

/// Writes the entries to an in-memory database and returns how many it holds.
pub fn store(entries: &[Entry]) -> Result<i64, CorpusError> {
    let database = rusqlite::Connection::open_in_memory()?;
    database.execute("CREATE TABLE entry (id TEXT PRIMARY KEY, json TEXT)", [])?;
    for entry in entries {
        let json = serde_json::to_string(entry)?;
        database.execute("INSERT INTO entry VALUES (?1, ?2)", (entry.id.to_string(), json))?;
    }
    Ok(database.query_row("SELECT COUNT(*) FROM entry", [], |row| row.get(0))?)
}

/// Compresses a protobuf message around the entries.
pub fn pack(entries: &[Entry]) -> Result<Vec<u8>, CorpusError> {
    let body = serde_json::to_vec(entries)?;
    let packet = Packet { name: corpus_shared::title("entries"), body };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&packet.encode_to_vec())?;
    Ok(encoder.finish()?)
}

/// Reverses [`pack`]; `None` where the bytes are no packet.
pub fn unpack(bytes: &[u8]) -> Result<Option<Vec<Entry>>, CorpusError> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain)?;
    let Ok(packet) = Packet::decode(plain.as_slice()) else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&packet.body)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "1 INFO started\n2 WARN slow\n3 INFO done";

    #[test]
    fn entries_survive_packing() {
        let entries = parse(LOG).unwrap();
        assert_eq!(unpack(&pack(&entries).unwrap()).unwrap(), Some(entries));
    }

    #[test]
    fn entries_are_counted_and_stored() {
        let entries = parse(LOG).unwrap();
        assert_eq!(levels(&entries), [("INFO".to_owned(), 2), ("WARN".to_owned(), 1)]);
        assert_eq!(store(&entries).unwrap(), 3);
    }

    #[test]
    fn a_malformed_line_is_named() {
        assert_eq!(parse("1 INFO a\nno").unwrap_err().to_string(), "line 2 is not a log line");
    }
}
