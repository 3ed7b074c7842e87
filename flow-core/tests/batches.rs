//! What one batch of a source leaves behind for the next.

use flow_core::prelude::*;

#[test]
fn a_batch_of_a_source_does_not_inherit_the_times_of_the_one_before() {
    let numbers: Vec<i64> = (0..5000).rev().collect();
    let times = apply(numbers, |n: &PCollection<i64>| {
        n.with_timestamps(|n| Timestamp::from_secs(*n)).reify().map(|r| (r.value, r.time))
    });
    assert_eq!(times.len(), 5000);
    assert!(times.iter().all(|(n, at)| *at == Timestamp::from_secs(*n)));
}

#[test]
fn before_its_timestamp_an_element_of_bounded_data_has_none() {
    let numbers: Vec<i64> = (0..5000).collect();
    let before = apply(numbers, |n: &PCollection<i64>| {
        n.process(|n, out| {
            let at = out.timestamp();
            out.emit((n, at));
        })
        .with_timestamps(|(n, _)| Timestamp::from_secs(*n))
    });
    assert!(before.iter().all(|(_, at)| *at == Timestamp::MIN));
}
