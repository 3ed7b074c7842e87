//! States of windows that become one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use foldhash::fast::FixedState;

use crate::Timestamp;
use crate::window::{Merged, Window, Windowing};

/// How windows of a key merge, and which of them are open.
pub(super) struct Merging<K, S> {
    windowing: Windowing,
    /// Takes the state of a later window into that of an earlier one.
    pub(super) fold: fn(&mut S, S),
    open: HashMap<K, BTreeSet<Window>, FixedState>,
}

/// What becomes of a key's windows when new ones come.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    merged: Vec<Merged>,
    into: BTreeMap<Window, Window>,
}

impl<K: Eq + Hash + Clone, S> Merging<K, S> {
    pub(super) fn new(windowing: Windowing, fold: fn(&mut S, S)) -> Self {
        Merging { windowing, fold, open: HashMap::default() }
    }

    pub(super) fn opened(&mut self, key: &K, window: Window) {
        if let Some(windows) = self.open.get_mut(key) {
            windows.insert(window);
        } else {
            self.open.insert(key.clone(), BTreeSet::from([window]));
        }
    }

    pub(super) fn closed(&mut self, key: &K, window: Window) {
        if let Some(windows) = self.open.get_mut(key) {
            windows.remove(&window);
            if windows.is_empty() {
                self.open.remove(key);
            }
        }
    }

    /// How the windows of new elements of a key merge with each other and with those that are open at this watermark.
    pub(super) fn plan(&self, key: &K, new: BTreeSet<Window>, watermark: Timestamp) -> Plan {
        let windows: Vec<Window> = self.candidates(key, new, watermark).into_iter().collect();
        let merged = self.windowing.merge(&windows);
        let into = merged.iter().flat_map(|m| m.from.iter().map(|from| (*from, m.into))).collect();
        Plan { merged, into }
    }

    /// The windows of a key that may merge.
    fn candidates(&self, key: &K, new: BTreeSet<Window>, watermark: Timestamp) -> BTreeSet<Window> {
        let Some(open) = self.open.get(key) else { return new };
        let mut windows = new.clone();
        if self.windowing.is_sessions() {
            // Sessions that are open are apart, so only those that a new one touches can change; a key may have
            // thousands of others.
            windows.extend(new.iter().flat_map(|window| overlapping(open, *window)));
        } else {
            windows.extend(open);
        }
        // One that has expired may still wait for its turn to be told so.
        windows.retain(|window| window.expiry(self.windowing.lateness) >= watermark);
        windows
    }
}

impl Plan {
    pub(super) fn merged(&self) -> &[Merged] {
        &self.merged
    }

    /// The window that an element's window has become.
    pub(super) fn of(&self, window: Window) -> Window {
        self.into.get(&window).copied().unwrap_or(window)
    }
}

/// Those of disjoint windows that overlap a given one. In the order of their starts they are also in that of their ends.
fn overlapping(open: &BTreeSet<Window>, with: Window) -> impl Iterator<Item = Window> + '_ {
    let before_its_end = Window::new(with.end, with.end);
    open.range(..before_its_end).rev().copied().take_while(move |window| window.overlaps(with))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Pipeline;
    use crate::window::Sessions;

    fn window(start: i64, end: i64) -> Window {
        Window::new(Timestamp::from_secs(start), Timestamp::from_secs(end))
    }

    fn sessions(open: &[Window]) -> Merging<&'static str, ()> {
        let p = Pipeline::new();
        let windowing = p.create([1]).window(Sessions::with_gap(Duration::from_secs(10))).windowing();
        let mut merging = Merging::new(windowing, |(), ()| ());
        for window in open {
            merging.opened(&"k", *window);
        }
        merging
    }

    #[test]
    fn a_new_window_bridges_those_that_it_overlaps() {
        let merging = sessions(&[window(0, 10), window(16, 26), window(40, 50)]);
        let plan = merging.plan(&"k", [window(8, 18)].into(), Timestamp::MIN);
        assert_eq!(plan.merged().len(), 1);
        assert_eq!(plan.of(window(8, 18)), window(0, 26));
        assert_eq!((plan.of(window(16, 26)), plan.of(window(40, 50))), (window(0, 26), window(40, 50)));
    }

    #[test]
    fn a_window_that_has_expired_takes_no_part() {
        let merging = sessions(&[window(0, 10)]);
        let plan = |watermark| merging.plan(&"k", [window(8, 18)].into(), Timestamp::from_secs(watermark));
        assert_eq!(plan(9).of(window(8, 18)), window(0, 18));
        assert_eq!(plan(10), Plan::default());
    }

    #[test]
    fn a_window_that_was_closed_takes_no_part_and_its_key_is_forgotten() {
        let mut merging = sessions(&[window(0, 10)]);
        merging.closed(&"k", window(0, 10));
        assert_eq!(merging.plan(&"k", [window(8, 18)].into(), Timestamp::MIN), Plan::default());
        assert!(merging.open.is_empty());
    }
}
