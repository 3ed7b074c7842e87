use super::kernel::{Dropped, Kernel, Keyed};
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::exec::Epoch;
use crate::group::Groups;
use crate::window::{Window, Windowing};
use crate::{Bundle, Meta, Pane, Result, Timestamp};

/// The general grouping as a kernel, with the result that an empty global window may have.
pub(super) struct Grouped<K, V, C: CombineFn<V>> {
    groups: Groups<K, V, C>,
    combine: C,
    default: Option<K>,
    /// The default result is due.
    empty: bool,
}

impl<K: Key, V: Element, C: CombineFn<V>> Grouped<K, V, C> {
    pub(super) fn new(combine: C, windowing: Windowing, default: Option<K>) -> Self {
        Grouped { groups: Groups::new(combine.clone(), windowing), combine, default, empty: false }
    }
}

impl<K: Key, V: Element, C: CombineFn<V>> Kernel<K, V, (K, C::Output)> for Grouped<K, V, C> {
    fn add(&mut self, elements: &mut Keyed<K, V>, epoch: Epoch) -> Result<Dropped> {
        if !elements.bundle.is_empty() {
            self.default = None;
        }
        Ok(self.groups.add(&mut elements.bundle, epoch))
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        self.groups.advance(watermark, now);
        self.empty = self.default.is_some() && watermark > Timestamp::END_OF_GLOBAL_WINDOW;
    }

    fn poll(&mut self, out: &mut Bundle<(K, C::Output)>) -> Result<bool> {
        if std::mem::take(&mut self.empty)
            && let Some(key) = self.default.take()
        {
            let meta =
                Meta { time: Timestamp::END_OF_GLOBAL_WINDOW, window: Window::GLOBAL, pane: Pane::ONLY };
            out.push((key, self.combine.finish(self.combine.create())), meta);
        }
        Ok(self.groups.poll(out))
    }

    fn output_watermark(&self) -> Timestamp {
        self.groups.output_watermark()
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.groups.deadline()
    }

    fn track(&mut self) {}

    fn save(&mut self, _: &mut crate::exec::StepSaving<'_>) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn held_since(&self) -> Option<Epoch> {
        self.groups.held_since()
    }
}
