use std::collections::VecDeque;
use std::fmt::{self, Debug};

use super::setting::TimerSetting;
use super::store::CellId;
use super::timers::Timers;
use crate::exec::Epoch;
use crate::window::Window;
use crate::{Error, ErrorKind, Meta, Pane, Timestamp};

/// Where a [`StatefulFn`](super::StatefulFn) puts results and sets timers.
pub struct StatefulCx<'a, Timer, Out> {
    pub(super) out: &'a mut VecDeque<(Out, Meta)>,
    pub(super) timers: &'a mut Timers<Timer>,
    pub(super) cell: CellId,
    pub(super) call: Call<Timer>,
    pub(super) window: Window,
    pub(super) expiry: Timestamp,
    pub(super) watermark: Timestamp,
    pub(super) now: Timestamp,
    pub(super) forget: bool,
    /// The oldest epoch that the state stems from by now, if it was said.
    pub(super) since: Option<Epoch>,
    pub(super) failed: Option<Error>,
}

/// What the function is called for.
#[derive(Debug)]
pub(super) struct Call<Timer> {
    /// The timestamp of results.
    pub(super) time: Timestamp,
    /// The moment from which timers are counted: that of the element, or for which the timer was set that fires.
    pub(super) moment: Timestamp,
    pub(super) pane: Pane,
    /// That of the element; timers have none.
    pub(super) epoch: Option<Epoch>,
    pub(super) cause: Cause<Timer>,
}

/// Why the function is called.
#[derive(Debug)]
pub(super) enum Cause<Timer> {
    Element,
    Timer,
    /// A timer that was set without an output timestamp.
    SilentTimer(Timer),
    Expiration,
}

impl<Timer, Out> Debug for StatefulCx<'_, Timer, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StatefulCx { window, call, .. } = self;
        f.debug_struct("StatefulCx").field("window", window).field("time", &call.time).finish_non_exhaustive()
    }
}

impl<'a, Timer: Clone + Ord + Debug, Out> StatefulCx<'a, Timer, Out> {
    /// Passes a result on, with the timestamp of the element, or of the timer's firing.
    ///
    /// From the firing of a timer that was set without an output timestamp, it fails the step.
    pub fn emit(&mut self, value: Out) {
        self.pass_on(value, self.call.time);
    }

    /// Passes a result on with a timestamp of its own: not before that of the element, or of the timer's firing, since the
    /// watermark may have passed it, and not after the window expires. Any other fails the step.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use flow_core::testing::stream;
    /// # use std::time::Duration;
    /// let due = stream().add([((7, 30), Timestamp::from_secs(100))]).run(|orders: &PCollection<(u32, u64)>| {
    ///     orders.stateful(|id, days, (): &mut (), out| out.emit_at(*id, out.timestamp() + Duration::from_secs(days * 86_400)))
    /// });
    /// assert_eq!(due[0].time, Timestamp::from_secs(100 + 30 * 86_400));
    /// ```
    pub fn emit_at(&mut self, value: Out, at: Timestamp) {
        let Call { time, .. } = self.call;
        if at < time {
            self.fail(format!(
                "a result at {at} would lie before its element or timer at {time}, where it may be late already: the \
                 allowed skew is zero"
            ));
        } else if at > self.expiry.max(time) {
            self.fail(format!(
                "a result at {at} would lie after the expiration of its window at {}: give it a timestamp until then, or \
                 the step a longer window",
                self.expiry
            ));
        } else {
            self.pass_on(value, at);
        }
    }

    /// Passes a result on at any moment: whoever does so has held the watermark there.
    pub(crate) fn pass_on(&mut self, value: Out, time: Timestamp) {
        if let Cause::SilentTimer(timer) = &self.call.cause {
            let message = format!(
                "cannot output from timer {timer:?}, which was set without an output timestamp: the watermark did not \
                 wait, and the result might be lost as late; leave `without_output` out where it is set"
            );
            self.fail(message);
            return;
        }
        self.out.push_back((value, Meta { time, window: self.window, pane: self.call.pane }));
    }

    /// The timestamp of the element, or of the timer's firing: what results have.
    pub fn timestamp(&self) -> Timestamp {
        self.call.time
    }

