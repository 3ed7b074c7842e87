//! The receiving end of an exchange on one worker.

use std::collections::VecDeque;

use flow_core::exec::{Arrival, Cx, Inbox, Inputs, Parcel, Signal, StepId, guard};
use flow_core::{Result, Timestamp};

use crate::exchange::Traffic;
use crate::gates::Gates;

/// An inbox, what has arrived for it, and who must be waited for.
pub(crate) struct Station {
    pub(crate) step: StepId,
    pub(crate) inbox: Box<dyn Inbox>,
    pub(crate) gates: Gates,
    inputs: Inputs<Parcel>,
    arrivals: VecDeque<(usize, Arrival<Parcel>)>,
    ready: VecDeque<Arrival<Parcel>>,
    /// The inbox has more to pass on.
    working: bool,
}

impl Station {
    pub(crate) fn new(step: StepId, inbox: Box<dyn Inbox>, gates: Gates, senders: usize) -> Self {
        Station {
            step,
            inbox,
            gates,
            inputs: Inputs::new(senders),
            arrivals: VecDeque::new(),
            ready: VecDeque::new(),
            working: false,
        }
    }

    pub(crate) fn arrived(&mut self, sender: usize, arrival: Arrival<Parcel>) {
        self.arrivals.push_back((sender, arrival));
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        !self.working && self.arrivals.is_empty() && self.ready.is_empty()
    }

    /// The processing time at which it goes on by itself; while it has more to pass on, there is nothing to wait for.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        (!self.working).then(|| self.inbox.deadline()).flatten()
    }

    /// Does one thing: passes on a bundle of what is due, or takes the next arrival.
    pub(crate) fn run(&mut self, traffic: &Traffic, cx: &mut Cx) -> Result<()> {
        if !self.working || self.inbox.is_open() {
            if self.ready.is_empty() {
                self.accept(traffic);
            }
            match self.ready.pop_front() {
                Some(Arrival::Data(parcel)) => guard(cx, |cx| self.inbox.parcel(parcel, cx))?,
                Some(Arrival::Signal(signal)) => guard(cx, |cx| self.inbox.signal(signal, cx))?,
                None if self.working => {}
                None => return Ok(()),
            }
        }
        self.working = guard(cx, |cx| self.inbox.work(cx))?;
        Ok(())
    }

    /// Takes the next arrival; what comes of it, for all senders together, is ready. Elements that wait for a barrier
    /// no longer use credit: whoever must still send the barrier may need it.
    fn accept(&mut self, traffic: &Traffic) {
        let Some((sender, arrival)) = self.arrivals.pop_front() else { return };
        if let Arrival::Data(parcel) = &arrival {
            traffic.release(self.step, parcel.bytes);
        }
        self.ready.extend(self.inputs.accept(sender, arrival));
        while let Some(released) = self.inputs.next_released() {
            self.ready.push_back(released);
        }
        traffic.done();
    }

    /// What an earlier run kept is back; what is due of it comes out before anything else arrives.
    pub(crate) fn restored(&mut self, cx: &mut Cx) -> Result<()> {
        self.working = true;
        guard(cx, |cx| {
            self.inbox.restored(cx);
            Ok(())
        })
    }

    pub(crate) fn poke(&mut self, poke: Signal, cx: &mut Cx) -> Result<()> {
        // Also while there is more to pass on: what keeps the gates closed may be a future that waits to be polled.
        guard(cx, |cx| self.inbox.signal(poke, cx))?;
        if !self.working {
            self.working = guard(cx, |cx| self.inbox.work(cx))?;
        }
        Ok(())
    }
}
