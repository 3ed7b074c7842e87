use super::{CombineFn, Number};

/// The sum of integers or floats, as the input's type; 0 of none.
///
/// Integers are summed exactly in a wider type. A total that does not fit the input's type saturates at its
/// end: it neither wraps nor panics, and since that happens once, at the end, no order of inputs changes it.
///
/// Floats are summed with compensation (Sum2 of Ogita, Rump and Oishi, 2005), `f32` in `f64`. The error is at most
/// one rounding of the result plus n² · 10⁻³² of the sum of the magnitudes, and so the last bits may
/// differ with the order of inputs. A sum that leaves the range on its way is infinite, or NaN where it did so on
/// both sides.
///
/// ```
/// use flow_core::combine::{Sum, fold};
/// assert_eq!(fold(&Sum, [250_u8, 10]), 255);
/// assert_eq!(fold(&Sum, [i64::MAX, 1, -2]), i64::MAX - 1);
/// assert_eq!(fold(&Sum, [0.1; 10]), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum;

impl<N: Number> CombineFn<N> for Sum {
    type Accumulator = N::Total;
    type Output = N;

    fn create(&self) -> N::Total {
        N::Total::default()
    }

    #[inline]
    fn add(&self, total: &mut N::Total, input: N) {
        input.add_to(total);
    }

    fn merge(&self, total: &mut N::Total, other: N::Total) {
        N::merge(total, other);
    }

    fn finish(&self, total: N::Total) -> N {
        N::sum(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::fold;

    #[test]
    fn integers_saturate_at_both_ends() {
        assert_eq!(fold(&Sum, [i8::MIN, -1]), i8::MIN);
        assert_eq!(fold(&Sum, [u64::MAX, u64::MAX]), u64::MAX);
        assert_eq!(fold(&Sum, [i128::MAX, 1, -1]), i128::MAX);
    }

    #[test]
    fn what_one_float_hides_another_reveals() {
        assert_eq!(fold(&Sum, [1e100, 1.0, -1e100]).to_string(), "1");
        assert_eq!(fold(&Sum, [16_777_216.0_f32, 1.0, 1.0]).to_string(), "16777218");
    }

    #[test]
    fn infinities_and_nan_go_through() {
        assert_eq!(fold(&Sum, [1.0, f64::INFINITY, 1.0]).to_string(), "inf");
        assert!(fold(&Sum, [f64::NAN, 1.0]).is_nan());
        assert!(fold(&Sum, [f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn nothing_sums_to_zero() {
        assert_eq!(fold(&Sum, [] as [u32; 0]), 0);
    }
}
