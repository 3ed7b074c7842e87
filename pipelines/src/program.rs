//! What the programs share as programs: how they read their options, and how they tell figures.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use flow_core::{Result, Summary};

/// The main function of a program: what has to be set otherwise is said with exit code 2, a state directory that does not
/// fit with 3, and what may be tried again with 1.
pub fn main<A: Parser>(run: impl FnOnce(&A) -> Result<()>) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(wrong) => {
            eprintln!("{} (`--help` lists the options)", in_a_line(&wrong.to_string()));
            return ExitCode::from(2);
        }
    };
    crate::cloud::tell_on_stderr();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// What is wrong with the options, without the usage that clap prints behind it.
fn in_a_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// A time as people write it.
///
/// # Errors
/// What was wanted.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let time = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "wanted a time, as 90s or 10min".to_owned())
}

/// The full name of what may be named in full, or as of a project: `projects/shop/topics/orders`.
pub fn full_name(name: &str, project: &str, kind: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("projects/{project}/{kind}/{name}") }
}

/// The counters whose names begin alike: their sum, and a text of those that have counted something.
pub fn counts(summary: &Summary, prefix: &str) -> (u64, String) {
    let names = summary.metrics.keys().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let counts = names.map(|(name, rest)| (summary.counter(name), rest)).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.collect();
    let texts: Vec<_> = counts.iter().map(|(count, name)| format!("{name} {}", grouped(*count))).collect();
    let text = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
    (counts.iter().map(|(count, _)| count).sum(), text)
}

/// A number with its thousands apart.
///
/// ```
/// assert_eq!(pipelines::program::grouped(1_234_567), "1,234,567");
/// ```
pub fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}
