use serde::{Deserialize, Serialize};

/// A sum of floats, with what rounding took from it kept beside it: the algorithm Sum2 of Ogita, Rump and Oishi,
/// "Accurate sum and dot product", 2005, on Knuth's branch-free TwoSum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (value - added);
        self.sum = sum;
    }

    pub(super) fn merge(&mut self, other: Compensated) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// Once the sum is infinite or NaN it says all there is; what was lost is then NaN.
    pub(super) fn value(self) -> f64 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}
