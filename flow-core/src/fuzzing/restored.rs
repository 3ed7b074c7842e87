use std::time::Duration;

use crate::functions::{Batch, Batching, Firsts, Horizon, IntervalJoin, Side, TemporalJoin, TimeSorted};
use crate::keyed::{Kernel, Keyed, StatefulFn, cells};
use crate::window::Windowing;
use crate::{Bundle, Element, Meta, Timestamp, Wire};

/// What the stateful functions behind verbs kept, restored from records that may be damaged, is refused or goes on to its
/// end. The first byte chooses the function, and each record stands behind its length of one byte.
pub fn restored(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let left = || Side::<u64, String>::Left(3);
    match choice % 7 {
        0 => go_on(Batching(Batch::of(3).bytes(10)), data, "a".to_owned()),
        1 => go_on(Batching(Batch::of(9).max_age(Duration::from_secs(5))), data, 7_u64),
        2 => go_on(IntervalJoin { before: 5, after: 9, lateness: 100 }, data, left()),
        3 => go_on(TemporalJoin { lateness: 100 }, data, left()),
        4 => go_on(TimeSorted { lateness: 100 }, data, 7_u64),
        5 => go_on(
            Firsts { horizon: Horizon::ProcessingTime(Duration::from_secs(5)), lateness: 0 },
            data,
            7_u64,
        ),
        _ => go_on(Firsts { horizon: Horizon::EventTime(Duration::from_secs(5)), lateness: 0 }, data, 7_u64),
    }
}

fn go_on<V: Wire, Out: Element, F: StatefulFn<u64, V, Out>>(f: F, data: &[u8], value: V) {
    let windowing = Windowing::default();
    let mut kernel = cells::<u64, V, Out, F>(f, &windowing);
    kernel.track();
    for record in records(data) {
        if kernel.restore(record).is_err() {
            return;
        }
    }
    kernel.restored(Timestamp::MIN, Timestamp::from_secs(0));
    run_dry(&mut kernel);
    let mut elements = Keyed { bundle: Bundle::default(), hashes: vec![crate::keyed::key_hash(&1_u64)] };
    elements.bundle.push((1, value), Meta::default());
    if kernel.add(&mut elements, 1).is_err() {
        return;
    }
    for at in [Timestamp::from_secs(9), Timestamp::MAX] {
        kernel.advance(at, at);
        run_dry(&mut kernel);
    }
}

fn records(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first()?;
        let (record, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        Some(record)
    })
}

fn run_dry<V: Wire, Out: Element>(kernel: &mut impl Kernel<u64, V, Out>) {
    let mut out = Bundle::default();
    while matches!(kernel.poll(&mut out), Ok(true)) {
        out = Bundle::default();
    }
}
