//! Cells are looked at, and panes come out.

use super::cell::{Cell, CellId, Wake};
use super::groups::Groups;
use super::holds::Watermarks;
use super::panes::is_wanted;
use crate::combine::CombineFn;
use crate::window::Accumulation;
use crate::{Bundle, Key, Meta, Timestamp};

/// What becomes of a cell that was looked at.
enum After {
    /// Nothing.
    AsBefore,
    /// It goes on after a pane.
    Fired,
    /// Its trigger has finished.
    Closed,
    /// Its window has expired.
    Gone,
}

impl<K: Key, V, C: CombineFn<V>> Groups<K, V, C> {
    /// Appends panes that are ready, up to a full bundle; true if there may be more.
    ///
    /// Each pane is made only here, so that a million windows that end together are not in memory as panes.
    pub(crate) fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> bool {
        while !out.is_full() {
            let Some((id, due)) = self.next_due() else { return false };
            let marks = self.watermarks_at(id, due);
            self.look_at(id, marks, out);
        }
        self.is_due()
    }

    /// Elements first, then the watermark: where a window expires in the same moment as a delay ends, there is one
    /// pane, the last. With a cell that the watermark has woken comes what it waited for.
    fn next_due(&mut self) -> Option<(CellId, Option<Timestamp>)> {
        if let Some(id) = self.ready.pop_front() {
            return Some((id, None));
        }
        if let Some(id) = self.by_watermark.pop_due(self.input) {
            return Some((id, self.woken(id, |wake| wake.watermark.take())));
        }
        let id = self.by_clock.pop_due(self.now)?;
        self.woken(id, |wake| wake.clock.take());
        Some((id, None))
    }

    fn woken(&mut self, id: CellId, take: impl FnOnce(&mut Wake) -> Option<Timestamp>) -> Option<Timestamp> {
        self.cells.get_mut(&id).and_then(|cell| take(&mut cell.wake))
    }

    /// The watermarks that say whether a pane of a cell is late. What the cell waited for is not out yet, and so still
    /// holds the key's output watermark. If the cell itself holds it, nobody asks the key's others.
    fn watermarks_at(&self, id: CellId, due: Option<Timestamp>) -> Watermarks {
        let input = self.input;
        let Some(cell) = self.cells.get(&id) else { return Watermarks { input, output: input } };
        let end = cell.window.max_timestamp();
        let own = cell.awaited().into_iter().chain(due).fold(input.min(self.outside), Timestamp::min);
        let output = if own <= end { own } else { self.output_of(cell.key).min(own) };
        Watermarks { input, output }
    }

    fn is_due(&self) -> bool {
        !self.ready.is_empty() || self.by_watermark.is_due(self.input) || self.by_clock.is_due(self.now)
    }

    fn look_at(&mut self, id: CellId, marks: Watermarks, out: &mut Bundle<(K, C::Output)>) {
        // Taken out of the table while it is worked on. It may be gone: merged into another since it was noted.
        let Some(mut cell) = self.cells.remove(&id) else { return };
        let after = self.fire(&mut cell, marks, out);
        if matches!(after, After::Closed) {
            cell.content = None;
            self.keys.windows_mut(cell.key).close(cell.window);
        }
        let key = cell.key;
        self.cells.insert(id, cell);
        if matches!(after, After::Gone) {
            self.remove(id);
            self.keys.leave_if_empty(key);
            return;
        }
        if matches!(after, After::Fired | After::Closed) {
            self.changed(id);
        }
        self.schedule(id);
    }

    fn fire(
        &mut self,
        cell: &mut Cell<C::Accumulator>,
        marks: Watermarks,
        out: &mut Bundle<(K, C::Output)>,
    ) -> After {
        let at = self.moment(cell.window);
        let expired = self.is_expired(cell.window);
        if let Some(content) = &mut cell.content {
            content.noted = false;
            let trigger = &self.windowing.trigger;
            if expired {
                self.emit(cell, true, marks, out);
            } else if trigger.should_fire(&content.trigger, at) {
                trigger.on_fire(&mut content.trigger, at);
                let finished = content.trigger.is_finished();
                self.emit(cell, finished, marks, out);
                return if finished { After::Closed } else { After::Fired };
            }
        }
        if expired { After::Gone } else { After::AsBefore }
    }

    /// Emits a pane if it is wanted, and lets go of what it need not hold any more.
    fn emit(
        &mut self,
        cell: &mut Cell<C::Accumulator>,
        last: bool,
        marks: Watermarks,
        out: &mut Bundle<(K, C::Output)>,
    ) {
        let Some(content) = &mut cell.content else { return };
        let held = content.hold.earliest();
        let time = content.hold.release(cell.window);
        if !last {
            content.hold.await_closing(cell.window, marks, &self.windowing);
        }
        self.holds.change(held, content.hold.earliest());
        let pane = content.panes.next(cell.window, marks, last);
        let keeps = !last && self.windowing.accumulation == Accumulation::Accumulating;
        if is_wanted(pane, content.pending == 0, &self.windowing) {
            content.panes.record(pane);
            let accumulator = if keeps {
                content.accumulator.clone()
            } else {
                std::mem::replace(&mut content.accumulator, self.combine.create())
            };
            let value = self.combine.finish(accumulator);
            out.push((self.keys.key(cell.key).clone(), value), Meta { time, window: cell.window, pane });
        }
        content.pending = 0;
        if !keeps {
            self.epochs.change(content.since.take(), None);
        }
    }
}
