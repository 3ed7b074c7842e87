use super::Tables;
use super::absorb::Spill;
use super::contents::{Entries, next_of};
use super::late::Late;
use crate::combine::CombineFn;
use crate::element::Key;
use crate::keyed::hash::key_hash;
use crate::window::Window;
use crate::{Bundle, Meta, Pane, Result};

/// A window that is over.
pub(super) struct Emitting<K, A> {
    pub(super) window: Window,
    entries: Entries<K, A>,
    /// Late elements may still come.
    keeps: bool,
}

/// So many bytes of what was in scratch make a bundle, if few elements take as many.
const READ_AT_ONCE: usize = 256 << 10;

/// Windows that are over are emitted, about a bundle at a time.
impl<K: Key, V, C: CombineFn<V>, A: Spill<V, C>> Tables<K, V, C, A> {
    pub(super) fn emit(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<bool> {
        while !out.is_full()
            && let Some((key, accumulator, meta)) = self.late_panes.pop_front()
        {
            out.push((key, self.combine.finish(accumulator)), meta);
        }
        if out.is_empty() && (self.emitting.is_some() || self.begin()?) {
            self.emit_window(out)?;
        }
        let is_due = self.ends.first().is_some_and(|(end, _)| *end < self.watermark);
        let more = !self.late_panes.is_empty() || self.emitting.is_some() || is_due;
        if !more {
            self.expire();
        }
        Ok(more)
    }

    /// Starts emitting the next window that the watermark has passed.
    fn begin(&mut self) -> Result<bool> {
        let Some((end, window)) = self.ends.first().copied().filter(|(end, _)| *end < self.watermark) else {
            return Ok(false);
        };
        let Some(open) = self.close_window(window) else { return Ok(false) };
        let expiry = window.expiry(self.lateness);
        let keeps = expiry > end && self.watermark <= expiry;
        if let Some(changes) = &mut self.changes {
            changes.emitted.extend(open.is_saved().then_some(window));
            // Of what is in scratch all keys are noted as they come out.
            if keeps && !open.is_spilled() {
                changes.late.extend(open.table.iter().map(|(key, _)| (window, key_hash(key), key.clone())));
            }
        }
        if keeps {
            let late = self.late.entry(window).or_insert_with(|| Late::new(open.since));
            late.since = late.since.min(open.since);
            late.keys.reserve(open.keys(), |known| key_hash(&known.key));
            self.expiries.insert((expiry, window));
        }
        let entries = open.entries::<V, C, A>(&self.combine, &self.space)?;
        self.emitting = Some(Emitting { window, entries, keeps });
        Ok(true)
    }

    fn emit_window(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<()> {
        let Some(mut emitting) = self.emitting.take() else { return Ok(()) };
        let pane = Pane { last: !emitting.keeps, ..Pane::ONLY };
        let meta = Meta { time: emitting.window.max_timestamp(), window: emitting.window, pane };
        if out.uniform_meta() != Some(meta) {
            debug_assert!(out.is_empty(), "a pass emits one window");
            *out = Bundle::with(std::mem::take(&mut out.values), meta);
        }
        let more = match &mut emitting.entries {
            entries if emitting.keeps => self.emit_kept(emitting.window, entries, out)?,
            Entries::Memory(entries) => {
                let room = Bundle::<(K, C::Output)>::TARGET_LEN.saturating_sub(out.len());
                let results =
                    entries.take(room).map(|(key, accumulator)| (key, self.combine.finish(accumulator)));
                out.values.extend(results);
                entries.len() > 0
            }
            Entries::Scratch(merge) => {
                let until = merge.bytes_read() + READ_AT_ONCE;
                loop {
                    let Some(result) = next_of(merge, |key| A::result(&self.combine, key))? else {
                        break false;
                    };
                    out.values.push(result);
                    if out.is_full() || merge.bytes_read() >= until {
                        break true;
                    }
                }
            }
        };
        self.emitting = more.then_some(emitting);
        Ok(())
    }

    /// Emits keys that late elements may still come for; whether there are more.
    fn emit_kept(
        &mut self,
        window: Window,
        entries: &mut Entries<K, C::Accumulator>,
        out: &mut Bundle<(K, C::Output)>,
    ) -> Result<bool> {
        let late = self.late.get_mut(&window).expect("kept until its expiry, which follows");
        let are_changed = matches!(entries, Entries::Scratch(_));
        while !out.is_full() {
            let Some((key, accumulator)) = entries.next::<V, C, A>(&self.combine)? else { return Ok(false) };
            if let Some(changes) = self.changes.as_mut().filter(|_| are_changed) {
                changes.late.push((window, key_hash(&key), key.clone()));
            }
            late.insert(key.clone(), self.accumulating.then(|| accumulator.clone()));
            out.values.push((key, self.combine.finish(accumulator)));
        }
        Ok(true)
    }

    fn expire(&mut self) {
        while let Some((_, window)) =
            self.expiries.first().copied().filter(|(expiry, _)| *expiry < self.watermark)
        {
            self.expiries.pop_first();
            self.late.remove(&window);
        }
    }
}
