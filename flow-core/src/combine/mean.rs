use super::{CombineFn, Number};

/// The arithmetic mean of integers or floats, as an `f64`; NaN of no input at all.
///
/// A key has always an input, so NaN means an empty window combined as a whole, or a NaN among the inputs. The
/// sum behind it is that of [`Sum`](super::Sum) before it saturates: exact for integers, compensated for floats.
///
/// ```
/// use flow_core::combine::{Mean, fold};
/// assert_eq!(fold(&Mean, [1, 2, 4, 3]), 2.5);
/// assert!(fold(&Mean, [] as [i32; 0]).is_nan());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mean;

impl<N: Number> CombineFn<N> for Mean {
    type Accumulator = (N::Total, u64);
    type Output = f64;

    fn create(&self) -> Self::Accumulator {
        (N::Total::default(), 0)
    }

    #[inline]
    fn add(&self, (total, count): &mut Self::Accumulator, input: N) {
        input.add_to(total);
        *count = count.wrapping_add(1);
    }

    fn merge(&self, (total, count): &mut Self::Accumulator, other: Self::Accumulator) {
        N::merge(total, other.0);
        *count = count.wrapping_add(other.1);
    }

    fn finish(&self, (total, count): Self::Accumulator) -> f64 {
        N::sum_as_f64(total) / count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::fold;

    #[test]
    fn the_sum_behind_a_mean_does_not_saturate() {
        assert_eq!(fold(&Mean, [u8::MAX; 4]).to_string(), "255");
        assert_eq!(fold(&Mean, [i128::MIN, i128::MAX, 3]).to_string(), (2.0 / 3.0).to_string());
    }
}
