//! Side inputs over time.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Script, collect};

#[test]
fn a_window_of_a_view_stays_until_its_slowest_reader_is_past_it() {
    let at = Timestamp::from_secs;
    let ten = || Fixed::of(Duration::from_secs(10));
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (side, fast, slow) = (script.input::<u32>(), script.input::<u32>(), script.input::<u32>());
    let factor = side.collection().window(ten()).as_single_or(0);
    let scaled =
        |main: &PCollection<u32>| collect(&main.window(ten()).with(&factor).map(|n, factor| n * factor));
    let (of_fast, of_slow) = (scaled(&fast.collection()), scaled(&slow.collection()));
    side.add([(10, at(1))]).watermark(at(100));
    fast.add([(1, at(2))]).watermark(at(100));
    slow.add([(2, at(3))]);
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(of_fast.values(), [10]);
    assert_eq!(of_slow.values(), [20]);
}
