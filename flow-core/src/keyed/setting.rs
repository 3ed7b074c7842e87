use std::fmt::{self, Debug};
use std::time::Duration;

use super::context::{Cause, StatefulCx};
use super::timers::{Domain, Set};
use crate::Timestamp;
use crate::time::micros;

/// A timer that is about to be set, or cleared; made by [`StatefulCx::timer`].
///
/// First what is special about it, then when it fires. An earlier setting of the same timer is replaced.
#[must_use = "a timer is set by `at`, `after`, `at_processing_time` or `after_processing_time`, or cleared by `clear`"]
pub struct TimerSetting<'c, 'a, Timer, Out> {
    cx: &'c mut StatefulCx<'a, Timer, Out>,
    timer: Timer,
    output: Output,
    /// In microseconds; zero is none.
    period: i64,
}

/// The timestamp of what the timer will emit.
#[derive(Clone, Copy)]
enum Output {
    /// That of its firing, or for a timer of processing time that of the element that sets it.
    Default,
    At(Timestamp),
    /// It emits nothing.
    Without,
}

impl<Timer: Debug, Out> Debug for TimerSetting<'_, '_, Timer, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerSetting").field("timer", &self.timer).finish_non_exhaustive()
    }
}

impl<'c, 'a, Timer: Clone + Ord + Debug, Out> TimerSetting<'c, 'a, Timer, Out> {
    pub(super) fn new(cx: &'c mut StatefulCx<'a, Timer, Out>, timer: Timer) -> Self {
        TimerSetting { cx, timer, output: Output::Default, period: 0 }
    }

    /// What the timer emits is at `output`, to which the watermark downstream is held. It lies neither before the timestamp
    /// of the element or firing that sets the timer, since the watermark may have passed that, nor after the window expires;
    /// any other fails the step.
    ///
    /// Without it, that is the moment at which the timer fires, or for a timer of processing time the timestamp of the element
    /// or firing that sets it.
    pub fn output_at(mut self, output: Timestamp) -> Self {
        self.output = Output::At(output);
        self
    }

    /// The timer emits nothing, and so the watermark downstream does not wait for it. To emit from its firing fails the
    /// step.
    pub fn without_output(mut self) -> Self {
        self.output = Output::Without;
        self
    }

    /// What [`after`](TimerSetting::after) and [`after_processing_time`](TimerSetting::after_processing_time) say is when
    /// the timer fires within every `period`, counted from the epoch: at the next moment which lies so long before a
    /// multiple of it. It is later than now, by a whole period at most; before the epoch it may be by two. A `period` of
    /// zero is none.
    pub fn aligned_to(mut self, period: Duration) -> Self {
        self.period = micros(period);
        self
    }

    /// Fires when the watermark reaches `at`. A moment after the window expires fails the step; one that has passed fires at
    /// once.
    pub fn at(self, at: Timestamp) {
        if at > self.cx.expiry {
            self.cx.fail(format!(
                "timer {:?} set to {at}, after the expiration of its window at {}: it would never fire; set it to that at \
                 the latest, as `after` does by itself",
                self.timer, self.cx.expiry
            ));
            return;
        }
        let output = at.max(self.cx.earliest_output());
        self.set(Domain::Event, at, output);
    }

    /// Fires when the watermark reaches a moment by so much later than the element, or than the firing, that sets it; at the
    /// latest when the window expires.
    ///
    /// From a firing at that last moment, nothing is set: a timer that sets itself again and again ends with its window.
    pub fn after(self, delay: Duration) {
        let expiry = self.cx.expiry;
        let from = self.cx.call.moment;
        let at = self.later(from, delay);
        if at > expiry && from >= expiry && self.cx.is_firing() {
            return;
        }
        self.at(at.min(expiry));
    }

    /// Fires when processing time reaches `at`. When the input ends, the timers that are set fire at once; one that is set when
    /// the window is over never does.
    pub fn at_processing_time(self, at: Timestamp) {
        if self.cx.watermark <= self.cx.expiry {
            let output = self.cx.earliest_output();
            self.set(Domain::Processing, at, output);
        }
    }

    /// Fires when so much processing time has passed; see [`at_processing_time`](TimerSetting::at_processing_time).
    pub fn after_processing_time(self, delay: Duration) {
        let at = self.later(self.cx.now, delay);
        self.at_processing_time(at);
    }

    /// Clears the timer; one that is not set is fine.
    pub fn clear(self) {
        self.cx.clear_timer(&self.timer);
    }

    /// A moment by so much later than another, or aligned. The remainder has the sign of the time, as Beam's has.
    fn later(&self, from: Timestamp, delay: Duration) -> Timestamp {
        let later = from + delay;
        if self.period == 0 { later } else { from.offset_micros(self.period - later.micros() % self.period) }
    }

    fn set(self, domain: Domain, at: Timestamp, default: Timestamp) {
        let TimerSetting { cx, timer, output, .. } = self;
        if matches!(cx.call.cause, Cause::Expiration) {
            cx.fail(format!(
                "timer {timer:?} is set at the expiration of its window, behind which it would never fire: emit what is left \
                 at once"
            ));
            return;
        }
        let output = match output {
            Output::Default => Ok((default, true)),
            Output::Without => Ok((default, false)),
            Output::At(output) if output < cx.earliest_output() => Err(format!(
                "timer {timer:?} has its output timestamp {output} before the element or timer that sets it, at {}: the \
                 watermark may have passed it, and what the timer emits would be late",
                cx.timestamp()
            )),
            Output::At(output) if output > cx.expiry => Err(format!(
                "timer {timer:?} has its output timestamp {output} after the expiration of its window at {}: what it emits \
                 would lie outside of the window",
                cx.expiry
            )),
            Output::At(output) => Ok((output, true)),
        };
        match output {
            Ok((output, holds)) => cx.timers.set(cx.cell, timer, Set { domain, at, output, holds }),
            Err(message) => cx.fail(message),
        }
    }
}
