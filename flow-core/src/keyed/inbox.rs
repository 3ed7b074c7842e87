use super::kernel::{ForAll, Kernel, Keyed};
use crate::exec::{
    BuildCx, Cx, Epoch, Inbox, Output, Parcel, Receiver, Signal, StepId, decode_record, planted,
};
use crate::{Bundle, Result, Timestamp};

/// Drives a kernel: on a worker behind an exchange (as an [`Inbox`]), or in line (as a [`Receiver`]).
pub(super) struct Station<K, In, Out, G> {
    pub(super) step: StepId,
    pub(super) kernel: G,
    pub(super) output: Output<Out>,
    pub(super) hash: fn(&K) -> u64,
    out: Bundle<Out>,
    watermark: Timestamp,
    passed: Timestamp,
    /// The input is idle.
    idle: bool,
    /// Those behind know it: the next watermark says that this counts again.
    told_idle: bool,
    epoch: Epoch,
    input: std::marker::PhantomData<fn(In)>,
}

impl<K: 'static, In: 'static, Out: 'static, G: Kernel<K, In, Out>> Station<K, In, Out, G> {
    pub(super) fn new(
        step: StepId,
        mut kernel: G,
        output: Output<Out>,
        hash: fn(&K) -> u64,
        cx: &BuildCx,
    ) -> Self {
        if cx.is_durable() {
            kernel.track();
        }
        Station {
            step,
            kernel,
            output,
            hash,
            out: Bundle::default(),
            watermark: Timestamp::MIN,
            passed: Timestamp::MIN,
            idle: false,
            told_idle: false,
            epoch: 1,
            input: std::marker::PhantomData,
        }
    }

    fn add(&mut self, elements: &mut Keyed<K, In>, cx: &mut Cx) -> Result<()> {
        self.look(cx);
        let dropped = self.kernel.add(elements, self.epoch).map_err(|e| cx.error_here(e))?;
        let counts = &mut cx.counts[self.step.index()];
        counts.dropped_late += dropped.late;
        counts.dropped_closed += dropped.closed;
        Ok(())
    }

    /// Looks at the clock, and whether the run is being stopped.
    fn look(&mut self, cx: &Cx) {
        if cx.draining {
            self.kernel.drain();
        }
        self.kernel.advance(self.watermark, cx.now);
    }

    fn take(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        match signal {
            Signal::Watermark(to) => {
                // A run that goes on may begin with sources that do not know yet how far they were.
                self.watermark = self.watermark.max(to);
                self.kernel.advance(self.watermark, cx.now);
                self.idle = false;
                if std::mem::take(&mut self.told_idle) {
                    return self.output.signal(Signal::Watermark(self.passed), cx);
                }
                Ok(())
            }
            Signal::Poke(_) => {
                self.look(cx);
                self.step_on(cx)?;
                self.output.signal(signal, cx)
            }
            Signal::Barrier { epoch, last, since } => {
                self.epoch = since;
                self.save(cx)?;
                let held = self.kernel.held_since();
                if let Some(held) = held {
                    cx.holds_since(held);
                }
                let since = held.map_or(since, |held| held.min(since));
                self.output.signal(Signal::Barrier { epoch, last, since }, cx)
            }
            Signal::Idle => {
                self.idle = true;
                self.tell_idle(cx)
            }
            // They stay in regions, which no exchange stands in.
            Signal::Finish(_) | Signal::Discard(_) => self.output.signal(signal, cx),
        }
    }

    /// In a durable run, writes down what is kept, and how far the input is.
    fn save(&mut self, cx: &mut Cx) -> Result<()> {
        let Some(mut saving) = cx.saving_of(self.step) else { return Ok(()) };
        let watermark = ForAll::Watermark(self.watermark.micros());
        let saved = saving.put_for_all(&watermark).and_then(|()| self.kernel.save(&mut saving));
        saved.map_err(|e| cx.error_here(e))
    }

    /// Is idle as the input is, once nothing in here holds the watermark any more.
    fn tell_idle(&mut self, cx: &mut Cx) -> Result<()> {
        if self.idle && !self.told_idle && self.passed == self.watermark {
            self.told_idle = true;
            return self.output.signal(Signal::Idle, cx);
        }
        Ok(())
    }

    fn step_on(&mut self, cx: &mut Cx) -> Result<bool> {
        cx.enter(self.step);
        let more = self.kernel.poll(&mut self.out).map_err(|e| cx.error_here(e))?;
        if !self.out.is_empty() {
            cx.emitted(self.step, self.out.len());
            self.output.bundle(&mut self.out, cx)?;
            self.out.clear();
        }
        let to = self.kernel.output_watermark();
        if to > self.passed {
            self.passed = to;
            self.told_idle = false;
            self.output.signal(Signal::Watermark(to), cx)?;
        }
        if !more {
            self.tell_idle(cx)?;
        }
        Ok(more)
    }
}

