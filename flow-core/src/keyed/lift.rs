use super::hash::key_hash;
use super::scatter::Scatter;
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::exec::{AnyOutput, Cx, Outbox, Receiver, Signal, StepId, erased};
use crate::scratch::Space;
use crate::window::{Slices, Window};
use crate::{Bundle, Meta, Pane, Result, Timestamp};

/// Sends accumulators in place of elements: what meets in a small table on the way is combined there.
pub(super) fn sender<K, V, C>(step: StepId, outbox: Box<dyn Outbox>, combine: C, space: &Space) -> AnyOutput
where
    K: Key,
    V: Element,
    C: CombineFn<V>,
{
    // At most a quarter of what the tables behind the exchange may take.
    let most = (space.memory / 4 / size_of::<Option<Slot<K, C::Accumulator>>>()).clamp(FEWEST, MANY);
    erased::<(K, V)>(Lift::<K, V, C> {
        step,
        combine,
        most: 1 << most.ilog2(),
        slots: Vec::new(),
        occupied: Vec::new(),
        first_end: Timestamp::MAX,
        watermark: Timestamp::MIN,
        worth: Worth::default(),
        scatter: Scatter::new(outbox),
        singles: Vec::new(),
        slices: None,
        input: std::marker::PhantomData,
    })
}

/// How many places there are at first: they fit into the cache of a core.
const FEW: usize = 1 << 14;
/// How many there are at most, where keys and windows that repeat drive each other out: a few megabytes.
const MANY: usize = 1 << 17;
/// With how many there is still something to combine.
const FEWEST: usize = 1 << 8;

struct Slot<K, A> {
    hash: u64,
    window: Window,
    key: K,
    accumulator: A,
}

struct Lift<K, V, C: CombineFn<V>> {
    step: StepId,
    combine: C,
    /// How many places there may be.
    most: usize,
    /// Direct-mapped by key and window; empty until the first element.
    slots: Vec<Option<Slot<K, C::Accumulator>>>,
    occupied: Vec<u32>,
    /// The first window that ends of those in here, at least: its last moment.
    first_end: Timestamp,
    watermark: Timestamp,
    worth: Worth,
    scatter: Scatter<K, C::Accumulator>,
    singles: Vec<(K, C::Accumulator)>,
    /// Windows are found here, and a place is of a key and a slice.
    slices: Option<Slices>,
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

    /// Looks at so many elements at a time; true if more places, which there may be, might help.
    fn judge(&mut self, may_grow: bool) -> bool {
        if self.seen < Self::PROBE {
            return false;
        }
        let (seen, sent) = (u64::from(self.seen), u64::from(self.sent));
        (self.seen, self.sent) = (0, 0);
        let grows = may_grow && sent * 5 > seen;
        if !grows && sent * 10 > seen * 8 {
            self.skip = Self::PAUSE;
        }
        grows
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
        let at = slot_of(hash, window) & (self.slots.len() - 1);
        if let Some(slot) = &mut self.slots[at]
            && slot.hash == hash
            && slot.window == window
            && slot.key == key
        {
            self.combine.add(&mut slot.accumulator, value);
            return;
        }
        self.first_end = self.first_end.min(window.max_timestamp());
        let accumulator = self.single(value);
        match self.slots[at].replace(Slot { hash, window, key, accumulator }) {
            Some(old) => self.send(old),
            None => self.occupied.push(at as u32),
        }
    }

    fn send(&mut self, slot: Slot<K, C::Accumulator>) {
        self.worth.sent += 1;
        let Slot { hash, window, key, accumulator } = slot;
        match self.slices {
            None => self.scatter.push(hash, (key, accumulator), meta_of(window)),
            Some(slices) => self.send_sliced(slices, window.start, hash, &(key, accumulator)),
        }
    }

    /// Once for each window that a moment is in.
    fn send_sliced(&mut self, slices: Slices, at: Timestamp, hash: u64, pair: &(K, C::Accumulator)) {
        slices.windows_at(at, |window| self.scatter.push(hash, pair.clone(), meta_of(window)));
    }

