use super::hash::key_hash;
use super::scatter::Scatter;
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::exec::{AnyOutput, Cx, Outbox, Receiver, Signal, StepId, erased};
use crate::window::Window;
use crate::{Bundle, Meta, Pane, Result, Timestamp};

/// Sends accumulators in place of elements: what meets in a small table on the way is combined there.
pub(super) fn sender<K, V, C>(step: StepId, outbox: Box<dyn Outbox>, combine: C) -> AnyOutput
where
    K: Key,
    V: Element,
    C: CombineFn<V>,
{
    erased::<(K, V)>(Lift::<K, V, C> {
        step,
        combine,
        slots: Vec::new(),
        occupied: Vec::new(),
        watermark: Timestamp::MIN,
        worth: Worth::default(),
        scatter: Scatter::new(outbox),
        singles: Vec::new(),
        input: std::marker::PhantomData,
    })
}

const SLOTS: usize = 1 << 14;

struct Slot<K, A> {
    hash: u64,
    window: Window,
    key: K,
    accumulator: A,
}

struct Lift<K, V, C: CombineFn<V>> {
    step: StepId,
    combine: C,
    /// Direct-mapped by hash; empty until the first element.
    slots: Vec<Option<Slot<K, C::Accumulator>>>,
    occupied: Vec<u32>,
    watermark: Timestamp,
    worth: Worth,
    scatter: Scatter<K, C::Accumulator>,
    singles: Vec<(K, C::Accumulator)>,
    input: std::marker::PhantomData<fn(V)>,
}

/// Whether combining before sending pays: if keys hardly repeat, it is left out for a while and tried again.
#[derive(Debug, Default)]
struct Worth {
    seen: u32,
    sent: u32,
    skip: u32,
}

impl Worth {
    const PROBE: u32 = 1 << 16;
    const PAUSE: u32 = 1 << 21;

    fn judge(&mut self) {
        if self.seen >= Self::PROBE {
            if u64::from(self.sent) * 10 > u64::from(self.seen) * 8 {
                self.skip = Self::PAUSE;
            }
            (self.seen, self.sent) = (0, 0);
        }
    }
}

impl<K: Key, V: Element, C: CombineFn<V>> Lift<K, V, C> {
    fn single(&self, value: V) -> C::Accumulator {
        let mut accumulator = self.combine.create();
        self.combine.add(&mut accumulator, value);
        accumulator
    }

    #[inline]
    fn add(&mut self, hash: u64, key: K, value: V, window: Window) {
        let at = (hash as usize) & (SLOTS - 1);
        if let Some(slot) = &mut self.slots[at] {
            if slot.hash == hash && slot.window == window && slot.key == key {
                self.combine.add(&mut slot.accumulator, value);
                return;
            }
            let accumulator = self.single(value);
            let new = Slot { hash, window, key, accumulator };
            if let Some(old) = self.slots[at].replace(new) {
                self.worth.sent += 1;
                self.scatter.push(old.hash, (old.key, old.accumulator), meta_of(old.window));
            }
            return;
        }
        let accumulator = self.single(value);
        self.slots[at] = Some(Slot { hash, window, key, accumulator });
        self.occupied.push(at as u32);
    }

    /// Sends a bundle's elements as they are, each in an accumulator of its own.
    fn pass_on(&mut self, bundle: &mut Bundle<(K, V)>, window: Window) {
        let mut singles = std::mem::take(&mut self.singles);
        singles.clear();
        singles.extend(bundle.values.drain(..).map(|(key, value)| (key, self.single(value))));
        let mut singles = Bundle::with(singles, meta_of(window));
        self.scatter.push_all(&mut singles, key_hash);
        self.singles = singles.values;
    }

    fn flush(&mut self) {
        for at in self.occupied.drain(..) {
            if let Some(old) = self.slots[at as usize].take() {
                self.worth.sent += 1;
                self.scatter.push(old.hash, (old.key, old.accumulator), meta_of(old.window));
            }
        }
    }
}

/// An accumulator stands at the end of its window: lifting is for results that do.
fn meta_of(window: Window) -> Meta {
    Meta { time: window.max_timestamp(), window, pane: Pane::default() }
}

impl<K: Key, V: Element, C: CombineFn<V>> Receiver<(K, V)> for Lift<K, V, C> {
    fn bundle(&mut self, bundle: &mut Bundle<(K, V)>, cx: &mut Cx) -> Result<()> {
        let len = bundle.len();
        cx.enter_with(self.step, len);
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let lifting = self.worth.skip == 0;
        let watermark = self.watermark;
        if !lifting && let Some(window) = bundle.windows.uniform() {
            self.worth.skip = self.worth.skip.saturating_sub(len as u32);
            self.pass_on(bundle, window);
            return Ok(());
        }
        let Bundle { values, windows, .. } = bundle;
        for (at, (key, value)) in values.drain(..).enumerate() {
            let window = windows.get(at);
            let hash = key_hash(&key);
            // What may be too late is counted one by one where it is dropped.
            if lifting && watermark <= window.max_timestamp() {
                self.add(hash, key, value, window);
            } else {
                let accumulator = self.single(value);
                self.scatter.push(hash, (key, accumulator), meta_of(window));
            }
        }
        if lifting {
            self.worth.seen = self.worth.seen.saturating_add(len as u32);
            self.worth.judge();
            if self.worth.skip > 0 {
                self.flush();
            }
        } else {
            self.worth.skip = self.worth.skip.saturating_sub(len as u32);
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.flush();
        if let Signal::Watermark(to) = signal {
            self.watermark = to;
        }
        self.scatter.signal(signal);
        Ok(())
    }
}