    /// The moment that the timer which fires was set to, if it is one of event time. It is later than
    /// [`timestamp`](StatefulCx::timestamp) where the timer was set with an output timestamp before it. For an element, its
    /// timestamp.
    pub fn fire_timestamp(&self) -> Timestamp {
        self.call.moment
    }

    /// The window that the state belongs to; of windows that merge, as far as it has merged by now.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The pane of the element.
    pub fn pane(&self) -> Pane {
        self.call.pane
    }

    /// The input watermark.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Processing time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A timer, to be set in any way, or cleared. [`set_timer`](StatefulCx::set_timer),
    /// [`set_processing_timer`](StatefulCx::set_processing_timer) and [`clear_timer`](StatefulCx::clear_timer) are short
    /// for the common ones.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// # use std::time::Duration;
    /// # #[derive(Clone)]
    /// # struct Flush;
    /// # impl StatefulFn<u32, u32, u32> for Flush {
    /// #     type State = ();
    /// #     type Timer = ();
    /// # fn process(&self, _: &u32, _: u32, _: &mut (), cx: &mut StatefulCx<'_, (), u32>) -> Result<(), BoxError> {
    /// // Fires at the end of the element's minute, and what it emits is at the time of the element.
    /// let at = cx.timestamp();
    /// cx.timer(()).output_at(at).aligned_to(Duration::from_secs(60)).after(Duration::ZERO);
    /// # Ok(())
    /// # }
    /// #     fn on_timer(&self, _: &u32, (): (), _: &mut (), cx: &mut StatefulCx<'_, (), u32>) -> Result<(), BoxError> {
    /// #         cx.emit(u32::try_from(cx.fire_timestamp().micros() / 1_000_000)?);
    /// #         Ok(())
    /// #     }
    /// # }
    /// # let flushed = flow_core::testing::stream().add([((1, 1), Timestamp::from_secs(75))]).run(|n| n.par_do_stateful(Flush));
    /// # assert_eq!((flushed[0].value, flushed[0].time), (120, Timestamp::from_secs(75)));
    /// ```
    pub fn timer(&mut self, timer: Timer) -> TimerSetting<'_, 'a, Timer, Out> {
        TimerSetting::new(self, timer)
    }

    /// Fires when the watermark reaches `at`; results then have that timestamp, and the watermark downstream waits
    /// for them. An earlier setting of the same timer is replaced. A moment after the window expires fails the step.
    ///
    /// A moment that has passed fires at once, and not before the timestamp of the element that set it.
    pub fn set_timer(&mut self, timer: Timer, at: Timestamp) {
        self.timer(timer).at(at);
    }

    /// Fires when processing time reaches `at`; results then have the timestamp of the element that set it, to which
    /// the watermark downstream is held. When the input ends, the timers that are set fire at once; one that is set
    /// when the window is over never does.
    pub fn set_processing_timer(&mut self, timer: Timer, at: Timestamp) {
        self.timer(timer).at_processing_time(at);
    }

    /// Clears a timer; one that is not set is fine.
    pub fn clear_timer(&mut self, timer: &Timer) {
        self.timers.clear(self.cell, timer);
    }

    /// Lets go of the state and the timers of this key and window, before the window expires; should the key come
    /// again, it starts anew.
    pub fn forget(&mut self) {
        self.forget = true;
    }

    /// The epoch of the element.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.call.epoch
    }

    /// What the state still keeps came in this epoch or later. Unless it is said, that is the epoch of its first element,
    /// of which a state that is never empty keeps the sources from being told.
    pub(crate) fn keeps_since(&mut self, epoch: Epoch) {
        self.since = Some(epoch);
    }

    /// The first moment that results of a timer that is set now may have. An element's timestamp may have moved behind its
    /// window.
    pub(super) fn earliest_output(&self) -> Timestamp {
        self.call.time.min(self.expiry)
    }

    /// Whether a timer fires.
    pub(super) fn is_firing(&self) -> bool {
        matches!(self.call.cause, Cause::Timer | Cause::SilentTimer(_))
    }

    pub(super) fn fail(&mut self, message: String) {
        self.failed.get_or_insert_with(|| Error::new(ErrorKind::User, message));
    }
}
