use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decoded;
use crate::combine::{Max, Mean, Quantiles, Sum};
use crate::source::{BoundedOutOfOrderness, Manual, Monotonic, WallTime, WatermarkEstimator};
use crate::splittable::{OffsetRange, Restriction};
use crate::state::{Bag, Combining, Map, Merge, Multimap, OrderedList, Set};
use crate::window::Window;
use crate::{Group, Reified, Timestamp};

/// Values that runs keep, read back from bytes that may be damaged: they are what was written, and can be gone on with.
/// The first byte chooses the type.
pub fn persisted(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 16 {
        0 => window(data),
        1 => same::<Reified<(u64, String)>>(data),
        2 => same::<Group<String>>(data),
        3 => estimator::<Manual>(data),
        4 => estimator::<Monotonic>(data),
        5 => estimator::<BoundedOutOfOrderness>(data),
        6 => estimator::<WallTime>(data),
        7 => offsets(data),
        8 => merged::<Bag<u64>>(data),
        9 => merged::<Map<String, Bag<u64>>>(data),
        10 => merged::<Multimap<u64, String>>(data),
        11 => merged::<Set<String>>(data),
        12 => ordered(data),
        13 => combining(data),
        14 => merged::<(Option<Bag<String>>, Vec<u64>)>(data),
        _ => same::<(Timestamp, Option<Timestamp>, Duration)>(data),
    }
}

fn same<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let _ = decoded::<T>(data);
}

fn window(data: &[u8]) {
    let Some((window, rest)) = decoded::<Window>(data) else { return };
    let other = decoded::<Window>(rest).map_or(Window::GLOBAL, |(other, _)| other);
    assert!(window.span(other).start <= window.start);
    assert!(window.expiry(i64::MAX) >= window.max_timestamp());
    let _ = (window.to_string(), window.contains(other.start), window.overlaps(other));
}

fn estimator<E: WatermarkEstimator>(data: &[u8]) {
    let Some((mut estimator, rest)) = decoded::<E>(data) else { return };
    let at = decoded::<Timestamp>(rest).map_or(Timestamp::MAX, |(at, _)| at);
    let before = estimator.watermark(at);
    estimator.observe(at);
    assert!(estimator.watermark(at) >= before);
}

fn offsets(data: &[u8]) {
    let Some((mut range, rest)) = decoded::<OffsetRange>(data) else { return };
    let parts = range.into_parts(7);
    assert_eq!(parts[0].next(), range.next());
    let at = decoded::<u64>(rest).map_or(u64::MAX, |(at, _)| at);
    let claimed = range.try_claim(&at);
    assert!(!claimed || !range.try_claim(&at), "{at} is claimed twice");
    let _ = range.split_off();
}

fn merged<S: Merge + Clone + Debug + Serialize + DeserializeOwned>(data: &[u8]) {
    let Some((mut state, rest)) = decoded::<S>(data) else { return };
    let other = decoded::<S>(rest).map_or_else(|| state.clone(), |(other, _)| other);
    state.merge(other);
    let stored = postcard::to_allocvec(&state).expect("what was merged encodes");
    assert!(postcard::from_bytes::<S>(&stored).is_ok());
}

fn ordered(data: &[u8]) {
    let Some((mut list, rest)) = decoded::<OrderedList<u64>>(data) else { return };
    let other = decoded(rest).map_or_else(OrderedList::default, |(other, _)| other);
    list.merge(other);
    list.add(Timestamp::MIN, 7);
    assert!(list.read().is_sorted_by_key(|(at, _)| at));
    list.clear_range(Timestamp::MIN..Timestamp::MAX);
}

fn combining(data: &[u8]) {
    type Kept = Combining<u64, (Sum, Max, Mean)>;
    let Some((mut kept, rest)) = decoded::<Kept>(data) else { return };
    let other = decoded(rest).map_or_else(Kept::default, |(other, _)| other);
    kept.merge(other);
    kept.add(u64::MAX);
    let _ = kept.read();
    // One whose aggregation is no constant, and has a state of its own.
    let _ = decoded::<Combining<u64, Quantiles>>(data);
}
