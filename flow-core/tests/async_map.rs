//! `map_async` and `map_async_unordered`, with futures whose time of completion the test chooses.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use flow_core::ErrorKind;
use flow_core::prelude::*;
use flow_core::testing::stream;

/// Is done when it has been looked at so many times, without any timer or thread.
fn after_looks(looks: u32) -> impl Future<Output = ()> + Send {
    let mut left = looks;
    poll_fn(move |task| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    })
}

/// The later the element, the sooner it is done.
async fn slow_first(n: u32) -> u32 {
    after_looks(50 - 10 * n).await;
    n
}

#[test]
fn results_keep_the_order_of_their_elements() {
    let results = apply([1, 2, 3, 4], |n: &PCollection<u32>| n.map_async(4, slow_first));
    assert_eq!(results, [1, 2, 3, 4]);
}

#[test]
fn unordered_results_come_as_they_are_done() {
    let results = apply([1, 2, 3, 4], |n: &PCollection<u32>| n.map_async_unordered(4, slow_first));
    assert_eq!(results, [4, 3, 2, 1]);
}

/// The most calls at a time that a run with this bound makes.
fn most_at_a_time(concurrency: usize) -> usize {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let results = apply(0..20, move |n: &PCollection<u32>| {
        n.map_async(concurrency, move |n| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                after_looks(1 + n % 3).await;
                running.fetch_sub(1, Ordering::SeqCst);
                n
            }
        })
    });
    assert_eq!(results, (0..20).collect::<Vec<_>>());
    seen.load(Ordering::SeqCst)
}

#[test]
fn no_more_calls_are_made_at_a_time_than_allowed() {
    assert_eq!([1, 3, 7].map(most_at_a_time), [1, 3, 7]);
}

#[test]
fn a_concurrency_of_none_is_one() {
    assert_eq!(most_at_a_time(0), 1);
}

#[test]
fn a_watermark_waits_for_the_results_of_the_elements_before_it() {
    let at = Timestamp::from_secs;
    let counts = stream::<u32>()
        .add([(0, at(1)), (4, at(2))])
        .watermark(at(60))
        .add([(4, at(61))])
        .watermark(at(120))
        .run(|n| {
            n.window(Fixed::of(std::time::Duration::from_mins(1)))
                .map_async_unordered(8, slow_first)
                .map(|_| ())
                .count()
        });
    let seen: Vec<_> = counts.iter().map(|c| (c.value.1, c.window.start, c.pane.timing)).collect();
    assert_eq!(seen, [(2, at(0), Timing::OnTime), (1, at(60), Timing::OnTime)]);
}

#[test]
fn results_keep_the_times_of_their_elements() {
    let at = Timestamp::from_secs;
    let results = stream::<u32>()
        .add([(1, at(1)), (2, at(2)), (3, at(3))])
        .run(|n| n.map_async_unordered(3, slow_first));
    let seen: Vec<_> = results.iter().map(|r| (r.value, r.time)).collect();
    assert_eq!(seen, [(3, at(3)), (2, at(2)), (1, at(1))]);
}

#[test]
fn errors_are_values_that_part() {
    let results = apply([1, 2, 3], |n: &PCollection<u32>| {
        let (even, _odd) = n.map_async(2, |n| async move { if n % 2 == 0 { Ok(n) } else { Err(n) } }).split();
        even
    });
    assert_eq!(results, [2]);
}

#[test]
fn a_panic_in_a_future_is_an_error_of_its_step() {
    let p = Pipeline::new();
    let calls = p.create([1_u32]).map_async(1, |n| async move {
        after_looks(5).await;
        assert_ne!(n, 1, "no ones");
        n
    });
    let _ = calls.named("call").map(|n| n + 1);
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(error.step().map(|step| step.name.as_str()), Some("call"));
    assert!(error.to_string().contains("no ones"), "{error}");
}
