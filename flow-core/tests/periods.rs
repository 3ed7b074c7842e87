//! Periods that are less than what time is measured in.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::splittable::Growth;

#[test]
fn a_period_of_less_than_a_microsecond_is_refused() {
    let nano = Duration::from_nanos(999);
    let watch = Watch::every(nano);
    let p = Pipeline::new();
    let _ = p.periodic_impulse(nano);
    let _ = p.refreshing(nano, || async { Ok::<_, BoxError>(1) });
    let _ = p.create([0]).watch(watch, |_| Ok::<_, BoxError>(Growth::of([1]).complete()));
    let errors = p.into_graph().unwrap_err().report();
    for said in ["ticks need a period", "a refreshing view needs a period", "what is watched"] {
        assert!(errors.contains(said), "{errors}");
    }
}
