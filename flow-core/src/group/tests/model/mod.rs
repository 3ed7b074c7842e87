//! The rules of event time once more, as plainly as they can be said: without timers, indices or incremental state.
//!
//! After every event all cells are gone through, and what a trigger thinks is worked out anew from all that its window
//! has seen. It is slow, and it is what [`Groups`](crate::group::Groups) is compared with.

mod agrees;
mod trigger;

use std::collections::BTreeMap;

use self::trigger::{Note, status};
use crate::trigger::{Moment, Trigger};
use crate::window::{Accumulation, Closing, OnTime, TimestampCombiner, Window, Windowing};
use crate::{Meta, Pane, Timestamp, Timing};

/// A key, a value and where it belongs.
pub(super) type Element = (u8, i64, Timestamp, Window);

/// What a window has emitted.
pub(super) type Emitted = (u8, Vec<i64>, Meta);

/// All that is known of one key and window.
#[derive(Clone, Debug)]
struct Cell {
    key: u8,
    window: Window,
    closed: bool,
    values: Vec<i64>,
    /// Elements since the last pane.
    pending: usize,
    /// Of these, the moments of those whose pane can still be on time.
    on_time: Vec<Timestamp>,
    /// Something will come at the expiry: pending late elements, or a last pane that always comes.
    awaits_expiry: bool,
    notes: Vec<Note>,
    emitted: u32,
    not_early: u32,
    /// The watermark, once past which the cell is looked at.
    wake: Timestamp,
    /// The same of processing time.
    alarm: Option<Timestamp>,
}

pub(super) struct Model {
    windowing: Windowing,
    /// In the order in which they were first seen.
    cells: Vec<Cell>,
    pub(super) input: Timestamp,
    now: Timestamp,
    pub(super) late: u64,
    pub(super) closed: u64,
    pub(super) panes: Vec<Emitted>,
}

