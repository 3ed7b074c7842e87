use serde::{Deserialize, Serialize};

use super::Restriction;

/// The numbers from a first to before an end, of which those up to the next have been claimed: lines, bytes, records.
///
/// Claims may leave numbers out, as they do where a record begins only every some bytes.
///
/// ```
/// use flow_core::splittable::{OffsetRange, Restriction};
/// let mut range = OffsetRange::new(0, 100);
/// assert!(range.try_claim(&0) && range.try_claim(&30));
/// let rest = range.split_off().unwrap();
/// assert_eq!((rest.next(), rest.end()), (31, 100));
/// assert!(!range.try_claim(&31));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetRange {
    next: u64,
    end: u64,
}

impl OffsetRange {
    /// From `first` to before `end`; empty if that is not behind it.
    pub fn new(first: u64, end: u64) -> Self {
        OffsetRange { next: first, end }
    }

    /// The least number that has not been claimed.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The number behind the last.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Cuts what has not been claimed into at most so many ranges of about the same length: for
    /// [`SplittableFn::split`](super::SplittableFn::split). An empty one stays whole.
    pub fn into_parts(self, parts: usize) -> Vec<Self> {
        let len = self.end.saturating_sub(self.next);
        let parts = (parts as u64).clamp(1, len.max(1));
        let cut = |at: u64| self.next + (u128::from(len) * u128::from(at) / u128::from(parts)) as u64;
        (0..parts).map(|part| OffsetRange::new(cut(part), cut(part + 1))).collect()
    }
}

impl Restriction for OffsetRange {
    type Position = u64;

    fn try_claim(&mut self, position: &u64) -> bool {
        let is_in = (self.next..self.end).contains(position);
        self.next = if is_in { position + 1 } else { self.end };
        is_in
    }

    fn split_off(&mut self) -> Option<Self> {
        let rest = OffsetRange::new(self.next, self.end);
        self.end = self.end.min(self.next);
        (rest.next < rest.end).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_up_the_whole() {
        assert_eq!(
            OffsetRange::new(0, 10).into_parts(3),
            [(0, 3), (3, 6), (6, 10)].map(|(a, b)| OffsetRange::new(a, b))
        );
        assert_eq!(OffsetRange::new(5, 7).into_parts(9).len(), 2);
        assert_eq!(OffsetRange::new(5, 5).into_parts(9), [OffsetRange::new(5, 5)]);
    }

    #[test]
    fn a_claim_behind_the_end_finishes_the_range() {
        let mut range = OffsetRange::new(0, 10);
        assert!(range.try_claim(&4));
        assert!(!range.try_claim(&12));
        assert_eq!(range.split_off(), None);
    }
}
