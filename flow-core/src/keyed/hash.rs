use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

/// The one hash of a key: it chooses the worker and the place in the worker's table.
#[inline]
pub(crate) fn key_hash<K: Hash>(key: &K) -> u64 {
    FixedState::with_seed(0x666c_6f77).hash_one(key)
}

/// The hash of a known key: a durable run goes on only where keys still have the hashes that they had.
pub fn hash_probe() -> u64 {
    key_hash(&("flow", 1_u64, [2_u8, 3].as_slice()))
}

/// The worker that owns a key. Tables use the lowest and the highest bits of the hash, so this uses those between.
#[inline]
pub fn owner(hash: u64, workers: usize) -> usize {
    ((u64::from((hash >> 20) as u32) * workers as u64) >> 32) as usize
}
