use super::link::{Transform, Typed, each, link, one};
use crate::exec::{Cx, Receiver, Signal, StepId};
use crate::{Bundle, Element, Result, Timestamp};

/// Drops the elements that are further behind the watermark than the lateness, and counts them as late: for steps that
/// keep elements by time and not by window.
pub(crate) fn drop_late<T: Element>(lateness: i64) -> Typed<T, T> {
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, T>(step, DropLate { step, lateness, least: Timestamp::MIN }, one(outputs)))
    }))
}

/// Keeps the elements that are in time, and counts the others as late.
pub(super) fn keep_in_time<T>(bundle: &mut Bundle<T>, in_time: &[bool], step: StepId, cx: &mut Cx) {
    let before = bundle.len();
    bundle.keep(in_time);
    cx.counts[step.index()].dropped_late += (before - bundle.len()) as u64;
}

struct DropLate {
    step: StepId,
    lateness: i64,
    /// The earliest timestamp that is not too late.
    least: Timestamp,
}

impl<T: Element> Transform<T, T> for DropLate {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        if bundle.times.uniform().is_none_or(|at| at < self.least) {
            let in_time: Vec<bool> = (0..bundle.len()).map(|at| bundle.times.get(at) >= self.least).collect();
            keep_in_time(bundle, &in_time, self.step, cx);
        }
        cx.emitted(self.step, bundle.len());
        if bundle.is_empty() { Ok(()) } else { next.bundle(bundle, cx) }
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        if let Signal::Watermark(to) = signal {
            self.least = to.offset_micros(-self.lateness);
        }
        next.signal(signal, cx)
    }
}

/// Lets the watermark pass so much later, in microseconds; the end of the input comes as it does.
pub(crate) fn trailing<T: Element>(by: i64) -> Typed<T, T> {
    Typed::from(each(move |step, outputs, _| Ok(link::<T, T>(step, Trailing { step, by }, one(outputs)))))
}

struct Trailing {
    step: StepId,
    by: i64,
}

impl<T: Element> Transform<T, T> for Trailing {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        cx.emitted(self.step, bundle.len());
        next.bundle(bundle, cx)
    }

    fn signal(&mut self, signal: Signal, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        let signal = match signal {
            Signal::Watermark(to) if to < Timestamp::MAX => Signal::Watermark(to.offset_micros(-self.by)),
            other => other,
        };
        next.signal(signal, cx)
    }
}
