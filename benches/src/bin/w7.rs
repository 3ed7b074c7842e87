//! W7: how long an element takes from the moment at which it is due to the sink, behind an exchange by key and a count.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use benches::{Paced, cpu_seconds, mix, now, under};
use clap::Parser;
use flow_core::prelude::*;
use flow_runner_local::{LocalRunner, Options};
use hdrhistogram::Histogram;

const KEYS: u64 = 1_000;

#[derive(Parser)]
struct Args {
    /// How many elements are due in a second.
    #[arg(long, default_value_t = 100_000)]
    rate: u64,
    /// For how many seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Microseconds that the source sleeps when nothing is due.
    #[arg(long, default_value_t = 50)]
    pause: u64,
    /// Counts in windows of a second, and measures how long after its end a window is out.
    #[arg(long)]
    windows: bool,
    #[clap(flatten)]
    runner: Options,
}

/// Microseconds, of all workers.
type Delays = Arc<Mutex<Histogram<u64>>>;

fn note(delays: &Delays, due: Timestamp) {
    let micros = now().micros().saturating_sub(due.micros()).max(0) as u64;
    delays.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
}

fn main() {
    let args = Args::parse();
    let second = Duration::from_secs(1);
    let begin = now() + Duration::from_millis(50);
    let paced = Paced {
        begin,
        rate: args.rate,
        count: args.rate * args.seconds,
        pause: Duration::from_micros(args.pause),
    };
    let delays: Delays = Arc::new(Mutex::new(Histogram::new(3).expect("three digits are few")));
    let noted = delays.clone();
    let p = Pipeline::new();
    let keyed = p.read(paced.clone()).map(move |n| (under(mix(n), KEYS), paced.due(n)));
    if args.windows {
        let counts = keyed.window(Fixed::of(second)).count_per_key().reify();
        counts.for_each(move |count| note(&noted, count.window.end));
    } else {
        let counted = keyed.stateful(|_, due, seen: &mut u64, cx| {
            *seen += 1;
            cx.emit(due);
        });
        counted.for_each(move |due| note(&noted, *due));
    }
    let report = LocalRunner::new(args.runner).run(p).unwrap_or_else(|e| panic!("{}", e.report()));
    let delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| delays.value_at_quantile(q));
    println!(
        "REGION name={} wall={:.4} cpu={:.4} events={} p50us={p50} p99us={p99} p999us={p999} maxus={}",
        if args.windows { "w7-windows" } else { "w7" },
        report.duration.as_secs_f64(),
        cpu_seconds(),
        delays.len(),
        delays.max(),
    );
    eprintln!("{report}");
}
