use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Side;
use super::ages::{Ages, ends, span};
use crate::element::{Key, Wire};
use crate::keyed::{StatefulCx, StatefulFn};
use crate::{BoxError, Timestamp};

/// Behind `interval_join`: pairs each value with those of the other side that are near enough in time, in microseconds.
///
/// A pair is emitted when its second half comes, at the later of both timestamps, so nothing needs to hold the watermark.
/// A value is kept until no partner of it can come any more; one timer says when that is so for the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntervalJoin {
    /// How long before a left value a right one may be.
    pub(crate) before: i64,
    /// How long after it.
    pub(crate) after: i64,
    /// The allowed lateness.
    pub(crate) lateness: i64,
}

type ByTime<V> = BTreeMap<Timestamp, Vec<V>>;

/// The values of a key that may still find partners.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(
    serialize = "V: Serialize, W: Serialize",
    deserialize = "V: Deserialize<'de>, W: Deserialize<'de>"
))]
pub(crate) struct Kept<V, W> {
    lefts: ByTime<V>,
    rights: ByTime<W>,
    /// When the timer is set.
    next: Option<Timestamp>,
    ages: Ages,
}

impl<V, W> Default for Kept<V, W> {
    fn default() -> Self {
        Kept { lefts: ByTime::new(), rights: ByTime::new(), next: None, ages: Ages::default() }
    }
}

impl<V, W> Kept<V, W> {
    /// Forgets what no partner can come for, and says when to look again.
    fn prune(&mut self, join: IntervalJoin, watermark: Timestamp) -> Option<Timestamp> {
        let lefts = prune(&mut self.lefts, |at| join.left_over(at), watermark);
        let rights = prune(&mut self.rights, |at| join.right_over(at), watermark);
        lefts.into_iter().chain(rights).min()
    }

    /// From the earliest to the latest of what is kept.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        span(ends(&self.lefts), ends(&self.rights))
    }
}

impl IntervalJoin {
    /// From this watermark on, every right value that a left one at `at` could meet is too late.
    fn left_over(self, at: Timestamp) -> Timestamp {
        at.offset_micros(self.after).offset_micros(self.lateness).offset_micros(1)
    }

    fn right_over(self, at: Timestamp) -> Timestamp {
        at.offset_micros(self.before).offset_micros(self.lateness).offset_micros(1)
    }

    /// Sets the timer for a moment at which something may be forgotten, unless it is set for an earlier one. What the
    /// expiry of the window comes before goes with the window.
    fn look_again<V, W, Out>(self, at: Timestamp, kept: &mut Kept<V, W>, cx: &mut StatefulCx<'_, (), Out>) {
        if at <= cx.window().expiry(self.lateness) && kept.next.is_none_or(|next| at < next) {
            cx.set_timer((), at);
            kept.next = Some(at);
        }
    }
}

impl<K: Key, V: Wire, W: Wire> StatefulFn<K, Side<V, W>, (K, (V, W))> for IntervalJoin {
    type State = Kept<V, W>;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: Side<V, W>,
        kept: &mut Kept<V, W>,
        cx: &mut StatefulCx<'_, (), (K, (V, W))>,
    ) -> Result<(), BoxError> {
        let at = cx.timestamp();
        kept.ages.came(cx.epoch());
        match value {
            Side::Left(left) => {
                let near = at.offset_micros(-self.before)..=at.offset_micros(self.after);
                for (other, rights) in kept.rights.range(near) {
                    for right in rights {
                        cx.pass_on((key.clone(), (left.clone(), right.clone())), at.max(*other));
                    }
                }
                kept.lefts.entry(at).or_default().push(left);
                self.look_again(self.left_over(at), kept, cx);
            }
            Side::Right(right) => {
                let near = at.offset_micros(-self.after)..=at.offset_micros(self.before);
                for (other, lefts) in kept.lefts.range(near) {
                    for left in lefts {
                        cx.pass_on((key.clone(), (left.clone(), right.clone())), at.max(*other));
                    }
                }
                kept.rights.entry(at).or_default().push(right);
                self.look_again(self.right_over(at), kept, cx);
            }
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _: &K,
        (): (),
        kept: &mut Kept<V, W>,
        cx: &mut StatefulCx<'_, (), (K, (V, W))>,
    ) -> Result<(), BoxError> {
        kept.next = None;
        if let Some(at) = kept.prune(*self, cx.watermark()) {
            self.look_again(at, kept, cx);
        }
        kept.ages.tell(kept.span(), cx);
        Ok(())
    }
}

/// Forgets the values whose time is over at a watermark; when the next one's will be.
fn prune<V>(
    values: &mut ByTime<V>,
    over: impl Fn(Timestamp) -> Timestamp,
    watermark: Timestamp,
) -> Option<Timestamp> {
    while let Some(entry) = values.first_entry() {
        let over = over(*entry.key());
        if watermark < over {
            return Some(over);
        }
        entry.remove();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_until_its_last_partner_is_too_late() {
        let join = IntervalJoin { before: 2, after: 3, lateness: 10 };
        let mut kept: Kept<char, char> = Kept::default();
        let at = Timestamp::from_micros;
        kept.lefts.insert(at(100), vec!['l']);
        kept.rights.insert(at(100), vec!['r']);
        assert_eq!(kept.prune(join, at(112)), Some(at(113)));
        assert_eq!(kept.prune(join, at(113)), Some(at(114)));
        assert!(kept.rights.is_empty(), "a left one at 102 would be more than 10 late");
        assert_eq!(kept.prune(join, at(114)), None);
        assert!(kept.lefts.is_empty(), "a right one at 103 would be more than 10 late");
    }

    #[test]
    fn an_interval_of_any_length_overflows_nowhere() {
        let join = IntervalJoin { before: i64::MAX, after: i64::MAX, lateness: i64::MAX };
        assert_eq!(join.left_over(Timestamp::from_secs(0)), Timestamp::MAX);
        let mut kept: Kept<char, char> = Kept::default();
        kept.lefts.insert(Timestamp::MIN, vec!['l']);
        assert_eq!(kept.prune(join, Timestamp::END_OF_GLOBAL_WINDOW), Some(Timestamp::MAX));
    }
}
