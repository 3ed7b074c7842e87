use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use super::timers::{Domain, Set, Timers};
use crate::element::Wire;
use crate::steps::Outcome;
use crate::window::Window;
use crate::{BoxError, Error, ErrorKind, Meta, Result, Timestamp};

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

    /// Whether elements are lost with the state: then sources are told of what a key has taken only when its state is
    /// gone. A function that has passed on all that it remembers says no.
    fn holds_elements(&self) -> bool {
        true
    }
}

/// Where a [`StatefulFn`] puts results and sets timers.
pub struct StatefulCx<'a, Timer, Out> {
    pub(super) out: &'a mut VecDeque<(Out, Meta)>,
    pub(super) timers: &'a mut Timers<Timer>,
    pub(super) cell: u64,
    pub(super) meta: Meta,
    pub(super) expiry: Timestamp,
    pub(super) watermark: Timestamp,
    pub(super) now: Timestamp,
    pub(super) forget: bool,
    pub(super) failed: Option<Error>,
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
