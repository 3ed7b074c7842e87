use super::CombineFn;
use super::digest::encoding;
use crate::Timestamp;
use crate::element::Wire;

/// Of `(timestamp, value)` inputs, the value with the greatest timestamp; `None` of no input.
///
/// Of values at one timestamp, the one with the greatest encoding: a rule that needs no `Ord` and that no order of
/// arrival changes, which "the last that came" would be.
///
/// ```
/// use flow_core::{Timestamp, combine::{Latest, fold}};
/// let at = Timestamp::from_secs;
/// assert_eq!(fold(&Latest, [(at(1), 'a'), (at(3), 'c'), (at(2), 'b')]), Some('c'));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latest;

impl<T: Wire> CombineFn<(Timestamp, T)> for Latest {
    type Accumulator = Option<(Timestamp, T)>;
    type Output = Option<T>;

    fn create(&self) -> Self::Accumulator {
        None
    }

    #[inline]
    fn add(&self, latest: &mut Self::Accumulator, input: (Timestamp, T)) {
        if latest.as_ref().is_none_or(|latest| is_later(&input, latest)) {
            *latest = Some(input);
        }
    }

    fn merge(&self, latest: &mut Self::Accumulator, other: Self::Accumulator) {
        if let Some(input) = other {
            self.add(latest, input);
        }
    }

    fn finish(&self, latest: Self::Accumulator) -> Option<T> {
        latest.map(|(_, value)| value)
    }
}

fn is_later<T: Wire>((at, value): &(Timestamp, T), (than, kept): &(Timestamp, T)) -> bool {
    at.cmp(than).then_with(|| encoding(value).cmp(&encoding(kept))).is_gt()
}
