use serde::{Deserialize, Serialize};

/// A sum of 128-bit integers, in two's complement of 192 bits: exact for any number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wide {
    high: i64,
    low: u128,
}

impl Wide {
    pub(super) fn from_signed(value: i128) -> Self {
        Wide { high: if value < 0 { -1 } else { 0 }, low: value.cast_unsigned() }
    }

    pub(super) fn from_unsigned(value: u128) -> Self {
        Wide { high: 0, low: value }
    }

    pub(super) fn add(&mut self, other: Wide) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        // Beyond 192 bits is only what was stored and damaged.
        self.high = self.high.wrapping_add(other.high).wrapping_add(i64::from(carry));
    }

    /// The nearest `i128`.
    pub(super) fn to_signed(self) -> i128 {
        let low = self.low.cast_signed();
        match self.high {
            0 if low >= 0 => low,
            -1 if low < 0 => low,
            0.. => i128::MAX,
            _ => i128::MIN,
        }
    }

    /// The nearest `u128`.
    pub(super) fn to_unsigned(self) -> u128 {
        match self.high {
            0 => self.low,
            1.. => u128::MAX,
            _ => 0,
        }
    }

    pub(super) fn to_f64(self) -> f64 {
        let signed = self.to_signed();
        if Self::from_signed(signed) == self {
            return signed as f64;
        }
        self.high as f64 * 2_f64.powi(128) + self.low as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(values: &[i128]) -> Wide {
        let mut total = Wide::default();
        for &value in values {
            total.add(Wide::from_signed(value));
        }
        total
    }

    #[test]
    fn a_sum_that_left_the_range_and_came_back_is_exact() {
        assert_eq!(total(&[i128::MAX, i128::MAX, -i128::MAX, 5, -i128::MAX]).to_signed(), 5);
        assert_eq!(total(&[i128::MIN, i128::MIN, i128::MAX, 7, i128::MAX]).to_signed(), 5);
    }

    #[test]
    fn a_sum_out_of_range_saturates() {
        assert_eq!(total(&[i128::MAX, 1]).to_signed(), i128::MAX);
        assert_eq!(total(&[i128::MIN, -1]).to_signed(), i128::MIN);
        let mut unsigned = Wide::from_unsigned(u128::MAX);
        unsigned.add(Wide::from_unsigned(1));
        assert_eq!(unsigned.to_unsigned(), u128::MAX);
    }

    #[test]
    fn as_a_float_it_is_near_at_every_size() {
        assert_eq!(total(&[-5]).to_f64().to_string(), "-5");
        assert_eq!(total(&[i128::MAX, i128::MAX]).to_f64().log2().to_string(), "128");
        assert_eq!((-total(&[i128::MIN, i128::MIN]).to_f64()).log2().to_string(), "128");
    }
}
