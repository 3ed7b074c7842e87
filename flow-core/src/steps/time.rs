use std::sync::Arc;

use super::link::{Transform, Typed, each, each_that, link, one};
use crate::exec::{Cx, Manner, Op, Output, Receiver, Signal, StepId, erased, typed};
use crate::window::{Window, WindowFn};
use crate::{Bundle, Column, Element, Error, ErrorKind, Reified, Result, Timestamp};

pub(crate) fn timestamps<T: Element>(
    skew: i64,
    at: impl Fn(&T) -> Timestamp + Send + Sync + 'static,
) -> Typed<T, T> {
    let at = Arc::new(at);
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, T>(step, Timestamps { step, skew, at: Arc::clone(&at) }, one(outputs)))
    }))
}

struct Timestamps<F> {
    step: StepId,
    skew: i64,
    at: Arc<F>,
}

impl<T, F: Fn(&T) -> Timestamp> Transform<T, T> for Timestamps<F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        let times: Vec<Timestamp> = bundle.values.iter().map(&*self.at).collect();
        for (index, at) in times.iter().enumerate() {
            let before = bundle.times.get(index);
            // The longest skew is any: it spans less than all of time.
            if self.skew < i64::MAX && *at < before.offset_micros(-self.skew) {
                let message = format!(
                    "a timestamp of {at} would move an element back from {before}: the allowed skew is {:?}",
                    std::time::Duration::from_micros(self.skew.unsigned_abs())
                );
                return Err(cx.error_here(Error::new(ErrorKind::User, message)));
            }
        }
        bundle.times = Column::Each(times);
        cx.emitted(self.step, bundle.len());
        next.bundle(bundle, cx)
    }
}

pub(crate) fn rewindow<T: Element, F: WindowFn<T>>(function: Arc<F>) -> Typed<T, T> {
    Typed::from(each_that(Manner::Windows, move |step, outputs, _| {
        let mut next = one(outputs);
        let is_sliced = function.slices().is_some_and(|slices| next.takes_slices(slices));
        let function = Arc::clone(&function);
        Ok(link::<T, T>(step, Assign { step, function, out: Bundle::default(), last: None, is_sliced }, next))
    }))
}

/// Puts elements into windows; one in several windows goes on once in each.
struct Assign<T, F> {
    step: StepId,
    function: Arc<F>,
    out: Bundle<T>,
    last: Option<Window>,
    /// Who comes next finds the windows.
    is_sliced: bool,
}

impl<T: Element, F: WindowFn<T>> Assign<T, F> {
    /// A window each, chosen by time alone: the previous element's, if it still fits.
    fn partition(&mut self, bundle: &mut Bundle<T>) {
        if let Column::Each(times) = &bundle.times
            && let Some(last) = self.last
            && times.iter().all(|at| last.contains(*at))
        {
            bundle.windows = Column::Uniform(last);
            return;
        }
        let mut window_of = |value: &T, at: Timestamp| {
            if let Some(last) = self.last
                && last.contains(at)
            {
                return last;
            }
            let mut window = Window::GLOBAL;
            self.function.assign(value, at, |assigned| window = assigned);
            self.last = Some(window);
            window
        };
        bundle.windows = match &bundle.times {
            Column::Uniform(at) if !bundle.is_empty() => Column::Uniform(window_of(&bundle.values[0], *at)),
            Column::Uniform(_) => Column::Uniform(Window::GLOBAL),
            Column::Each(times) => Column::Each(
                bundle.values.iter().zip(times).map(|(value, at)| window_of(value, *at)).collect(),
            ),
        };
    }

    fn explode(&mut self, bundle: &mut Bundle<T>) {
        self.out.clear();
        let mut windows = Vec::new();
        for (value, mut meta) in bundle.drain() {
            windows.clear();
            self.function.assign(&value, meta.time, |window| windows.push(window));
            let Some((last, others)) = windows.split_last() else { continue };
            for window in others {
                meta.window = *window;
                self.out.push(value.clone(), meta);
            }
            meta.window = *last;
            self.out.push(value, meta);
        }
    }
}

impl<T: Element, F: WindowFn<T>> Transform<T, T> for Assign<T, F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        if self.function.is_partition() {
            self.partition(bundle);
        }
        if self.is_sliced || self.function.is_partition() {
            cx.emitted(self.step, bundle.len());
            return next.bundle(bundle, cx);
        }
        self.explode(bundle);
        cx.emitted(self.step, self.out.len());
        if self.out.is_empty() { Ok(()) } else { next.bundle(&mut self.out, cx) }
    }
}

pub(crate) fn reify<T: Element>() -> Typed<T, Reified<T>> {
    Typed::from(each(|step, outputs, _| {
        Ok(link::<T, Reified<T>>(step, Reify { step, out: Bundle::default() }, one(outputs)))
    }))
}

struct Reify<T> {
    step: StepId,
    out: Bundle<Reified<T>>,
}

impl<T: Element> Transform<T, Reified<T>> for Reify<T> {
    fn bundle(
        &mut self,
        bundle: &mut Bundle<T>,
        next: &mut dyn Receiver<Reified<T>>,
        cx: &mut Cx,
    ) -> Result<()> {
        self.out.values.clear();
        self.out.values.extend(bundle.drain().map(|(value, m)| Reified {
            value,
            time: m.time,
            window: m.window,
            pane: m.pane,
        }));
        self.out.swap_columns(bundle);
        cx.emitted(self.step, self.out.len());
        next.bundle(&mut self.out, cx)
    }
}

/// Two outputs: elements whose window still takes them, and those whose window has expired.
pub(crate) fn late_split<T: Element>(lateness: i64) -> Op {
    each(move |step, mut outputs, _| {
        let late = typed::<T>(outputs.pop().expect("two outputs"));
        let in_time = typed::<T>(outputs.pop().expect("two outputs"));
        let watermark = Timestamp::MIN;
        Ok(erased::<T>(LateSplit { step, lateness, watermark, in_time, late, out: Bundle::default() }))
    })
}

struct LateSplit<T> {
    step: StepId,
    lateness: i64,
    watermark: Timestamp,
    in_time: Output<T>,
    late: Output<T>,
    out: Bundle<T>,
}

impl<T> Receiver<T> for LateSplit<T> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        cx.emitted(self.step, bundle.len());
        let expired = |window: Window| self.watermark > window.expiry(self.lateness);
        match bundle.windows.uniform().map(expired) {
            Some(true) => return self.late.bundle(bundle, cx),
            Some(false) => return self.in_time.bundle(bundle, cx),
            None => {}
        }
        let expired: Vec<bool> = (0..bundle.len()).map(|at| expired(bundle.windows.get(at))).collect();
        if !expired.contains(&true) {
            return self.in_time.bundle(bundle, cx);
        }
        let (mut late, mut in_time) = (Bundle::default(), std::mem::take(&mut self.out));
        in_time.clear();
        for ((value, meta), expired) in bundle.drain().zip(expired) {
            if expired { late.push(value, meta) } else { in_time.push(value, meta) }
        }
        self.late.bundle(&mut late, cx)?;
        self.in_time.bundle(&mut in_time, cx)?;
        self.out = in_time;
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if let Signal::Watermark(to) = signal {
            self.watermark = to;
        }
        self.in_time.signal(signal, cx)?;
        self.late.signal(signal, cx)
    }
}
