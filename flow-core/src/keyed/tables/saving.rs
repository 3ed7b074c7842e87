use super::absorb::Spill;
use super::contents::Contents;
use super::late::Late;
use super::saved::Record;
use super::{IS_OPEN, Tables};
use crate::Result;
use crate::combine::CombineFn;
use crate::element::Key;
use crate::exec::{Epoch, StepSaving, decode_record};
use crate::keyed::hash::key_hash;
use crate::keyed::kernel::ForAll;
use crate::window::Window;

/// In a durable run.
impl<K: Key, V, C: CombineFn<V>, A: Spill<V, C>> Tables<K, V, C, A> {
    pub(super) fn save_changes(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let Some(changes) = self.changes.as_mut().map(std::mem::take) else { return Ok(()) };
        if saving.whole() {
            self.save_all_late(saving)?;
        } else {
            for window in changes.emitted {
                saving.put_for_all(&ForAll::Emitted { worker: self.worker, window })?;
            }
            self.save_late(changes.late, saving)?;
        }
        if self.decides_default && self.default.is_none() {
            saving.put_for_all(&ForAll::Emitted { worker: self.worker, window: Window::GLOBAL })?;
        }
        self.save_open(saving)
    }

    /// What is new in the windows that are open, or everything in them.
    fn save_open(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        for (_, window) in &self.ends {
            let open = self.open[self.index[window]].as_mut().expect(IS_OPEN);
            let before = open.keys();
            open.save::<V, C, A>(&self.combine, self.worker, *window, saving)?;
            self.gauge.remove(before - open.keys(), 0);
        }
        Ok(())
    }

    /// Everything in windows that were emitted before.
    fn save_all_late(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        for (window, late) in &mut self.late {
            for known in &mut late.keys {
                known.changed = false;
                known.save(*window, saving)?;
            }
        }
        Ok(())
    }

    fn save_late(&mut self, changed: Vec<(Window, u64, K)>, saving: &mut StepSaving<'_>) -> Result<()> {
        for (window, hash, key) in changed {
            // It may have expired.
            if let Some(known) = self.late.get_mut(&window).and_then(|late| late.find(hash, &key)) {
                known.changed = false;
                known.save(window, saving)?;
            }
        }
        Ok(())
    }

    pub(super) fn take_back(&mut self, record: &[u8]) -> Result<()> {
        match decode_record(record)? {
            Record::Open { worker, window, key, accumulator } => {
                let open =
                    self.restoring.entry((window, worker)).or_insert_with(|| Contents::new(Epoch::MAX));
                open.restore(&self.combine, key, accumulator, &mut self.gauge);
            }
            Record::Late { window, key, accumulator, panes } => {
                let known = self.late_of(window).enter(key_hash(&key), &key);
                (known.accumulator, known.panes) = (accumulator, panes);
            }
        }
        Ok(())
    }

    pub(super) fn take_back_emitted(&mut self, worker: usize, window: Window) -> Result<()> {
        if window.is_global() {
            self.default = None;
        }
        let Some(open) = self.restoring.remove(&(window, worker)) else { return Ok(()) };
        open.uncount(&mut self.gauge);
        if window.expiry(self.lateness) == window.max_timestamp() {
            return Ok(());
        }
        let mut entries = open.entries::<V, C, A>(&self.combine, &self.space)?;
        let accumulating = self.accumulating;
        while let Some((key, accumulator)) = entries.next::<V, C, A>(&self.combine)? {
            let late = self.late_of(window);
            // What is here already was written behind this.
            if late.find(key_hash(&key), &key).is_none() {
                late.insert(key, accumulating.then_some(accumulator));
            }
        }
        Ok(())
    }

    /// What had not been emitted is open again.
    pub(super) fn reopen(&mut self) {
        for ((window, _), contents) in std::mem::take(&mut self.restoring) {
            let place = self.table_of(window, Epoch::MAX);
            self.open[place].as_mut().expect(IS_OPEN).join(&self.combine, contents);
        }
    }

    /// A window of which it is known that it was emitted.
    fn late_of(&mut self, window: Window) -> &mut Late<K, C::Accumulator> {
        self.expiries.insert((window.expiry(self.lateness), window));
        self.late.entry(window).or_insert_with(|| Late::new(Epoch::MAX))
    }
}
