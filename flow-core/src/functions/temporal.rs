use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Side;
use super::ages::{Ages, ends, span};
use crate::combine::encoding;
use crate::element::{Key, Wire};
use crate::keyed::{StatefulCx, StatefulFn};
use crate::{BoxError, Timestamp};

/// Behind `temporal_join`: gives each left value the version of the right that is valid at its time.
///
/// A left value waits until the watermark has passed it, since until then a version may come that is valid at it; so it
/// holds the watermark. A version goes once a later one is valid for every left value that may still come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TemporalJoin {
    /// The allowed lateness, in microseconds.
    pub(crate) lateness: i64,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Due {
    /// Left values have waited long enough.
    Lefts,
    /// A version may go.
    Version,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound(
    serialize = "V: Serialize, W: Serialize",
    deserialize = "V: Deserialize<'de>, W: Deserialize<'de>"
))]
pub(crate) struct Kept<V, W> {
    lefts: BTreeMap<Timestamp, Vec<V>>,
    versions: BTreeMap<Timestamp, W>,
    ages: Ages,
}

impl<V, W> Default for Kept<V, W> {
    fn default() -> Self {
        Kept { lefts: BTreeMap::new(), versions: BTreeMap::new(), ages: Ages::default() }
    }
}

impl<V: Wire, W: Wire> Kept<V, W> {
    /// Of two versions of one moment the one with the greater encoding stays, whichever comes first.
    fn add_version(&mut self, at: Timestamp, version: W) {
        match self.versions.get(&at) {
            Some(other) if encoding(other) >= encoding(&version) => {}
            _ => drop(self.versions.insert(at, version)),
        }
    }

    fn valid_at(&self, at: Timestamp) -> Option<W> {
        self.versions.range(..=at).next_back().map(|(_, version)| version.clone())
    }

    /// When the oldest version may go: when the one behind it is valid for whatever may still come.
    fn version_over(&self, lateness: i64) -> Option<Timestamp> {
        self.versions.keys().nth(1).map(|at| at.offset_micros(lateness))
    }
}

impl<V, W> Kept<V, W> {
    /// Lets go of the key if nothing is kept, or else says how old that is.
    fn let_go<Out>(&mut self, cx: &mut StatefulCx<'_, Due, Out>) {
        self.ages.tell(span(ends(&self.lefts), ends(&self.versions)), cx);
    }
}

type Cx<'a, K, V, W> = StatefulCx<'a, Due, (K, (V, Option<W>))>;

impl TemporalJoin {
    fn wait_for_lefts<K: Key, V: Wire, W: Wire>(self, kept: &Kept<V, W>, cx: &mut Cx<'_, K, V, W>) {
        if let Some((at, _)) = kept.lefts.first_key_value() {
            let expiry = cx.window().expiry(self.lateness);
            fire_behind(cx, Due::Lefts, (*at).min(expiry), expiry);
        }
    }

    /// Lets go of versions, and waits for the next that may go.
    fn prune<K: Key, V: Wire, W: Wire>(self, kept: &mut Kept<V, W>, cx: &mut Cx<'_, K, V, W>) {
        let first_left = kept.lefts.first_key_value().map_or(Timestamp::MAX, |(at, _)| *at);
        while let Some(over) = kept.version_over(self.lateness) {
            let (expiry, next) = (cx.window().expiry(self.lateness), kept.versions.keys().nth(1));
            if cx.watermark() < over {
                if over <= expiry {
                    cx.set_timer(Due::Version, over);
                }
                return;
            }
            // What is due already and waits for its timer still needs the version.
            if next.is_some_and(|next| first_left < *next) {
                return;
            }
            kept.versions.pop_first();
        }
    }

    fn emit<K: Key, V: Wire, W: Wire>(
        key: &K,
        (at, lefts): (Timestamp, Vec<V>),
        kept: &Kept<V, W>,
        cx: &mut Cx<'_, K, V, W>,
    ) {
        let version = kept.valid_at(at);
        for left in lefts {
            cx.pass_on((key.clone(), (left, version.clone())), at);
        }
    }
}

