//! W2: the sum per key of many pairs.

use benches::{Checksum, Numbered, mix, print, under};
use clap::Parser;
use flow_core::prelude::*;
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser)]
struct Args {
    /// How many pairs.
    #[arg(long, default_value_t = 100_000_000)]
    count: u64,
    /// How many keys.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    #[clap(flatten)]
    runner: Options,
}

fn main() {
    let args = Args::parse();
    let (keys, found, checksum) = (args.keys, Checksum::default(), Checksum::default());
    let (each, sums) = (found.clone(), checksum.clone());
    let p = Pipeline::new();
    p.read(Numbered { count: args.count, make: move |i| (under(mix(i), keys), i & 1023) })
        .sum_per_key()
        .for_each(move |(key, sum)| {
            each.add(1);
            sums.add(mix(*key).wrapping_mul(*sum));
        });
    let report = LocalRunner::new(args.runner).run(p).expect("the pipeline runs");
    print("w2", &report, args.count, format!("{}/{:x}", found.value(), checksum.value()));
    eprintln!("{report}");
}
