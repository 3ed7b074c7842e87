use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::Key;

/// Checks the law of keys on samples of a type: keys are equal if and only if their encodings are, equal ones hash alike,
/// and one that was stored and read again is equal to what it was. In memory keys are grouped by `Eq` and `Hash`, elsewhere
/// by their encodings; a type that keeps the law is grouped alike everywhere.
///
/// Give samples that are almost alike: the same in another spelling, with a field left out, empty.
///
/// ```
/// use flow_core::testing::conformance;
/// conformance::key(["", "a", "A", "aa"].map(String::from));
/// conformance::key([(1_u32, None), (1, Some(0)), (0, Some(1_u8))]);
/// ```
///
/// # Panics
/// With the keys that break the law, and how.
#[track_caller]
pub fn key<K: Key + Debug>(samples: impl IntoIterator<Item = K>) {
    let samples: Vec<K> = samples.into_iter().collect();
    for one in &samples {
        let read: K = postcard::from_bytes(&encoded(one))
            .unwrap_or_else(|error| panic!("{one:?} cannot be read from its encoding: {error}"));
        assert!(read == *one, "{one:?} is not equal to what is read from its encoding, {read:?}");
        for other in &samples {
            check(one, other);
        }
    }
}

#[track_caller]
fn check<K: Key + Debug>(one: &K, other: &K) {
    let (equal, alike) = (one == other, encoded(one) == encoded(other));
    assert!(!equal || alike, "{one:?} and {other:?} are equal, and their encodings are not");
    assert!(equal || !alike, "{one:?} and {other:?} are not equal, and their encodings are");
    let hashes = BuildHasherDefault::<DefaultHasher>::default();
    assert!(
        !equal || hashes.hash_one(one) == hashes.hash_one(other),
        "{one:?} and {other:?} are equal, and their hashes are not"
    );
}

#[track_caller]
fn encoded<K: Key + Debug>(key: &K) -> Vec<u8> {
    postcard::to_stdvec(key).unwrap_or_else(|error| panic!("{key:?} has no encoding: {error}"))
}
