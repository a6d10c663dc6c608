//! The binary of the benchmark corpus: a small server and a command that prints a summary.

use std::fmt::Write as _;

use anyhow::Context;
use axum::{Json, Router, routing::get};
use clap::Parser;
use rand::RngExt;

#[derive(Parser)]
struct Arguments {
    /// Lines of made-up log to summarise.
    #[arg(long, default_value_t = 100)]
    lines: u32,
    /// Serve the summary on this port of the loopback interface and fetch it once.
    #[arg(long)]
    port: Option<u16>,
}

fn make_log(lines: u32) -> String {
    let mut random = rand::rng();
    let mut log = String::new();
    for second in 0..lines {
        let level = ["INFO", "WARN", "ERROR"][random.random_range(0..3)];
        writeln!(log, "{second} {level} message {second}").expect("writing to a string");
    }
    log
}

fn summary(lines: u32) -> anyhow::Result<serde_json::Value> {
    let entries = corpus_core::parse(&make_log(lines)).context("cannot parse the log")?;
    let packed = corpus_core::pack(&entries)?;
    Ok(serde_json::json!({
        "stored": corpus_core::store(&entries)?,
        "levels": corpus_core::levels(&entries),
        "packedBytes": packed.len(),
    }))
}

async fn serve(port: u16, value: serde_json::Value) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/", get(move || async move { Json(value) }));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let text = reqwest::get(format!("http://{address}/")).await?.text().await?;
    server.abort();
    Ok(text)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_target(false).init();
    let arguments = Arguments::parse();
    let value = summary(arguments.lines)?;
    match arguments.port {
        Some(port) => println!("{}", serve(port, value).await?),
        None => println!("{value}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_summary_counts_every_line() {
        assert_eq!(super::summary(7).unwrap()["stored"], 7);
    }
}
