//! What a state directory costs: the same streams with and without one, interleaved; and how long a run takes to go on
//! where an earlier one was stopped.

use std::path::Path;
use std::time::Duration;

use benches::{Checksum, Numbered, NumberedReader, mix, under};
use clap::Parser;
use flow_core::prelude::*;
use flow_core::source::ReaderContext;
use flow_core::{Element, Result};
use flow_runner_local::{LocalRunner, Options, inspect};

#[derive(Parser)]
struct Args {
    /// How many elements a round has; ten times as many where nothing is kept.
    #[arg(long, default_value_t = 50_000_000)]
    count: u64,
    /// How many keys.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Only this stream.
    #[arg(long)]
    stream: Option<String>,
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where state is kept: on a disk.
    #[arg(long, default_value = "target/durability")]
    directory: std::path::PathBuf,
    #[clap(flatten)]
    runner: Options,
}

/// Numbers as a stream, which has epochs.
#[derive(Clone)]
struct Stream<F>(Numbered<F>);

impl<T: Element, F: Fn(u64) -> T + Clone + Send + Sync + 'static> Source for Stream<F> {
    type Item = T;
    type Split = (u64, u64);
    type Position = u64;
    type Reader = NumberedReader<F>;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
        self.0.splits(desired)
    }

    fn reader(&self, split: &(u64, u64), from: Option<u64>, cx: &ReaderContext) -> Result<NumberedReader<F>> {
        self.0.reader(split, from, cx)
    }
}

const BODIES: [&str; 3] = ["stateless", "sums per key", "state per key"];

fn pipeline(body: &str, args: &Args, checksum: &Checksum) -> Pipeline {
    let (keys, sums) = (args.keys, checksum.clone());
    let p = Pipeline::new();
    let count = if body == "stateless" { 10 * args.count } else { args.count };
    let numbers = p.read(Stream(Numbered { count, make: |n| n }));
    match body {
        "stateless" => {
            let kept = numbers.map(mix).filter(|n| n % 8 != 0).map(|n| n >> 3).reshuffle();
            kept.for_each(move |n| sums.add(*n));
        }
        "sums per key" => {
            let pairs = numbers.map(move |n| (under(mix(n), keys), n & 1023));
            let window = Fixed::of(Duration::from_hours(24)); // one for all
            pairs
                .window(window)
                .sum_per_key()
                .for_each(move |(key, sum)| sums.add(mix(*key).wrapping_mul(*sum)));
        }
        _ => {
            let pairs = numbers.map(move |n| (under(mix(n), keys), n & 1023));
            let running = pairs.stateful(|_, n, sum: &mut u64, cx| {
                *sum += n;
                cx.emit(*sum);
            });
            running.for_each(move |_| sums.add(1)); // what a sum is on its way depends on the order
        }
    }
    p
}

fn run(body: &str, args: &Args, options: Options) -> (Duration, u64, u64) {
    let checksum = Checksum::default();
    let report = LocalRunner::new(options).run(pipeline(body, args, &checksum)).expect("the pipeline runs");
    (report.duration, checksum.value(), report.epochs)
}

fn durable(args: &Args) -> Options {
    // It is gone if this is the first round.
    let _ = std::fs::remove_dir_all(&args.directory);
    args.runner.clone().with_state_dir(&args.directory)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let args = Args::parse();
    println!("{:<14} {:>9} {:>9} {:>7} {:>7}", "stream", "without", "with", "ratio", "epochs");
    for body in BODIES.into_iter().filter(|body| args.stream.as_deref().is_none_or(|only| only == *body)) {
        let (mut without, mut with, mut ratios, mut epochs) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..args.rounds {
            let (plain, checksum, _) = run(body, &args, args.runner.clone());
            let (kept, same, passed) = run(body, &args, durable(&args));
            assert_eq!(checksum, same, "a state directory must not change the result");
            without.push(plain.as_secs_f64());
            with.push(kept.as_secs_f64());
            ratios.push(kept.as_secs_f64() / plain.as_secs_f64());
            epochs = passed;
        }
        let (without, with, ratio) = (median(without), median(with), median(ratios));
        println!("{body:<14} {without:>8.2}s {with:>8.2}s {ratio:>7.3} {epochs:>7}");
    }
    if args.stream.is_none() {
        going_on(&args);
    }
}

/// Suspends a run that keeps something of every key, and starts it again.
fn going_on(args: &Args) {
    let all = Args {
        count: args.count.max(args.keys * 4),
        directory: args.directory.clone(),
        runner: args.runner.clone(),
        stream: None,
        ..*args
    };
    let options = durable(&all);
    let half = Checksum::default();
    let job =
        LocalRunner::new(options.clone()).start(pipeline("state per key", &all, &half)).expect("it starts");
    let read = || job.summary().and_then(|summary| summary.step("read")).map_or(0, |step| step.elements_out);
    while !job.is_finished() && read() < all.count / 2 {
        std::thread::yield_now();
    }
    job.suspend();
    job.wait().expect("it is suspended");
    println!("{}", shown(&all.directory));
    let rest = Checksum::default();
    #[expect(clippy::disallowed_methods, reason = "it is what is measured")]
    let started = std::time::Instant::now();
    let job = LocalRunner::new(options).start(pipeline("state per key", &all, &rest)).expect("it starts");
    while job.summary().is_some_and(|summary| summary.step("read").is_none_or(|step| step.elements_out == 0))
    {
        std::thread::yield_now();
    }
    println!("reads on after {:.2?} with {} keys", started.elapsed(), all.keys);
    println!("{}", job.wait().expect("it ends"));
}

fn shown(directory: &Path) -> String {
    inspect::show(directory, None).map_or_else(|e| e.report(), |epoch| epoch.to_string())
}
