use serde::Serialize;

/// The name of an element in a region that is the same in all runs: a hash of the region's name and the element's encoding.
/// None if it has no encoding.
pub(super) fn identity<T: Serialize>(region: &str, element: &T) -> Option<u64> {
    let encoded = postcard::to_stdvec(element).ok()?;
    Some(fnv(region.bytes().chain([0]).chain(encoded)))
}

/// FNV-1a: what is kept in files must not change with a version of a library.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_books() {
        assert_eq!(fnv("foobar".bytes()), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn elements_of_other_regions_have_other_names() {
        assert_eq!(identity("a", &7_u64), identity("a", &7_u64));
        assert_ne!(identity("a", &7_u64), identity("b", &7_u64));
        assert_ne!(identity("a", &7_u64), identity("a", &8_u64));
    }
}
