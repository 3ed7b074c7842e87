//! W4: counts per key in tumbling or sliding windows, over events that are out of order within two seconds.

use std::task::{Context, Poll};
use std::time::Duration;

use benches::{Checksum, mix, print, under};
use clap::Parser;
use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Meta, Result};
use flow_runner_local::{LocalRunner, Options};

const KEYS: u64 = 10_000;
const EVENTS_A_MILLISECOND: u64 = 100;
/// How far an event's time lies behind the newest possible, at most.
const JITTER_MILLIS: u64 = 2_000;

#[derive(Parser)]
struct Args {
    /// How many events.
    #[arg(long, default_value_t = 50_000_000)]
    count: u64,
    /// A window of ten seconds every two, in place of one every ten.
    #[arg(long)]
    sliding: bool,
    #[clap(flatten)]
    runner: Options,
}

/// Events with times of their own, and a watermark that makes none late.
struct Events {
    count: u64,
}

struct EventsReader {
    next: u64,
    step: u64,
    count: u64,
}

impl Source for Events {
    type Item = u32;
    /// The first event, and the step to the next.
    type Split = (u64, u64);
    type Position = u64;
    type Reader = EventsReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
        let parts = desired.max(1) as u64;
        Ok((0..parts).map(|part| (part, parts)).collect())
    }

    fn reader(&self, split: &(u64, u64), from: Option<u64>, _: &ReaderContext) -> Result<EventsReader> {
        Ok(EventsReader { next: from.unwrap_or(split.0), step: split.1, count: self.count })
    }
}

impl Reader for EventsReader {
    type Item = u32;
    type Position = u64;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u32>) -> Poll<Result<Next>> {
        for _ in 0..Bundle::<u32>::TARGET_LEN {
            if self.next >= self.count {
                return Poll::Ready(Ok(Next::End));
            }
            let (n, hash) = (self.next, mix(self.next));
            let at = JITTER_MILLIS + n / EVENTS_A_MILLISECOND - under(hash << 32, JITTER_MILLIS);
            let time = Timestamp::from_millis(at as i64);
            out.push(under(hash, KEYS) as u32, Meta { time, ..Meta::default() });
            self.next += self.step;
        }
        Poll::Ready(Ok(Next::More))
    }

    fn watermark(&self) -> Timestamp {
        Timestamp::from_millis((self.next / EVENTS_A_MILLISECOND) as i64)
    }

    fn position(&self) -> u64 {
        self.next
    }
}

fn main() {
    let args = Args::parse();
    let (ten, two, late) = (Duration::from_secs(10), Duration::from_secs(2), Duration::from_secs(1));
    let p = Pipeline::new();
    let keyed = p.read(Events { count: args.count }).map(|key| (key, ()));
    let windowed = if args.sliding {
        keyed.window(Sliding::of(ten, two).allowed_lateness(late).discarding())
    } else {
        keyed.window(Fixed::of(ten).allowed_lateness(late).discarding())
    };
    let (results, total, check) = (Checksum::default(), Checksum::default(), Checksum::default());
    let (n, all, sum) = (results.clone(), total.clone(), check.clone());
    windowed.count_per_key().reify().for_each(move |counted| {
        let (key, count) = counted.value;
        let start = counted.window.start.millis() as u64;
        n.add(1);
        all.add(count);
        sum.add(mix(u64::from(key) ^ (start << 20)).wrapping_mul(count));
    });
    let report = LocalRunner::new(args.runner).run(p).expect("the pipeline runs");
    let check = format!("{}/{}/{:x}", results.value(), total.value(), check.value());
    print(if args.sliding { "w4-sliding" } else { "w4-tumbling" }, &report, args.count, check);
    eprintln!("{report}");
}
