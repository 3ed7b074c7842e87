use super::hash::key_hash;
use super::kernel::{Dropped, Kernel, Keyed};
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::exec::{Epoch, StepSaving, decode_record};
use crate::group::Groups;
use crate::window::{Window, Windowing};
use crate::{Bundle, Meta, Pane, Result, Timestamp};

/// The general grouping as a kernel, with the result that an empty global window may have.
pub(super) struct Grouped<K, V, C: CombineFn<V>> {
    groups: Groups<K, V, C>,
    combine: C,
    default: Option<DefaultResult<K>>,
}

/// The result of no elements.
struct DefaultResult<K> {
    key: K,
    state: State,
    /// It has been written that it will not come any more.
    saved: bool,
}

#[derive(PartialEq)]
enum State {
    Awaited,
    Due,
    /// It is out, or will not come since there are elements.
    Settled,
}

impl<K: Key, V: Element, C: CombineFn<V>> Grouped<K, V, C> {
    pub(super) fn new(combine: C, windowing: Windowing, default: Option<K>) -> Self {
        let default = default.map(|key| DefaultResult { key, state: State::Awaited, saved: false });
        Grouped { groups: Groups::new(combine.clone(), windowing), combine, default }
    }

    fn settle_default(&mut self) {
        if let Some(default) = &mut self.default {
            default.state = State::Settled;
        }
    }
}

impl<K: Key, V: Element, C: CombineFn<V>> Kernel<K, V, (K, C::Output)> for Grouped<K, V, C> {
    fn add(&mut self, elements: &mut Keyed<K, V>, epoch: Epoch) -> Result<Dropped> {
        if !elements.bundle.is_empty() {
            self.settle_default();
        }
        Ok(self.groups.add(&mut elements.bundle, epoch))
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        self.groups.advance(watermark, now);
        if let Some(default) = &mut self.default
            && default.state == State::Awaited
            && watermark > Timestamp::END_OF_GLOBAL_WINDOW
        {
            default.state = State::Due;
        }
    }

    fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<bool> {
        if let Some(default) = &mut self.default
            && default.state == State::Due
        {
            default.state = State::Settled;
            let meta =
                Meta { time: Timestamp::END_OF_GLOBAL_WINDOW, window: Window::GLOBAL, pane: Pane::ONLY };
            out.push((default.key.clone(), self.combine.finish(self.combine.create())), meta);
        }
        Ok(self.groups.poll(out))
    }

    fn output_watermark(&self) -> Timestamp {
        self.groups.output_watermark()
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.groups.deadline()
    }

    fn held_since(&self) -> Option<Epoch> {
        self.groups.held_since()
    }

    fn track(&mut self) {
        self.groups.track();
    }

    fn save(&mut self, saving: &mut StepSaving<'_>) -> Result<()> {
        let whole = saving.whole();
        if let Some(default) = &mut self.default
            && default.state == State::Settled
            && (whole || !default.saved)
        {
            saving.put(key_hash(&default.key), &SETTLED)?;
            default.saved = true;
        }
        self.groups.save(whole, |key, record| saving.put(key_hash(key), &Some(record)))
    }

    fn restore(&mut self, record: &[u8]) -> Result<()> {
        match decode_record(record)? {
            Some(record) => self.groups.restore(record),
            None => self.settle_default(),
        }
        Ok(())
    }

    fn restored(&mut self, watermark: Timestamp, now: Timestamp) {
        self.groups.restored(watermark, now);
        self.advance(watermark, now);
    }
}

/// Stands where a cell would, once the default result will not come any more.
const SETTLED: Option<()> = None;
