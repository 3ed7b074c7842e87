use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use super::exchange;
use super::hash::key_hash;
use super::inbox::Station;
use super::kernel::{Dropped, Kernel, Keyed};
use super::timers::{Domain, Set, Timers};
use crate::element::{Element, Key, Wire};
use crate::exec::{AnyOutput, BuildCx, Epoch, ExchangeOp, Inbox, Op, Outbox, Routing, StepId, erased, typed};
use crate::steps::{Outcome, Typed};
use crate::window::{Window, Windowing};
use crate::{BoxError, Bundle, Error, ErrorKind, Meta, Pane, Result, Timestamp};

/// A step that remembers something for each key and window, and may act later.
///
/// `State` is a plain struct, kept for each key in each window until the window expires (its end plus the allowed
/// lateness). Timers are told apart by the values of `Timer`: an enum, or `()` for none or one.
///
/// ```
/// use flow_core::prelude::*;
///
/// /// Emits a key's total each time that it has grown by ten.
/// #[derive(Clone)]
/// struct EveryTen;
///
/// impl StatefulFn<String, u64, (String, u64)> for EveryTen {
///     type State = (u64, u64);
///     type Timer = ();
///     fn process(&self, key: &String, n: u64, (total, told): &mut (u64, u64), cx: &mut StatefulCx<'_, (), (String, u64)>) -> Result<(), BoxError> {
///         *total += n;
///         if *total >= *told + 10 {
///             *told = *total;
///             cx.emit((key.clone(), *total));
///         }
///         Ok(())
///     }
/// }
/// let totals = apply([4, 5, 6, 7], |numbers: &PCollection<u64>| {
///     numbers.key_by(|_| "all".to_string()).par_do_stateful(EveryTen)
/// });
/// assert_eq!(totals, [("all".to_string(), 15)]);
/// ```
pub trait StatefulFn<K, V, Out>: Clone + Send + Sync + 'static {
    /// What is remembered.
    type State: Wire + Default;
    /// Tells timers apart.
    type Timer: Wire + Ord + Hash + Debug;

    /// Called for each element.
    fn process(
        &self,
        key: &K,
        value: V,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError>;

    /// Called when a timer falls due.
    fn on_timer(
        &self,
        key: &K,
        timer: Self::Timer,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError> {
        let _ = (key, timer, state, cx);
        Ok(())
    }

    /// Called when the window expires, before its state goes; results have the window's last timestamp.
    fn on_window_expiration(
        &self,
        key: &K,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError> {
        let _ = (key, state, cx);
        Ok(())
    }
}

/// Where a [`StatefulFn`] puts results and sets timers.
pub struct StatefulCx<'a, Timer, Out> {
    out: &'a mut VecDeque<(Out, Meta)>,
    timers: &'a mut Timers<Timer>,
    cell: u64,
    meta: Meta,
    expiry: Timestamp,
    watermark: Timestamp,
    now: Timestamp,
    forget: bool,
    failed: Option<Error>,
}

impl<Timer, Out> Debug for StatefulCx<'_, Timer, Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatefulCx").field("meta", &self.meta).finish_non_exhaustive()
    }
}

impl<Timer: Clone + Ord + Debug, Out> StatefulCx<'_, Timer, Out> {
    /// Passes a result on, with the timestamp of the element, or of the timer's firing.
    pub fn emit(&mut self, value: Out) {
        self.out.push_back((value, self.meta));
    }

    /// The timestamp of the element, or of the timer's firing.
    pub fn timestamp(&self) -> Timestamp {
        self.meta.time
    }

    /// The window that the state belongs to.
    pub fn window(&self) -> Window {
        self.meta.window
    }

    /// The input watermark.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Processing time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Fires when the watermark reaches `at`; results then have that timestamp, and the watermark downstream waits
    /// for them. An earlier setting of the same timer is replaced. A moment after the window expires fails the step.
    ///
    /// A moment that has passed fires at once, with the timestamp of the element that set it.
    pub fn set_timer(&mut self, timer: Timer, at: Timestamp) {
        self.set_timer_with_output(timer, at, at.max(self.earliest_output()));
    }

    /// As [`set_timer`](StatefulCx::set_timer), with results at `output`, to which the watermark downstream is held: not
    /// before the timestamp of the element or firing that sets it, since the watermark may have passed that.
    pub fn set_timer_with_output(&mut self, timer: Timer, at: Timestamp, output: Timestamp) {
        if at > self.expiry {
            self.fail(format!(
                "timer {timer:?} set to {at}, after the expiration of its window at {}",
                self.expiry
            ));
        } else if output < self.earliest_output() {
            self.fail(format!(
                "timer {timer:?} has its output timestamp {output} before the element that sets it, at {}",
                self.meta.time
            ));
        } else if output > self.expiry {
            self.fail(format!(
                "timer {timer:?} has its output timestamp {output} after the expiration of its window at {}",
                self.expiry
            ));
        } else {
            self.timers.set(self.cell, timer, Set { domain: Domain::Event, at, output });
        }
    }

    /// Fires when processing time reaches `at`; results then have the timestamp of the element that set it, to which
    /// the watermark downstream is held. When the input ends, the timers that are set fire at once; one that is set
    /// when the window is over never does.
    pub fn set_processing_timer(&mut self, timer: Timer, at: Timestamp) {
        let output = self.earliest_output();
        self.set_processing(timer, at, output);
    }

    /// As [`set_processing_timer`](StatefulCx::set_processing_timer), for one that emits nothing, and so holds nothing.
    pub(crate) fn set_silent_processing_timer(&mut self, timer: Timer, at: Timestamp) {
        self.set_processing(timer, at, self.expiry);
    }

    fn set_processing(&mut self, timer: Timer, at: Timestamp, output: Timestamp) {
        if self.watermark <= self.expiry {
            self.timers.set(self.cell, timer, Set { domain: Domain::Processing, at, output });
        }
    }

    /// Lets go of the state and the timers of this key and window, before the window expires; should the key come
    /// again, it starts anew.
    pub fn forget(&mut self) {
        self.forget = true;
    }

    /// Clears a timer; one that is not set is fine.
    pub fn clear_timer(&mut self, timer: &Timer) {
        self.timers.clear(self.cell, timer);
    }

    /// An element's timestamp may have moved behind its window.
    fn earliest_output(&self) -> Timestamp {
        self.meta.time.min(self.expiry)
    }

    fn fail(&mut self, message: String) {
        self.failed.get_or_insert_with(|| Error::new(ErrorKind::User, message));
    }
}

