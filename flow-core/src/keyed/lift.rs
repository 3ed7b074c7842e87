use std::collections::HashMap;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::ahead;
use super::hash::key_hash;
use super::scatter::Scatter;
use crate::combine::CombineFn;
use crate::element::{Element, Key};
use crate::exec::{AnyOutput, Cx, Outbox, Receiver, Signal, StepId, erased};
use crate::scratch::Space;
use crate::window::{Slices, Window};
use crate::{Bundle, Column, Meta, Pane, Result, Timestamp};

/// Sends accumulators in place of elements: what meets in a small table on the way is combined there.
pub(super) fn sender<K, V, C>(step: StepId, outbox: Box<dyn Outbox>, combine: C, space: &Space) -> AnyOutput
where
    K: Key,
    V: Element,
    C: CombineFn<V>,
{
    // At most a quarter of what the tables behind the exchange may take.
    let most = (space.memory / 4 / size_of::<(K, C::Accumulator)>().max(1)).clamp(FEWEST, MANY);
    erased::<(K, V)>(Lift::<K, V, C> {
        step,
        combine,
        most,
        open: Vec::new(),
        index: HashMap::default(),
        recent: 0,
        entries: 0,
        first_end: Timestamp::MAX,
        watermark: Timestamp::MIN,
        worth: Worth::default(),
        scatter: Scatter::new(outbox),
        spare: HashTable::new(),
        singles: Vec::new(),
        hashes: Vec::new(),
        slices: None,
        input: std::marker::PhantomData,
    })
}

/// How many keys are combined here at most, in all windows together: tens of megabytes.
const MANY: usize = 1 << 19;
/// So many windows are looked through one by one.
const FEW: usize = 4;
/// So many pairs are copied at a time.
const SOME: usize = 1 << 10;
/// With how many there is still something to combine.
const FEWEST: usize = 1 << 8;

/// What has been combined of a window, or of a slice of windows.
struct Open<K, A> {
    window: Window,
    table: HashTable<(K, A)>,
}

struct Lift<K, V, C: CombineFn<V>> {
    step: StepId,
    combine: C,
    /// How many entries there may be.
    most: usize,
    open: Vec<Open<K, C::Accumulator>>,
    /// The place of each in `open`.
    index: HashMap<Window, usize, FixedState>,
    /// The one that was last added to, if there are any.
    recent: usize,
    entries: usize,
    /// The last moment of the first of them to end.
    first_end: Timestamp,
    watermark: Timestamp,
    worth: Worth,
    scatter: Scatter<K, C::Accumulator>,
    /// Empty: a table that was well filled, and what pairs were sent from.
    spare: HashTable<(K, C::Accumulator)>,
    singles: Vec<(K, C::Accumulator)>,
    /// Of the keys of a bundle.
    hashes: Vec<u64>,
    /// Windows are found here, and what is open are slices.
    slices: Option<Slices>,
    input: std::marker::PhantomData<fn(V)>,
}

/// Whether combining before sending pays: if keys hardly repeat, it is left out for a while and tried again.
#[derive(Debug, Default)]
struct Worth {
    seen: usize,
    new: usize,
    skip: usize,
}

impl Worth {
    const PROBE: usize = 1 << 16;
    const PAUSE: usize = 1 << 21;

    /// Looks at so many elements at a time.
    fn judge(&mut self) {
        if self.seen >= Self::PROBE {
            if self.new * 10 > self.seen * 8 {
                self.skip = Self::PAUSE;
            }
            (self.seen, self.new) = (0, 0);
        }
    }
}

