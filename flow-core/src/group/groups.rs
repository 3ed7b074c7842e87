use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::cell::{Cell, CellId, Content, Wake};
use super::holds::Watermarks;
use super::keys::{KeyId, Keys};
use super::multiset::Multiset;
use super::saved::{Changes, Restored};
use super::timers::Timers;
use crate::combine::CombineFn;
use crate::exec::Epoch;
use crate::trigger::Moment;
use crate::window::{TimestampCombiner, Window, Windowing};
use crate::{Key, Timestamp};

/// Elements that were not taken, each counted once for each window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Their window had expired.
    pub(crate) late: u64,
    /// The trigger of their window had finished.
    pub(crate) closed: u64,
}

/// Elements by key and window, on their way to become panes.
///
/// After every [`add`](Groups::add) and [`advance`](Groups::advance), [`poll`](Groups::poll) until it says that
/// nothing is left: what is not polled before the next call is looked at together with what that call brings.
#[derive(Debug)]
pub(crate) struct Groups<K, V, C: CombineFn<V>> {
    pub(super) combine: C,
    pub(super) windowing: Windowing,
    pub(super) keys: Keys<K>,
    pub(super) cells: HashMap<CellId, Cell<C::Accumulator>, FixedState>,
    pub(super) next_cell: u64,
    /// Counts bundles.
    pub(super) bundle: u64,
    /// Cells that got elements, to be looked at in the order in which they first got one.
    pub(super) ready: VecDeque<CellId>,
    /// Cells that got elements of the current bundle, or were merged for them.
    pub(super) touched: Vec<CellId>,
    pub(super) by_watermark: Timers,
    pub(super) by_clock: Timers,
    pub(super) holds: Multiset<Timestamp>,
    pub(super) epochs: Multiset<Epoch>,
    pub(super) input: Timestamp,
    pub(super) now: Timestamp,
    /// What holds the output watermark from outside, if anything does.
    pub(super) outside: Timestamp,
    /// In a durable run.
    pub(super) changes: Option<Changes<K>>,
    pub(super) restoring: Restored<K, C::Accumulator>,
}

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    pub(crate) fn new(combine: C, windowing: Windowing) -> Self {
        Groups {
            combine,
            windowing,
            keys: Keys::new(),
            cells: HashMap::with_hasher(FixedState::default()),
            next_cell: 0,
            bundle: 0,
            ready: VecDeque::new(),
            touched: Vec::new(),
            by_watermark: Timers::new(),
            by_clock: Timers::new(),
            holds: Multiset::new(),
            epochs: Multiset::new(),
            input: Timestamp::MIN,
            now: Timestamp::MIN,
            outside: Timestamp::MAX,
            changes: None,
            restoring: Restored::new(),
        }
    }

    /// The input watermark and processing time have come this far; what fires by it is [`poll`](Groups::poll)ed.
    pub(crate) fn advance(&mut self, input_watermark: Timestamp, now: Timestamp) {
        self.input = self.input.max(input_watermark);
        self.now = self.now.max(now);
    }

    /// Nothing that is still to come out of here is before this moment, but for panes of late elements. It is
    /// [`Timestamp::MAX`] only when the input's is and everything has been polled.
    pub(crate) fn output_watermark(&self) -> Timestamp {
        // A window that is due but not looked at yet may still emit a pane on time.
        let due = self.by_watermark.next();
        let held = self.holds.min();
        let inside = due.unwrap_or(Timestamp::MAX).min(held.unwrap_or(Timestamp::MAX));
        self.input.min(inside).min(self.outside)
    }

    /// The next processing time at which [`advance`](Groups::advance) does something.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        // A delay has ended when its last moment has passed.
        self.by_clock.next().map(|at| at.offset_micros(1))
    }

    /// The oldest epoch of which elements are still in here.
    pub(crate) fn held_since(&self) -> Option<Epoch> {
        self.epochs.min()
    }

    /// How far the output watermark would have come if there was this key alone. What a key becomes goes by it, so that
    /// it does not depend on which other keys are on the same worker.
    pub(super) fn output_of(&self, key: KeyId) -> Timestamp {
        let cells = self.keys.windows(key).cells().filter_map(|id| self.cells.get(&id));
        let held = cells.filter_map(Cell::awaited).min();
        self.input.min(held.unwrap_or(Timestamp::MAX)).min(self.outside)
    }

    /// As of the start of the bundle: nobody sees the watermark move in the middle of it.
    pub(super) fn watermarks_of(&mut self, key: KeyId) -> Watermarks {
        let input = self.input;
        if self.windowing.combiner == TimestampCombiner::EndOfWindow {
            // What is behind the output watermark is then behind that of the input as well.
            return Watermarks { input, output: input };
        }
        if let Some(output) = self.keys.output_at(key, self.bundle) {
            return Watermarks { input, output };
        }
        let output = self.output_of(key);
        self.keys.note_output(key, self.bundle, output);
        Watermarks { input, output }
    }

    pub(super) fn moment(&self, window: Window) -> Moment {
        Moment { past_end: self.input > window.max_timestamp(), now: self.now }
    }

    pub(super) fn is_expired(&self, window: Window) -> bool {
        self.input > window.expiry(self.windowing.lateness)
    }

    pub(super) fn next_id(&mut self) -> CellId {
        let id = CellId(self.next_cell);
        self.next_cell += 1;
        id
    }

    /// A new cell for a key and window.
    pub(super) fn open(&mut self, key: KeyId, window: Window) -> CellId {
        let id = self.next_id();
        let content = Content::new(self.combine.create(), self.windowing.trigger.start());
        self.keys.windows_mut(key).insert(window, id);
        self.cells.insert(id, Cell::new(key, window, Some(content)));
        id
    }

    /// Sets when a cell is looked at next, after it was looked at or its trigger has changed.
    pub(super) fn schedule(&mut self, id: CellId) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        let (end, expiry) = (cell.window.max_timestamp(), cell.window.expiry(self.windowing.lateness));
        let trigger = &self.windowing.trigger;
        let clock = cell.content.as_ref().and_then(|content| trigger.deadline(&content.trigger, self.now));
        let before = cell.wake;
        // One that is due stays: it holds the output watermark until the cell has been looked at.
        let due = before.watermark.filter(|at| *at < self.input);
        let ahead = if self.input > end { expiry } else { end };
        let wake = Wake { watermark: due.or(Some(ahead).filter(|at| *at >= self.input)), clock };
        cell.wake = wake;
        if before.watermark != wake.watermark {
            self.by_watermark.change(id, before.watermark, wake.watermark);
        }
        if before.clock != wake.clock {
            self.by_clock.change(id, before.clock, wake.clock);
        }
    }

    /// Takes a cell out, with its timers, hold and epoch.
    pub(super) fn remove(&mut self, id: CellId) -> Option<Cell<C::Accumulator>> {
        let cell = self.cells.remove(&id)?;
        self.by_watermark.change(id, cell.wake.watermark, None);
        self.by_clock.change(id, cell.wake.clock, None);
        if let Some(content) = &cell.content {
            self.holds.change(content.hold.earliest(), None);
            self.epochs.change(content.since, None);
        }
        self.keys.windows_mut(cell.key).remove(cell.window, id);
        self.gone(&cell);
        Some(cell)
    }
}