    /// Sends what came of slices: window by window, since who receives it has a table for each.
    fn send_slices(&mut self, slices: Slices, mut over: Vec<Slot<K, C::Accumulator>>) {
        self.worth.sent += over.len() as u32;
        over.sort_by_key(|slot| slot.window);
        for slice in over.chunk_by(|one, next| one.window == next.window) {
            slices.windows_at(slice[0].window.start, |window| {
                let pairs = slice.iter().map(|slot| (slot.key.clone(), slot.accumulator.clone())).collect();
                self.scatter.push_all(&mut Bundle::with(pairs, meta_of(window)), key_hash);
                if slice.len() > FEWEST {
                    self.scatter.flush();
                }
            });
        }
    }

    /// Takes in a bundle whose windows are found here.
    fn add_sliced(&mut self, bundle: &mut Bundle<(K, V)>, slices: Slices, lifting: bool) {
        let Bundle { values, times, .. } = bundle;
        let mut last = None;
        for (at, (key, value)) in values.drain(..).enumerate() {
            let (time, hash) = (times.get(at), key_hash(&key));
            let slice = last.filter(|last: &Window| last.contains(time)).or_else(|| slices.of_time(time));
            last = slice;
            match slice.filter(|slice| lifting && self.watermark <= slice.max_timestamp()) {
                Some(slice) => self.add(hash, key, value, slice),
                None => {
                    let pair = (key, self.single(value));
                    self.send_sliced(slices, time, hash, &pair);
                }
            }
        }
    }