impl<K: Key, V: Element, C: CombineFn<V>> Lift<K, V, C> {
    /// What is open of a window, made if need be.
    #[inline]
    fn open(&mut self, window: Window) -> usize {
        let is_here = |open: &Open<_, _>| open.window == window;
        if !self.open.get(self.recent).is_some_and(is_here) {
            // Elements out of order are in few windows by turns.
            if let Some(at) = self.open.iter().take(FEW).position(is_here) {
                self.recent = at;
                return at;
            }
            self.recent = *self.index.entry(window).or_insert_with(|| {
                self.first_end = self.first_end.min(window.max_timestamp());
                self.open.push(Open { window, table: std::mem::take(&mut self.spare) });
                self.open.len() - 1
            });
        }
        self.recent
    }

    #[inline]
    fn add(&mut self, hash: u64, key: K, value: V, window: Window) {
        let at = self.open(window);
        let (table, combine) = (&mut self.open[at].table, &self.combine);
        let before = table.len();
        ahead::take_in_one(
            table,
            hash,
            key,
            value,
            |value| single(combine, value),
            |to, value| combine.add(to, value),
        );
        self.entries += table.len() - before;
    }

    /// Combines a bundle's elements, all of one window or slice that is not over.
    fn add_uniform(&mut self, values: &mut Vec<(K, V)>, window: Window) {
        self.hashes.clear();
        self.hashes.extend(values.iter().map(|(key, _)| key_hash(key)));
        let at = self.open(window);
        let (table, combine) = (&mut self.open[at].table, &self.combine);
        let before = table.len();
        let (start, absorb) = (|value| single(combine, value), |to: &mut _, value| combine.add(to, value));
        ahead::take_in(table, values, &mut self.hashes, start, absorb);
        self.entries += table.len() - before;
    }

    /// Takes in a bundle whose elements have their windows.
    fn add_all(&mut self, bundle: &mut Bundle<(K, V)>) {
        let Bundle { values, windows, .. } = bundle;
        if let Some(window) = windows.uniform().filter(|window| self.watermark <= window.max_timestamp()) {
            return self.add_uniform(values, window);
        }
        for (at, (key, value)) in values.drain(..).enumerate() {
            let window = windows.get(at);
            let hash = key_hash(&key);
            // What may be too late is counted one by one where it is dropped.
            if self.watermark <= window.max_timestamp() {
                self.add(hash, key, value, window);
            } else {
                let accumulator = single(&self.combine, value);
                self.scatter.push(hash, (key, accumulator), meta_of(window));
            }
        }
    }

    /// Takes in a bundle whose windows are found here.
    fn add_sliced(&mut self, bundle: &mut Bundle<(K, V)>, slices: Slices) {
        let Bundle { values, times, .. } = bundle;
        let mut last = self.open.get(self.recent).map(|recent| recent.window);
        let is_within = |slice: &Window| match &*times {
            Column::Uniform(time) => slice.contains(*time),
            Column::Each(times) => times.iter().all(|time| slice.contains(*time)),
        };
        if let Some(slice) = last.filter(|slice| self.watermark <= slice.max_timestamp() && is_within(slice))
        {
            return self.add_uniform(values, slice);
        }
        for (at, (key, value)) in values.drain(..).enumerate() {
            let (time, hash) = (times.get(at), key_hash(&key));
            last = last.filter(|last| last.contains(time)).or_else(|| slices.of_time(time));
            match last.filter(|slice| self.watermark <= slice.max_timestamp()) {
                Some(slice) => self.add(hash, key, value, slice),
                None => self.send_sliced(slices, time, hash, &(key, single(&self.combine, value))),
            }
        }
    }

    /// Once for each window that a moment is in.
    fn send_sliced(&mut self, slices: Slices, at: Timestamp, hash: u64, pair: &(K, C::Accumulator)) {
        slices.windows_at(at, |window| self.scatter.push(hash, pair.clone(), meta_of(window)));
    }

