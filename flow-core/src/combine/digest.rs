use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::random::mix;

/// A 64-bit hash of a value's encoding.
///
/// Sketches are stored and merged across processes and versions, so the hash is ours and never changes; that of
/// `foldhash` may with a release or a platform. A value that has no encoding (which the runner reports
/// where it is first stored) hashes like every other such one.
pub(crate) fn digest<T: Serialize + ?Sized>(value: &T) -> u64 {
    postcard::serialize_with_flavor(value, Digest::default()).unwrap_or_default()
}

/// A value's encoding, to order by what has no order of its own; empty if it has none, as above.
pub(crate) fn encoding<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Takes the encoding as it is written, eight bytes a step, so that hashing allocates nothing.
#[derive(Default)]
struct Digest {
    state: u64,
    word: u64,
    length: u64,
}

impl Flavor for Digest {
    type Output = u64;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.word |= u64::from(byte) << (8 * (self.length % 8));
        self.length += 1;
        if self.length.is_multiple_of(8) {
            self.state = mix(self.state ^ self.word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.word = 0;
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<u64> {
        Ok(mix(mix(self.state ^ self.word).wrapping_add(self.length)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn hashes_are_the_same_in_every_version() {
        let wanted = [6_238_072_747_940_578_789, 10_531_808_402_639_834_208, 14_202_591_241_429_144_179];
        assert_eq!([digest(&0_u64), digest("flow"), digest(&("a longer key", -1_i64))], wanted);
    }

    #[test]
    fn near_values_hash_apart() {
        let hashes: HashSet<u64> = (0..100_000_u64).map(|n| digest(&n)).collect();
        assert_eq!(hashes.len(), 100_000);
        assert_ne!(digest(&[0_u8; 8]), digest(&[0_u8; 9]));
    }

    #[test]
    fn every_bit_of_a_hash_is_set_in_half_of_them() {
        for bit in 0..64 {
            let set = (0..10_000_u64).filter(|n| digest(n) >> bit & 1 == 1).count();
            assert!((4_700..5_300).contains(&set), "bit {bit}: {set}");
        }
    }
}