    /// Takes in a bundle whose elements have their windows.
    fn add_all(&mut self, bundle: &mut Bundle<(K, V)>, lifting: bool) {
        let Bundle { values, windows, .. } = bundle;
        for (at, (key, value)) in values.drain(..).enumerate() {
            let window = windows.get(at);
            let hash = key_hash(&key);
            // What may be too late is counted one by one where it is dropped.
            if lifting && self.watermark <= window.max_timestamp() {
                self.add(hash, key, value, window);
            } else {
                let accumulator = self.single(value);
                self.scatter.push(hash, (key, accumulator), meta_of(window));
            }
        }
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

    /// Sends what is in windows that are over once the watermark is here. Nothing of the others is due before, so they go
    /// on combining.
    fn flush_before(&mut self, watermark: Timestamp) {
        if self.first_end >= watermark {
            return;
        }
        self.first_end = Timestamp::MAX;
        let mut occupied = std::mem::take(&mut self.occupied);
        let mut sliced = Vec::new();
        occupied.retain(|at| {
            let slot = &mut self.slots[*at as usize];
            let end = slot.as_ref().map(|slot| slot.window.max_timestamp());
            if let Some(end) = end.filter(|end| *end >= watermark) {
                self.first_end = self.first_end.min(end);
                return true;
            }
            match slot.take() {
                Some(over) if self.slices.is_some() => sliced.push(over),
                Some(over) => self.send(over),
                None => {}
            }
            false
        });
        self.occupied = occupied;
        if let Some(slices) = self.slices {
            self.send_slices(slices, sliced);
        }
    }

    fn flush(&mut self) {
        self.flush_before(Timestamp::MAX);
    }
}

/// The place of a key and window: an element's windows are not to drive each other out.
#[inline]
fn slot_of(hash: u64, window: Window) -> usize {
    let window = (window.start.micros() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ (window >> 40)) as usize
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
            self.slots.resize_with(FEW.min(self.most), || None);
        }
        let lifting = self.worth.skip == 0;
        match (self.slices, bundle.windows.uniform()) {
            (Some(slices), _) => self.add_sliced(bundle, slices, lifting),
            (None, Some(window)) if !lifting => self.pass_on(bundle, window),
            _ => self.add_all(bundle, lifting),
        }
        if lifting {
            self.worth.seen = self.worth.seen.saturating_add(len as u32);
            let grows = self.worth.judge(self.slots.len() < self.most);
            if grows || self.worth.skip > 0 {
                self.flush();
            }
            if grows {
                self.slots.resize_with(self.slots.len() * 2, || None);
            }
        } else {
            self.worth.skip = self.worth.skip.saturating_sub(len as u32);
        }
        Ok(())
    }

    fn takes_slices(&mut self, slices: Slices) -> bool {
        self.slices = Some(slices);
        true
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        match signal {
            Signal::Watermark(to) => {
                self.flush_before(to);
                self.watermark = to;
            }
            // Who is idle is not waited for: the watermark may pass what is in here.
            Signal::Barrier { .. } | Signal::Idle => self.flush(),
            // The last two stay in regions, which no exchange stands in.
            Signal::Poke(_) | Signal::Finish(_) | Signal::Discard(_) => {}
        }
        self.scatter.signal(signal);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;
    use crate::combine::Count;
    use crate::exec::Parcel;
    use crate::keyed::kernel::Keyed;

    /// What was sent, in order.
    #[derive(Debug, PartialEq)]
    enum Sent {
        Counts(Vec<(u32, u64)>),
        Signal(Signal),
    }

    struct Seen(Rc<RefCell<Vec<Sent>>>);

    impl Outbox for Seen {
        fn workers(&self) -> usize {
            1
        }
        fn send(&mut self, _: usize, parcel: Parcel) {
            let keyed = parcel.data.downcast::<Keyed<u32, u64>>().unwrap();
            let mut counts = keyed.bundle.values;
            counts.sort_unstable();
            self.0.borrow_mut().push(Sent::Counts(counts));
        }
        fn signal(&mut self, signal: Signal) {
            self.0.borrow_mut().push(Sent::Signal(signal));
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// Sends elements of keys in minutes, with signals between them.
    fn sent(steps: &[Result<(u32, i64), Signal>]) -> Vec<Sent> {
        let seen = Rc::default();
        let output =
            sender::<u32, (), Count>(StepId(0), Box::new(Seen(Rc::clone(&seen))), Count, &Space::default());
        let mut output = crate::exec::typed::<(u32, ())>(output);
        let label = crate::StepLabel { name: "count".into(), location: std::panic::Location::caller() };
        let mut cx = Cx::new([label].into(), Waker::noop().clone(), None);
        for step in steps {
            match step {
                Err(signal) => output.signal(*signal, &mut cx).unwrap(),
                Ok((key, minute)) => {
                    let window = Window::new(at(minute * 60), at(minute * 60 + 60));
                    let mut bundle = Bundle::with(vec![(*key, ())], meta_of(window));
                    output.bundle(&mut bundle, &mut cx).unwrap();
                }
            }
        }
        drop(output);
        Rc::try_unwrap(seen).unwrap().into_inner()
    }

    #[test]
    fn what_no_watermark_has_passed_goes_on_combining() {
        let (within, behind) = (Signal::Watermark(at(30)), Signal::Watermark(at(60)));
        let sent = sent(&[Ok((7, 0)), Err(within), Ok((7, 0)), Ok((7, 1)), Err(behind), Ok((7, 1))]);
        assert_eq!(sent, [Sent::Signal(within), Sent::Counts(vec![(7, 2)]), Sent::Signal(behind)]);
    }

    #[test]
    fn nothing_stays_behind_a_barrier_or_while_there_is_nothing_more() {
        let barrier = Signal::Barrier { epoch: 1, last: false, since: 2 };
        let sent = sent(&[Ok((7, 0)), Err(barrier), Ok((7, 0)), Err(Signal::Idle)]);
        let one = || Sent::Counts(vec![(7, 1)]);
        assert_eq!(sent, [one(), Sent::Signal(barrier), one(), Sent::Signal(Signal::Idle)]);
    }

    #[test]
    fn the_windows_of_an_element_have_places_of_their_own() {
        let places: std::collections::BTreeSet<usize> =
            (0..6).map(|n| slot_of(12_345, Window::new(at(n * 2), at(n * 2 + 10))) % FEW).collect();
        assert_eq!(places.len(), 6);
    }
}
