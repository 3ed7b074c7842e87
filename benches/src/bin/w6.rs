//! W6: trips of a CSV file, grouped by area and payment: how many, their fares, how far.

use benches::{Checksum, print};
use clap::Parser;
use flow_core::combine::{Count, Sum, of};
use flow_core::prelude::*;
use flow_io::files::TextFiles;
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser)]
struct Args {
    /// A CSV file with a header.
    input: String,
    #[clap(flatten)]
    runner: Options,
}

struct Trip {
    area: u32,
    payment: u32,
    cents: u64,
    hundredths: u64,
}

/// A line of the file; none for the header and for what is not a trip.
fn trip(line: &str) -> Option<Trip> {
    let mut fields = line.split(',');
    let hundredths = hundredths(fields.nth(4)?)?;
    let area = fields.next()?.parse().ok()?;
    let payment = fields.nth(1)?.parse().ok()?;
    let cents = self::hundredths(fields.nth(2)?)?;
    Some(Trip { area, payment, cents, hundredths })
}

fn hundredths(number: &str) -> Option<u64> {
    let number: f64 = number.parse().ok()?;
    Some((number * 100.0).round() as u64)
}

fn main() {
    let args = Args::parse();
    let [groups, trips, cents, far] = std::array::from_fn(|_| Checksum::default());
    let sums = [groups.clone(), trips.clone(), cents.clone(), far.clone()];
    let p = Pipeline::new();
    let lines = p.read(TextFiles::matching(args.input));
    let parsed = lines.filter_map(|line| {
        let Trip { area, payment, cents, hundredths } = trip(&line)?;
        Some(((area, payment), (cents, hundredths)))
    });
    let of_each = (Count, of(|of: &(u64, u64)| of.0, Sum), of(|of: &(u64, u64)| of.1, Sum));
    parsed.combine_per_key(of_each).for_each(move |(_, (count, cents, far))| {
        for (sum, value) in sums.iter().zip([1, *count, *cents, *far]) {
            sum.add(value);
        }
    });
    let report = LocalRunner::new(args.runner).run(p).unwrap_or_else(|e| panic!("{}", e.report()));
    let check = [&groups, &trips, &cents, &far].map(|sum| sum.value().to_string()).join("/");
    print("w6", &report, trips.value(), check);
    eprintln!("{report}");
}