impl<K: 'static, In: 'static, Out: 'static, G: Kernel<K, In, Out>> Inbox for Station<K, In, Out, G> {
    fn parcel(&mut self, parcel: Parcel, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let mut elements =
            parcel.data.downcast::<Keyed<K, In>>().expect("both ends of an exchange agree on a type");
        self.add(&mut elements, cx)
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        self.take(signal, cx)
    }

    fn work(&mut self, cx: &mut Cx) -> Result<bool> {
        // What goes on by itself may work for long, and has others wait for the clock meanwhile.
        if self.kernel.is_reading() {
            self.look(cx);
        }
        self.step_on(cx)
    }

    fn restore(&mut self, hash: Option<u64>, record: &[u8], cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        let restored = match hash {
            Some(_) => self.kernel.restore(record),
            None => decode_record(record).and_then(|record| match record {
                ForAll::Watermark(micros) => {
                    self.watermark = self.watermark.max(Timestamp::from_micros(micros));
                    Ok(())
                }
                // Planted: a window that was emitted is open again, and fires again.
                ForAll::Emitted { .. } if planted("restored-window-fires-again") => Ok(()),
                ForAll::Emitted { worker, window } => self.kernel.restore_emitted(worker, window),
            }),
        };
        restored.map_err(|e| cx.error_here(e))
    }

    fn restored(&mut self, cx: &mut Cx) {
        self.kernel.restored(self.watermark, cx.now);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.kernel.deadline()
    }

    fn is_reading(&self) -> bool {
        self.kernel.is_reading()
    }

    fn is_open(&self) -> bool {
        self.kernel.is_open()
    }
}

impl<K: 'static, In: 'static, Out: 'static, G: Kernel<K, In, Out>> Receiver<(K, In)>
    for Station<K, In, Out, G>
{
    fn bundle(&mut self, bundle: &mut Bundle<(K, In)>, cx: &mut Cx) -> Result<()> {
        cx.enter_with(self.step, bundle.len());
        let hashes = bundle.values.iter().map(|(key, _)| (self.hash)(key)).collect();
        self.add(&mut Keyed { bundle: bundle.take(), hashes }, cx)?;
        while self.step_on(cx)? {}
        Ok(())
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        if matches!(signal, Signal::Poke(_)) {
            self.look(cx);
            while self.step_on(cx)? {}
            cx.wake_at = cx.wake_at.into_iter().chain(self.kernel.deadline()).min();
            cx.reading |= self.kernel.is_reading();
            return self.output.signal(signal, cx);
        }
        self.take(signal, cx)?;
        while self.step_on(cx)? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;
    use crate::exec::StepSaving;
    use crate::keyed::kernel::Dropped;

    /// Keeps nothing.
    struct Nothing(Timestamp);

    impl Kernel<u32, u32, u32> for Nothing {
        fn add(&mut self, _: &mut Keyed<u32, u32>, _: Epoch) -> Result<Dropped> {
            Ok(Dropped::default())
        }
        fn advance(&mut self, watermark: Timestamp, _: Timestamp) {
            self.0 = watermark;
        }
        fn poll(&mut self, _: &mut Bundle<u32>) -> Result<bool> {
            Ok(false)
        }
        fn output_watermark(&self) -> Timestamp {
            self.0
        }
        fn deadline(&self) -> Option<Timestamp> {
            None
        }
        fn held_since(&self) -> Option<Epoch> {
            None
        }
        fn track(&mut self) {}
        fn save(&mut self, _: &mut StepSaving<'_>) -> Result<()> {
            Ok(())
        }
        fn restore(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
    }

    struct Seen(Rc<RefCell<Vec<Signal>>>);

    impl Receiver<u32> for Seen {
        fn bundle(&mut self, _: &mut Bundle<u32>, _: &mut Cx) -> Result<()> {
            Ok(())
        }
        fn signal(&mut self, signal: Signal, _: &mut Cx) -> Result<()> {
            self.0.borrow_mut().push(signal);
            Ok(())
        }
    }

    #[test]
    fn an_input_that_speaks_again_is_heard_further_down() {
        let label = crate::StepLabel { name: "group".into(), location: std::panic::Location::caller() };
        let build = BuildCx::new(0, 1, [label.clone()].into());
        let mut cx = Cx::new([label].into(), Waker::noop().clone(), None);
        let seen = Rc::default();
        let output = Box::new(Seen(Rc::clone(&seen)));
        let mut station =
            Station::new(StepId(0), Nothing(Timestamp::MIN), output, |key: &u32| u64::from(*key), &build);
        let minute = Signal::Watermark(Timestamp::from_secs(60));
        for signal in [minute, minute, Signal::Idle, minute, minute] {
            Inbox::signal(&mut station, signal, &mut cx).unwrap();
            station.work(&mut cx).unwrap();
        }
        assert_eq!(*seen.borrow(), [minute, Signal::Idle, minute]);
    }
}
