//! Async functions on the local runner.
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use flow_core::ErrorKind;
use flow_core::prelude::*;
use flow_core::testing::{MemorySinks, collect, stream};

/// How many calls are under way, and how many were at most.
#[derive(Clone, Default)]
struct UnderWay(Arc<[AtomicUsize; 2]>);

impl UnderWay {
    async fn call(self, n: u64) -> u64 {
        let [now, most] = &*self.0;
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        tokio::time::sleep(Duration::from_millis(1 + n % 3)).await;
        now.fetch_sub(1, SeqCst);
        n
    }

    fn most(&self) -> usize {
        self.0[1].load(SeqCst)
    }
}

#[test]
fn no_more_calls_are_under_way_than_allowed_on_each_worker() {
    for workers in [1, 2] {
        let (p, calls) = (Pipeline::new(), UnderWay::default());
        let under_way = calls.clone();
        let called =
            collect(&p.create(0..300_u64).map_async_unordered(7, move |n| under_way.clone().call(n)));
        kit::run(kit::workers(workers), p);
        assert_eq!(called.sorted(), (0..300).collect::<Vec<_>>());
        assert!(calls.most() <= 7 * workers, "{} calls at once", calls.most());
        assert!(calls.most() > 1, "calls run side by side");
    }
}

#[test]
fn results_keep_their_order_however_long_each_takes() {
    let (p, calls) = (Pipeline::new(), UnderWay::default());
    let called = collect(&p.create(0..300_u64).map_async(7, move |n| calls.clone().call(n)));
    kit::run(kit::workers(1), p);
    assert_eq!(called.values(), (0..300).collect::<Vec<_>>());
}

#[test]
fn a_slow_call_holds_up_only_those_that_keep_their_order() {
    let first_of = |unordered: bool| {
        let p = Pipeline::new();
        let call = |n: u64| async move {
            tokio::time::sleep(Duration::from_millis(if n == 0 { 100 } else { 1 })).await;
            n
        };
        let numbers = p.create(0..20_u64);
        let called =
            if unordered { numbers.map_async_unordered(4, call) } else { numbers.map_async(4, call) };
        let seen = collect(&called);
        kit::run(kit::workers(1), p);
        seen.values()[0]
    };
    assert_eq!(first_of(false), 0);
    assert_ne!(first_of(true), 0);
}

#[test]
fn windows_behind_calls_are_whole_and_on_time() {
    for workers in [1, 2, 4] {
        let (p, calls) = (Pipeline::new(), UnderWay::default());
        let mut script = stream::<u64>();
        for second in 0..60_i64 {
            let at = Timestamp::from_secs(second);
            script = script.add([(second as u64, at), (100, at)]).watermark(at);
        }
        let called = script.collection(&p).map_async_unordered(5, move |n| calls.clone().call(n));
        let counts = called.window(Fixed::of(Duration::from_secs(20))).map(|_| ()).count().reify();
        let counts = collect(&counts.map(|r| (r.window.end, r.value.1, r.pane.timing)));
        let report = kit::run(kit::workers(workers), p);
        let wanted = [20, 40, 60].map(|end| (Timestamp::from_secs(end), 40, Timing::OnTime));
        assert_eq!(counts.values(), wanted);
        assert_eq!(report.summary.dropped_late(), 0);
    }
}

#[test]
fn what_is_called_at_the_end_is_written() {
    let (p, calls, sinks) = (Pipeline::new(), UnderWay::default(), MemorySinks::new());
    p.create(0..100_u64).map_async(3, move |n| calls.clone().call(n)).write(sinks.sink("out"));
    kit::run(kit::workers(2), p);
    assert_eq!(sinks.values("out").len(), 100);
}

#[test]
fn a_panic_in_a_call_names_the_step() {
    for awaited in [true, false] {
        let p = Pipeline::new();
        p.create(0..100_u64)
            .map_async(3, move |n| async move {
                if awaited {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert!(n != 50, "no fifties here");
                n
            })
            .named("call")
            .map(|n| n)
            .named("next")
            .for_each(|_| {});
        let error = kit::fails(kit::workers(2), p);
        assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::Panic, "call"));
        assert!(error.to_string().contains("no fifties here"), "{error}");
    }
}