impl Model {
    pub(super) fn new(windowing: Windowing) -> Self {
        let (input, now) = (Timestamp::MIN, Timestamp::from_micros(0));
        Model { windowing, cells: Vec::new(), input, now, late: 0, closed: 0, panes: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Nothing comes before this, but for late panes.
    pub(super) fn output(&self) -> Timestamp {
        let held = self.cells.iter().filter_map(|cell| self.hold(cell));
        let due = self.cells.iter().map(|cell| cell.wake);
        held.chain(due).fold(self.input, Timestamp::min)
    }

    /// The same if there was this key alone: what becomes of a key goes by it.
    fn output_of(&self, key: u8) -> Timestamp {
        let of_key = || self.cells.iter().filter(|cell| cell.key == key);
        let held = of_key().filter_map(|cell| self.hold(cell));
        held.chain(of_key().map(|cell| cell.wake)).fold(self.input, Timestamp::min)
    }

    pub(super) fn advance(&mut self, input: Timestamp, now: Timestamp) {
        (self.input, self.now) = (input, now);
        self.look_at_what_is_due();
    }

    pub(super) fn add(&mut self, bundle: &[Element]) {
        // As of the start of the bundle.
        let outputs: BTreeMap<u8, Timestamp> =
            bundle.iter().map(|(key, ..)| (*key, self.output_of(*key))).collect();
        let mut bundle = bundle.to_vec();
        let before = bundle.len();
        bundle.retain(|(.., window)| self.input <= self.expiry(*window));
        self.late += (before - bundle.len()) as u64;
        let mut touched: Vec<(u8, Window)> = Vec::new();
        if self.windowing.is_merging() {
            touched = self.merge(&mut bundle, &outputs);
        }
        for (key, value, at, window) in &bundle {
            if !self.put(*key, *value, *at, *window, outputs[key]) {
                self.closed += 1;
            } else if !touched.contains(&(*key, *window)) {
                touched.push((*key, *window));
            }
        }
        for (key, window) in &touched {
            let arrived = bundle.iter().filter(|(k, .., w)| (k, w) == (key, window)).count() as u64;
            let now = self.now;
            let at = self.find(*key, *window).expect("what was touched is there");
            if arrived > 0 {
                self.cells[at].notes.push(Note::Elements(arrived, now));
            }
            self.set_timers(at);
        }
        for (key, window) in touched {
            if let Some(at) = self.find(key, window) {
                self.look_at(at);
            }
        }
        self.look_at_what_is_due();
    }

    fn put(&mut self, key: u8, value: i64, at: Timestamp, window: Window, output: Timestamp) -> bool {
        let place = self.find(key, window).unwrap_or_else(|| {
            self.cells.push(Cell::new(key, window));
            self.cells.len() - 1
        });
        let holds = match self.windowing.combiner {
            TimestampCombiner::EndOfWindow => window.max_timestamp(),
            TimestampCombiner::Earliest | TimestampCombiner::Latest => at,
        };
        let ended = window.max_timestamp() < self.input;
        let cell = &mut self.cells[place];
        if cell.closed {
            return false;
        }
        cell.values.push(value);
        cell.pending += 1;
        if holds < output || ended {
            cell.awaits_expiry = true;
        } else {
            cell.on_time.push(holds);
        }
        true
    }

    /// Cells are looked at while one is due: by the watermark first, the earliest first.
    fn look_at_what_is_due(&mut self) {
        loop {
            let by_watermark = (0..self.cells.len()).filter(|at| self.cells[*at].wake < self.input);
            let by_clock =
                (0..self.cells.len()).filter(|at| self.cells[*at].alarm.is_some_and(|a| a < self.now));
            let next = by_watermark.min_by_key(|at| self.cells[*at].wake);
            let Some(at) = next.or_else(|| by_clock.min_by_key(|at| self.cells[*at].alarm)) else { return };
            self.look_at(at);
        }
    }

    fn look_at(&mut self, at: usize) {
        let Cell { key, window, closed, .. } = self.cells[at];
        let output = self.output_of(key);
        if self.input > self.expiry(window) {
            if !closed {
                self.emit(at, true, output);
            }
            self.cells.remove(at);
            return;
        }
        let moment = self.moment(window);
        if !closed && status(&self.windowing.trigger, &self.cells[at].notes, moment).ready {
            self.cells[at].notes.push(Note::Fired(moment));
            let finished = status(&self.windowing.trigger, &self.cells[at].notes, moment).finished;
            self.emit(at, finished, output);
            self.cells[at].closed = finished;
        }
        self.set_timers(at);
    }

    fn set_timers(&mut self, at: usize) {
        let (end, expiry) = (self.cells[at].window.max_timestamp(), self.expiry(self.cells[at].window));
        let status =
            status(&self.windowing.trigger, &self.cells[at].notes, self.moment(self.cells[at].window));
        let (input, now) = (self.input, self.now);
        let cell = &mut self.cells[at];
        cell.wake = if input > end { expiry } else { end };
        cell.alarm = status.delays.into_iter().filter(|due| *due >= now).min().filter(|_| !cell.closed);
    }

    fn emit(&mut self, at: usize, last: bool, output: Timestamp) {
        let time = self.hold(&self.cells[at]).map_or(Timestamp::MAX, |hold| hold);
        let (windowing, input) = (&self.windowing, self.input);
        let cell = &mut self.cells[at];
        let end = cell.window.max_timestamp();
        let timing = match () {
            () if output > end || cell.not_early > 0 => Timing::Late,
            () if input > end => Timing::OnTime,
            () => Timing::Early,
        };
        let always = (timing == Timing::OnTime && windowing.on_time == OnTime::FireAlways)
            || (last && windowing.closing == Closing::FireAlways);
        if cell.pending > 0 || always {
            let pane = Pane {
                first: cell.emitted == 0,
                last,
                timing,
                index: cell.emitted,
                on_time_index: (timing != Timing::Early).then_some(cell.not_early),
            };
            self.panes.push((
                cell.key,
                cell.values.clone(),
                Meta { time: time.min(end), window: cell.window, pane },
            ));
            cell.emitted += 1;
            cell.not_early += u32::from(timing != Timing::Early);
        }
        if windowing.accumulation == Accumulation::Discarding {
            cell.values.clear();
        }
        cell.pending = 0;
        cell.on_time.clear();
        cell.awaits_expiry = !last && windowing.closing == Closing::FireAlways;
    }

    /// What a cell holds the output watermark back to.
    fn hold(&self, cell: &Cell) -> Option<Timestamp> {
        let moments = cell.on_time.iter().copied();
        let element = match self.windowing.combiner {
            TimestampCombiner::Latest => moments.max(),
            TimestampCombiner::Earliest | TimestampCombiner::EndOfWindow => moments.min(),
        };
        let expiry = Some(self.expiry(cell.window)).filter(|_| cell.awaits_expiry && !cell.closed);
        element.into_iter().chain(expiry).min()
    }

    /// Sessions: what overlaps becomes one. The bundle's windows become those that they are in; returned are the cells
    /// that have changed.
    fn merge(&mut self, bundle: &mut [Element], outputs: &BTreeMap<u8, Timestamp>) -> Vec<(u8, Window)> {
        let mut changed = Vec::new();
        let mut merged_windows: Vec<(u8, Window)> =
            bundle.iter().map(|(key, .., window)| (*key, *window)).collect();
        merged_windows
            .extend(self.cells.iter().filter(|cell| !cell.closed).map(|cell| (cell.key, cell.window)));
        // Until nothing overlaps any more.
        while let Some((a, b)) = overlapping(&merged_windows) {
            let (key, into) = (merged_windows[a].0, merged_windows[a].1.span(merged_windows[b].1));
            merged_windows.remove(b);
            merged_windows[a] = (key, into);
        }
        merged_windows.sort_unstable();
        for (key, into) in merged_windows {
            for element in bundle.iter_mut().filter(|(k, .., window)| *k == key && window.overlaps(into)) {
                element.3 = into;
            }
            let output = outputs.get(&key).copied().unwrap_or(self.input);
            if self.merge_cells(key, into, output) {
                changed.push((key, into));
            }
        }
        changed
    }

    /// Makes one cell of the open ones within a window; false if nothing changes.
    fn merge_cells(&mut self, key: u8, into: Window, output: Timestamp) -> bool {
        let is_in = |cell: &Cell| cell.key == key && !cell.closed && cell.window.overlaps(into);
        let old: Vec<Cell> = self.cells.iter().filter(|cell| is_in(cell)).cloned().collect();
        if old.is_empty() || (old.len() == 1 && old[0].window == into) {
            return false;
        }
        let first = self.cells.iter().position(is_in).expect("there is one");
        let mut merged = Cell::new(key, into);
        if let Some(same) = old.iter().find(|cell| cell.window == into) {
            (merged.emitted, merged.not_early) = (same.emitted, same.not_early);
        }
        let moment = self.moment(into);
        // What is pending is all that the trigger knows, and that all have ended.
        let passed =
            |cell: &Cell| cell.notes.iter().any(|note| matches!(note, Note::Fired(at) if at.past_end));
        if matches!(self.windowing.trigger, Trigger::AtWatermark { .. })
            && moment.past_end
            && old.iter().all(passed)
        {
            merged.notes.push(Note::Fired(moment));
        }
        for cell in &old {
            let pending = cell.notes.iter().rev().take_while(|note| matches!(note, Note::Elements(..)));
            let mut pending: Vec<Note> = pending.copied().collect();
            pending.reverse();
            merged.notes.extend(pending);
            merged.values.extend(&cell.values);
            merged.pending += cell.pending;
            merged.on_time.extend(&cell.on_time);
        }
        merged.notes.sort_by_key(|note| match note {
            Note::Elements(_, at) => Some(*at),
            _ => None,
        });
        if self.windowing.combiner == TimestampCombiner::EndOfWindow {
            let end = into.max_timestamp();
            let holds = merged.pending > 0 && end >= output && end >= self.input;
            merged.on_time = if holds { vec![end] } else { Vec::new() };
        }
        merged.awaits_expiry = (merged.pending > 0 && merged.on_time.is_empty())
            || self.windowing.closing == Closing::FireAlways;
        self.cells[first] = merged;
        let mut at = 0;
        self.cells.retain(|cell| {
            at += 1;
            // Also a closed one, whose place it takes.
            at - 1 == first || cell.key != key || !(is_in(cell) || cell.window == into)
        });
        true
    }

    fn find(&self, key: u8, window: Window) -> Option<usize> {
        self.cells.iter().position(|cell| cell.key == key && cell.window == window)
    }

    fn expiry(&self, window: Window) -> Timestamp {
        window.expiry(self.windowing.lateness)
    }

    fn moment(&self, window: Window) -> Moment {
        Moment { past_end: self.input > window.max_timestamp(), now: self.now }
    }
}

impl Cell {
    fn new(key: u8, window: Window) -> Self {
        Cell {
            key,
            window,
            closed: false,
            values: Vec::new(),
            pending: 0,
            on_time: Vec::new(),
            awaits_expiry: false,
            notes: Vec::new(),
            emitted: 0,
            not_early: 0,
            wake: Timestamp::MAX,
            alarm: None,
        }
    }
}

fn overlapping(windows: &[(u8, Window)]) -> Option<(usize, usize)> {
    let pairs = (0..windows.len()).flat_map(|a| (a + 1..windows.len()).map(move |b| (a, b)));
    pairs.into_iter().find(|(a, b)| windows[*a].0 == windows[*b].0 && windows[*a].1.overlaps(windows[*b].1))
}
