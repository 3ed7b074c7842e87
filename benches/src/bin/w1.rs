//! W1: how often each word comes in a text.

use benches::{Checksum, print};
use clap::Parser;
use flow_core::prelude::*;
use flow_io::files::TextFiles;
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser)]
struct Args {
    /// The text.
    input: String,
    #[clap(flatten)]
    runner: Options,
}

fn main() {
    let args = Args::parse();
    let (distinct, total) = (Checksum::default(), Checksum::default());
    let (words, all) = (distinct.clone(), total.clone());
    let p = Pipeline::new();
    let most = p.distribution("count of a word");
    let counts = most.clone();
    let lines = p.read(TextFiles::matching(args.input));
    let words_of = lines.process(|line, out| -> Result<(), BoxError> {
        line.split_ascii_whitespace().for_each(|word| out.emit(word.to_owned()));
        Ok(())
    });
    words_of.count().for_each(move |(_, count)| {
        words.add(1);
        all.add(*count);
        counts.update(*count as i64);
    });
    let report = LocalRunner::new(args.runner).run(p).unwrap_or_else(|e| panic!("{}", e.report()));
    let check = format!("{}/{}/{}", distinct.value(), total.value(), most.value().max);
    print("w1", &report, total.value(), check);
    eprintln!("{report}");
}