/// A closure as a [`StatefulFn`] without timers.
pub(crate) struct ByClosure<F, S, R> {
    f: Arc<F>,
    types: PhantomData<fn(S) -> R>,
}

impl<F, S, R> ByClosure<F, S, R> {
    pub(crate) fn new(f: F) -> Self {
        ByClosure { f: Arc::new(f), types: PhantomData }
    }
}

impl<F, S, R> Clone for ByClosure<F, S, R> {
    fn clone(&self) -> Self {
        ByClosure { f: Arc::clone(&self.f), types: PhantomData }
    }
}

impl<K, V, Out, S, R, F> StatefulFn<K, V, Out> for ByClosure<F, S, R>
where
    S: Wire + Default,
    R: Outcome + 'static,
    F: Fn(&K, V, &mut S, &mut StatefulCx<'_, (), Out>) -> R + Send + Sync + 'static,
{
    type State = S;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        state: &mut S,
        cx: &mut StatefulCx<'_, (), Out>,
    ) -> Result<(), BoxError> {
        (self.f)(key, value, state, cx).into_result()
    }
}

pub(crate) fn stateful<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>>(
    f: F,
    windowing: Windowing,
) -> Typed<(K, V), Out> {
    Op::Exchange(Arc::new(StatefulStep { f, windowing, types: PhantomData::<fn(K, V) -> Out> })).into()
}

