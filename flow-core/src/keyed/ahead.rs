use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hash::key_hash;
use crate::element::Key;

/// From about so many entries on, a table is larger than the caches near a core.
const OUTGROWS_CACHE: usize = 1 << 14;

/// How many elements are looked up before they are taken in: what they need has to stay in the cache meanwhile.
const AHEAD: usize = 256;

/// Takes pairs into a table, with the hashes of their keys.
///
/// In a large table they are looked up first without use, some at a time: such reads wait for memory side by side, those of
/// updates one by one.
pub(super) fn take_in<K: Key, In, A>(
    table: &mut HashTable<(K, A)>,
    pairs: &mut Vec<(K, In)>,
    hashes: &mut Vec<u64>,
    start: impl Fn(In) -> A,
    absorb: impl Fn(&mut A, In),
) {
    let (mut pairs, mut hashes) = (pairs.drain(..), hashes.drain(..));
    while !pairs.as_slice().is_empty() {
        if table.len() > OUTGROWS_CACHE {
            let next = pairs.as_slice().iter().zip(hashes.as_slice()).take(AHEAD);
            let is_there =
                |((key, _), hash): &(&(K, In), &u64)| table.find(**hash, |entry| entry.0 == *key).is_some();
            std::hint::black_box(next.filter(is_there).count());
        }
        for ((key, input), hash) in pairs.by_ref().zip(hashes.by_ref()).take(AHEAD) {
            take_in_one(table, hash, key, input, &start, &absorb);
        }
    }
}

/// Takes one pair in.
#[inline]
pub(super) fn take_in_one<K: Key, In, A>(
    table: &mut HashTable<(K, A)>,
    hash: u64,
    key: K,
    input: In,
    start: impl Fn(In) -> A,
    absorb: impl Fn(&mut A, In),
) {
    match table.entry(hash, |entry| entry.0 == key, |entry| key_hash(&entry.0)) {
        Entry::Occupied(mut entry) => absorb(&mut entry.get_mut().1, input),
        Entry::Vacant(place) => {
            place.insert((key, start(input)));
        }
    }
}