/// Fires once the watermark is past a moment, or the window expires, and holds it there until then.
fn fire_behind<K: Key, V: Wire, W: Wire>(
    cx: &mut Cx<'_, K, V, W>,
    due: Due,
    moment: Timestamp,
    expiry: Timestamp,
) {
    cx.timer(due).output_at(moment).at(moment.offset_micros(1).min(expiry));
}

impl<K: Key, V: Wire, W: Wire> StatefulFn<K, Side<V, W>, (K, (V, Option<W>))> for TemporalJoin {
    type State = Kept<V, W>;
    type Timer = Due;

    fn process(
        &self,
        key: &K,
        value: Side<V, W>,
        kept: &mut Kept<V, W>,
        cx: &mut Cx<'_, K, V, W>,
    ) -> Result<(), BoxError> {
        let at = cx.timestamp();
        match value {
            Side::Left(left) if at < cx.watermark() => {
                Self::emit(key, (at, vec![left]), kept, cx);
                kept.let_go(cx);
            }
            Side::Left(left) => {
                let is_first = kept.lefts.first_key_value().is_none_or(|(first, _)| at < *first);
                kept.lefts.entry(at).or_default().push(left);
                kept.ages.came(cx.epoch());
                if is_first {
                    self.wait_for_lefts(kept, cx);
                }
            }
            Side::Right(version) => {
                kept.add_version(at, version);
                kept.ages.came(cx.epoch());
                self.prune(kept, cx);
                kept.let_go(cx);
            }
        }
        Ok(())
    }

    fn on_timer(
        &self,
        key: &K,
        due: Due,
        kept: &mut Kept<V, W>,
        cx: &mut Cx<'_, K, V, W>,
    ) -> Result<(), BoxError> {
        // One at the last moment of its window may still get a version: it goes when the window expires.
        let is_due = |at: &Timestamp| due == Due::Lefts && *at < cx.watermark();
        if kept.lefts.first_key_value().is_some_and(|(at, _)| is_due(at))
            && let Some(lefts) = kept.lefts.pop_first()
        {
            Self::emit(key, lefts, kept, cx);
            self.wait_for_lefts(kept, cx);
        }
        self.prune(kept, cx);
        kept.let_go(cx);
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &K,
        kept: &mut Kept<V, W>,
        cx: &mut Cx<'_, K, V, W>,
    ) -> Result<(), BoxError> {
        while let Some(lefts) = kept.lefts.pop_first() {
            Self::emit(key, lefts, kept, cx);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(versions: &[(i64, char)]) -> Kept<char, char> {
        let mut kept = Kept::default();
        for (at, version) in versions {
            kept.add_version(Timestamp::from_micros(*at), *version);
        }
        kept
    }

    #[test]
    fn a_version_is_valid_from_its_moment_to_that_of_the_next() {
        let kept = versions(&[(10, 'a'), (20, 'b')]);
        let valid = [9, 10, 19, 20, 99].map(|at| kept.valid_at(Timestamp::from_micros(at)));
        assert_eq!(valid, [None, Some('a'), Some('a'), Some('b'), Some('b')]);
    }

    #[test]
    fn of_two_versions_of_one_moment_the_order_of_arrival_does_not_choose() {
        for both in [[(10, 'a'), (10, 'b')], [(10, 'b'), (10, 'a')]] {
            assert_eq!(versions(&both).valid_at(Timestamp::from_micros(10)), Some('b'));
        }
    }

    #[test]
    fn the_oldest_version_goes_when_the_next_is_valid_for_all_that_is_not_too_late() {
        let over = |kept: &Kept<char, char>| kept.version_over(5);
        assert_eq!(over(&versions(&[(10, 'a'), (20, 'b'), (30, 'c')])), Some(Timestamp::from_micros(25)));
        assert_eq!(over(&versions(&[(10, 'a')])), None, "the last one stays");
    }
}