    /// Sends a bundle's elements as they are, each in an accumulator of its own.
    fn pass_on(&mut self, bundle: &mut Bundle<(K, V)>) {
        let Bundle { values, times, windows, .. } = bundle;
        if let Some(slices) = self.slices {
            for (at, (key, value)) in values.drain(..).enumerate() {
                let pair = (key, single(&self.combine, value));
                self.send_sliced(slices, times.get(at), key_hash(&pair.0), &pair);
            }
        } else if let Some(window) = windows.uniform() {
            let mut singles = std::mem::take(&mut self.singles);
            singles.extend(values.drain(..).map(|(key, value)| (key, single(&self.combine, value))));
            self.singles = self.send_all(singles, window);
        } else {
            for (at, (key, value)) in values.drain(..).enumerate() {
                let pair = (key, single(&self.combine, value));
                self.scatter.push(key_hash(&pair.0), pair, meta_of(windows.get(at)));
            }
        }
    }

    /// Sends what is in windows that are over once the watermark is here. Nothing of the others is due before, so they go
    /// on combining.
    fn flush_before(&mut self, watermark: Timestamp) {
        if self.first_end >= watermark {
            return;
        }
        let is_over = |open: &mut Open<_, _>| open.window.max_timestamp() < watermark;
        let over: Vec<_> = self.open.extract_if(.., is_over).collect();
        self.first_end =
            self.open.iter().map(|open| open.window.max_timestamp()).min().unwrap_or(Timestamp::MAX);
        self.index.clear();
        self.index.extend(self.open.iter().enumerate().map(|(at, open)| (open.window, at)));
        self.recent = 0;
        for open in over {
            self.entries -= open.table.len();
            self.send(open);
        }
    }

    fn flush(&mut self) {
        self.flush_before(Timestamp::MAX);
    }

    /// Window by window, since who receives it has a table for each.
    fn send(&mut self, open: Open<K, C::Accumulator>) {
        let Open { window, mut table } = open;
        let is_full = table.len() * 2 > table.capacity();
        let mut pairs = std::mem::take(&mut self.singles);
        pairs.extend(table.drain());
        if is_full {
            self.spare = table;
        }
        let Some(slices) = self.slices else {
            self.singles = self.send_all(pairs, window);
            return;
        };
        slices.windows_at(window.start, |window| {
            for some in pairs.chunks(SOME) {
                let mut copies = std::mem::take(&mut self.singles);
                copies.extend_from_slice(some);
                self.singles = self.send_all(copies, window);
            }
            if pairs.len() > FEWEST {
                self.scatter.flush();
            }
        });
    }

    /// Leaves the allocation.
    fn send_all(&mut self, pairs: Vec<(K, C::Accumulator)>, window: Window) -> Vec<(K, C::Accumulator)> {
        let mut bundle = Bundle::with(pairs, meta_of(window));
        self.scatter.push_all(&mut bundle, key_hash);
        bundle.values.clear();
        bundle.values
    }
}

fn single<V, C: CombineFn<V>>(combine: &C, value: V) -> C::Accumulator {
    let mut accumulator = combine.create();
    combine.add(&mut accumulator, value);
    accumulator
}

/// An accumulator stands at the end of its window: lifting is for results that do.
fn meta_of(window: Window) -> Meta {
    Meta { time: window.max_timestamp(), window, pane: Pane::default() }
}

impl<K: Key, V: Element, C: CombineFn<V>> Receiver<(K, V)> for Lift<K, V, C> {
    fn bundle(&mut self, bundle: &mut Bundle<(K, V)>, cx: &mut Cx) -> Result<()> {
        let len = bundle.len();
        cx.enter_with(self.step, len);
        if self.worth.skip > 0 {
            self.worth.skip = self.worth.skip.saturating_sub(len);
            self.pass_on(bundle);
            return Ok(());
        }
        let before = self.entries;
        match self.slices {
            Some(slices) => self.add_sliced(bundle, slices),
            None => self.add_all(bundle),
        }
        self.worth.seen += len;
        self.worth.new += self.entries - before;
        self.worth.judge();
        if self.worth.skip > 0 || self.entries >= self.most {
            self.flush();
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
}
