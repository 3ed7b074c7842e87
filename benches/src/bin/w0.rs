//! W0: what a step costs. Twelve map and filter steps over u64.

use benches::{Numbered, print};
use clap::Parser;
use flow_core::prelude::*;
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser)]
struct Args {
    /// How many numbers.
    #[arg(long, default_value_t = 200_000_000)]
    count: u64,
    /// How many steps: two a pair of map and filter.
    #[arg(long, default_value_t = 12)]
    steps: u64,
    #[clap(flatten)]
    runner: Options,
}

fn main() {
    let args = Args::parse();
    let p = Pipeline::new();
    let mut numbers = p.read(Numbered { count: args.count, make: |i| i });
    for step in 0..args.steps / 2 {
        numbers = numbers.map(move |n: u64| n.wrapping_mul(3).wrapping_add(step)).filter(|n| *n != 7);
    }
    let count = p.counter("numbers");
    let counter = count.clone();
    numbers.par_do(Sum { total: 0, counter }).for_each(|_| {});
    let report = LocalRunner::new(args.runner).run(p).expect("the pipeline runs");
    print("w0", &report, args.count, count.value());
    let per_step = report.duration.as_secs_f64() * 1e9 * report.workers as f64 / args.count as f64;
    println!("{per_step:.3} ns of a worker an element in all");
}

/// Sums what a worker sees.
#[derive(Clone)]
struct Sum {
    total: u64,
    counter: Counter,
}

impl DoFn<u64, u64> for Sum {
    fn process(&mut self, n: u64, _: &mut Emit<'_, u64>) -> Result<(), BoxError> {
        self.total = self.total.wrapping_add(n);
        Ok(())
    }
    fn teardown(&mut self) {
        self.counter.add(self.total);
    }
}
