//! Views that are loaded anew, on workers: nothing waits for a load but what needs its value.
mod kit;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use flow_core::metrics::MetricValue;
use flow_core::prelude::*;
use flow_core::testing::collect;
use kit::{Feed, Log};

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn elements_wait_for_a_first_load_that_takes_its_time_and_the_run_then_ends() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let rate = p.refreshing(Duration::from_hours(1), || async {
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(|| 3_u64).await
        });
        let priced = collect(&p.create(0..5000_u64).with(&rate).map(|n, rate| n * rate).combine(Sum));
        kit::run(kit::workers(workers), p);
        assert_eq!(priced.values(), [37_492_500]);
    }
}

#[test]
fn a_load_that_never_ends_stops_neither_the_elements_nor_the_end() {
    for workers in [1, 2] {
        let p = Pipeline::new();
        let (feed, loads) = (Feed::new("feed", &Log::default()), AtomicU64::new(0));
        let main = p.read(feed.clone());
        let view = p.refreshing(MILLI, move || {
            let is_first = loads.fetch_add(1, SeqCst) == 0;
            if !is_first {
                feed.add([(1, 0)]);
                feed.end();
            }
            async move { if is_first { Ok::<_, BoxError>(7) } else { std::future::pending().await } }
        });
        let sum = collect(&main.with(&view).map(|n, view| n + view));
        kit::run(kit::workers(workers), p);
        assert_eq!(sum.values(), [8]);
    }
}

#[test]
fn failed_refreshes_are_counted() {
    let p = Pipeline::new();
    let (feed, loads) = (Feed::new("feed", &Log::default()), AtomicU64::new(0));
    let main = p.read(feed.clone());
    let view = p.refreshing(MILLI, move || {
        let load = loads.fetch_add(1, SeqCst);
        if load == 3 {
            feed.add([(1, 0)]);
            feed.end();
        }
        async move { if load == 0 { Ok(7) } else { Err::<u64, BoxError>("no".into()) } }
    });
    let sum = collect(&main.with(&view).map(|n, view| n + view));
    let report = kit::run(kit::workers(2), p);
    assert_eq!(sum.values(), [8]);
    let failed = &report.summary.metrics["refreshing/load.failed_refreshes"];
    assert!(matches!(failed, MetricValue::Counter(n) if *n >= 2), "{failed:?}");
}

#[test]
fn a_view_that_nobody_reads_is_loaded_all_the_same() {
    let p = Pipeline::new();
    let unread = p.refreshing(MILLI, || async { Ok::<_, BoxError>(1) });
    drop(unread);
    let numbers = collect(&p.create([1, 2]));
    kit::run(kit::workers(2), p);
    assert_eq!(numbers.values().len(), 2);
}

#[test]
fn ticks_with_an_end_end_the_run() {
    for workers in [1, 3] {
        let p = Pipeline::new();
        let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(100));
        let impulse = Impulse::every(Duration::from_secs(1)).starting(start).until(end);
        let count = collect(
            &p.periodic_impulse(impulse).window(Fixed::of(Duration::from_secs(50))).map(|_| ()).count(),
        );
        kit::run(kit::workers(workers), p);
        assert_eq!(count.values(), [((), 50), ((), 50)]);
    }
}
