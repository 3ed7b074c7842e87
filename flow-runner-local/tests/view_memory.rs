//! Views forget the windows that no reader will ask for.

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::Script;

const WINDOWS: i64 = 200;

/// How many values of a view there are, and how many there have been at once.
#[derive(Clone, Default)]
struct Living(Arc<(AtomicUsize, AtomicUsize)>);

struct Value(Living);

impl Living {
    fn born(&self) -> Value {
        let now = self.0.0.fetch_add(1, SeqCst) + 1;
        self.0.1.fetch_max(now, SeqCst);
        Value(self.clone())
    }

    fn most(&self) -> usize {
        self.0.1.load(SeqCst)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, SeqCst);
    }
}

fn minute(number: i64) -> Timestamp {
    Timestamp::from_secs(60 * number)
}

/// The most values at once of a view with a value in each of many minutes, which a main input reads, or only passes by,
/// or which nobody reads.
fn most_values(workers: usize, elements: bool, is_read: bool) -> usize {
    let (living, p) = (Living::default(), Pipeline::new());
    let script = Script::new(&p);
    let (main, side) = (script.input::<i64>(), script.input::<i64>());
    let minutes =
        || Fixed::of(Duration::from_mins(1)).allowed_lateness(Duration::from_mins(2)).accumulating();
    let values = living.clone();
    let view = side.collection().window(minutes()).view(move |_| values.born());
    let main_input = main.collection().window(minutes());
    if is_read {
        main_input.with(&view).map(|n, _| n).for_each(|_| {});
    } else {
        main_input.for_each(|_| {});
    }
    for number in 0..WINDOWS {
        side.add([(number, minute(number))]).watermark(minute(number + 1));
        if elements {
            main.add([(number, minute(number))]);
        }
        main.watermark(minute(number + 1));
    }
    kit::run(kit::workers(workers), p);
    living.most()
}

#[test]
fn a_view_keeps_the_windows_that_may_be_asked_for_and_no_others() {
    for workers in [1, 2] {
        // Three minutes: the last, and two of lateness; and the next, while the main input is still behind.
        assert!(most_values(workers, true, true) <= 5);
    }
}

#[test]
fn the_watermark_of_a_main_input_without_elements_is_enough() {
    assert!(most_values(2, false, true) <= 5);
}

#[test]
fn a_view_that_nobody_reads_keeps_nothing() {
    assert!(most_values(2, true, false) <= 1);
}
