use super::CombineFn;

/// The number of inputs, of any type, as a `u64`; 0 of none.
///
/// ```
/// use flow_core::combine::{Count, fold};
/// assert_eq!(fold(&Count, ["a", "b", "a"]), 3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count;

impl<In> CombineFn<In> for Count {
    type Accumulator = u64;
    type Output = u64;

    fn create(&self) -> u64 {
        0
    }

    #[inline]
    fn add(&self, count: &mut u64, _: In) {
        *count = count.wrapping_add(1);
    }

    #[inline]
    fn add_ref(&self, count: &mut u64, _: &In) {
        *count = count.wrapping_add(1);
    }

    fn merge(&self, count: &mut u64, other: u64) {
        *count = count.wrapping_add(other);
    }

    fn finish(&self, count: u64) -> u64 {
        count
    }
}