struct StatefulStep<K, V, Out, F> {
    f: F,
    windowing: Windowing,
    types: PhantomData<fn(K, V) -> Out>,
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> StatefulStep<K, V, Out, F> {
    fn station(&self, step: StepId, output: AnyOutput) -> Station<K, V, Out, Cells<K, V, Out, F>> {
        Station::new(step, Cells::new(self.f.clone(), self.windowing.lateness), typed(output), key_hash)
    }
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> ExchangeOp for StatefulStep<K, V, Out, F> {
    fn routing(&self) -> Routing {
        Routing::Key
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, _: &mut BuildCx) -> AnyOutput {
        exchange::sender::<K, V>(step, outbox)
    }

    fn receiver(&self, step: StepId, output: AnyOutput, _: &mut BuildCx) -> Box<dyn Inbox> {
        Box::new(self.station(step, output))
    }

    fn inline(&self, step: StepId, output: AnyOutput, _: &mut BuildCx) -> AnyOutput {
        erased::<(K, V)>(self.station(step, output))
    }
}

/// The state of every key in every window, by number; numbers are given in order of creation.
struct Cells<K, V, Out, F: StatefulFn<K, V, Out>> {
    f: F,
    lateness: i64,
    numbers: HashMap<(K, Window), u64, foldhash::fast::FixedState>,
    by_number: HashMap<u64, Cell<K, F::State>, foldhash::fast::FixedState>,
    next: u64,
    timers: Timers<F::Timer>,
    expiries: BTreeSet<(Timestamp, u64)>,
    ready: VecDeque<(Out, Meta)>,
    /// How many cells began in each epoch.
    since: BTreeMap<Epoch, usize>,
    watermark: Timestamp,
    passed: Timestamp,
    now: Timestamp,
    types: PhantomData<fn(V)>,
}

struct Cell<K, S> {
    key: K,
    window: Window,
    state: S,
    since: Epoch,
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Cells<K, V, Out, F> {
    fn new(f: F, lateness: i64) -> Self {
        Cells {
            f,
            lateness,
            numbers: HashMap::default(),
            by_number: HashMap::default(),
            next: 0,
            timers: Timers::default(),
            expiries: BTreeSet::new(),
            ready: VecDeque::new(),
            since: BTreeMap::new(),
            watermark: Timestamp::MIN,
            passed: Timestamp::MIN,
            now: Timestamp::MIN,
            types: PhantomData,
        }
    }

    fn cell_of(&mut self, key: &K, window: Window, epoch: Epoch) -> u64 {
        if let Some(number) = self.numbers.get(&(key.clone(), window)) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert((key.clone(), window), number);
        self.expiries.insert((window.expiry(self.lateness), number));
        *self.since.entry(epoch).or_default() += 1;
        self.by_number
            .insert(number, Cell { key: key.clone(), window, state: F::State::default(), since: epoch });
        number
    }

    fn forget(&mut self, since: Epoch) {
        if let Some(count) = self.since.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                self.since.remove(&since);
            }
        }
    }

    /// Calls the user's function for a cell.
    fn call(
        &mut self,
        number: u64,
        at: Timestamp,
        pane: Pane,
        call: impl FnOnce(&F, &K, &mut F::State, &mut StatefulCx<'_, F::Timer, Out>) -> Result<(), BoxError>,
    ) -> Result<()> {
        let here = self.by_number.get_mut(&number).expect("a numbered cell is there until it expires");
        let mut cx = StatefulCx {
            out: &mut self.ready,
            timers: &mut self.timers,
            cell: number,
            meta: Meta { time: at, window: here.window, pane },
            expiry: here.window.expiry(self.lateness),
            watermark: self.watermark,
            now: self.now,
            forget: false,
            failed: None,
        };
        let result = call(&self.f, &here.key, &mut here.state, &mut cx);
        let (is_over, failed) = (cx.forget, cx.failed.take());
        if let Some(error) = failed {
            return Err(error);
        }
        if is_over {
            self.drop_cell(number);
        }
        result.map_err(|cause| Error::new(ErrorKind::User, "failed").caused_by(cause))
    }

    /// Lets go of a cell: its state, its timers and its expiry.
    fn drop_cell(&mut self, number: u64) {
        self.timers.clear_cell(number);
        let Some(cell) = self.by_number.remove(&number) else { return };
        self.expiries.remove(&(cell.window.expiry(self.lateness), number));
        self.forget(cell.since);
        self.numbers.remove(&(cell.key, cell.window));
    }

    /// Fires the next timer, or expires the next window, whichever is due first; false if nothing is.
    fn fire_one(&mut self) -> Result<bool> {
        let expiring = self.expiries.first().copied().filter(|(at, _)| *at < self.watermark);
        let timer = self.timers.due(self.watermark, self.now);
        let timer = timer.filter(|(_, _, set)| {
            set.domain == Domain::Processing || expiring.is_none_or(|(expiry, _)| set.at <= expiry)
        });
        if let Some((number, tag, set)) = timer {
            self.timers.clear(number, &tag);
            self.call(number, set.output, Pane::default(), |f, key, state, cx| {
                f.on_timer(key, tag, state, cx)
            })?;
            return Ok(true);
        }
        let Some((_, number)) = expiring else { return Ok(false) };
        let end = self.by_number.get(&number).map(|cell| cell.window.max_timestamp()).expect("expires once");
        self.call(number, end, Pane::default(), F::on_window_expiration)?;
        self.drop_cell(number);
        Ok(true)
    }
}

impl<K: Key, V: Wire, Out: Element, F: StatefulFn<K, V, Out>> Kernel<K, V, Out> for Cells<K, V, Out, F> {
    fn add(&mut self, elements: &mut Keyed<K, V>, epoch: Epoch) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        for ((key, value), meta) in elements.bundle.drain() {
            if self.watermark > meta.window.expiry(self.lateness) {
                dropped.late += 1;
                continue;
            }
            let number = self.cell_of(&key, meta.window, epoch);
            self.call(number, meta.time, meta.pane, |f, key, state, cx| f.process(key, value, state, cx))?;
        }
        Ok(dropped)
    }

    fn advance(&mut self, watermark: Timestamp, now: Timestamp) {
        self.watermark = watermark;
        self.now = now;
    }

    fn poll(&mut self, out: &mut Bundle<Out>) -> Result<bool> {
        while self.ready.len() < Bundle::<Out>::TARGET_LEN && self.fire_one()? {}
        while !out.is_full()
            && let Some((value, meta)) = self.ready.pop_front()
        {
            out.push(value, meta);
        }
        let is_due = self.timers.due(self.watermark, self.now).is_some();
        let is_expiring = self.expiries.first().is_some_and(|(at, _)| *at < self.watermark);
        let more = !self.ready.is_empty() || is_due || is_expiring;
        if !more {
            let held = self.timers.hold();
            self.passed = held.map_or(self.watermark, |held| self.watermark.min(held));
        }
        Ok(more)
    }

    fn output_watermark(&self) -> Timestamp {
        self.passed
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.timers.deadline()
    }

    fn held_since(&self) -> Option<Epoch> {
        self.since.first_key_value().map(|(epoch, _)| *epoch)
    }
}
