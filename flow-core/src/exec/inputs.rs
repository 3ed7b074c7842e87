use std::collections::VecDeque;

use super::{Epoch, Signal, planted};
use crate::Timestamp;

/// What arrives at an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival<M> {
    /// Elements.
    Data(M),
    /// A signal.
    Signal(Signal),
}

/// Several inputs as one: the least watermark of those that are not idle, barriers aligned, pokes passed on once.
///
/// While some inputs have passed a barrier and others have not, what comes on the former waits.
///
/// ```
/// use flow_core::{Timestamp, exec::{Arrival, Inputs, Signal}};
/// let mut inputs = Inputs::<&str>::new(2);
/// let minute = Signal::Watermark(Timestamp::from_secs(60));
/// assert_eq!(inputs.accept(0, Arrival::Signal(minute)), None);
/// assert_eq!(inputs.accept(1, Arrival::Signal(minute)), Some(Arrival::Signal(minute)));
/// ```
#[derive(Debug)]
pub struct Inputs<M> {
    ports: Vec<Port>,
    watermark: Timestamp,
    idle: bool,
    poke: u64,
    /// The last of the signals that regions of dead letters send themselves.
    attempt: u64,
    /// Of the inputs that are at a barrier: whether it is the last, and since when what follows it stems.
    aligning: Option<(bool, Epoch)>,
    waiting: VecDeque<(usize, Arrival<M>)>,
    released: VecDeque<(usize, Arrival<M>)>,
}

#[derive(Debug, Clone)]
struct Port {
    watermark: Timestamp,
    idle: bool,
    at_barrier: bool,
}

impl<M> Inputs<M> {
    /// So many inputs, none of which has said anything.
    pub fn new(inputs: usize) -> Self {
        Inputs {
            ports: vec![Port { watermark: Timestamp::MIN, idle: false, at_barrier: false }; inputs],
            watermark: Timestamp::MIN,
            idle: false,
            poke: 0,
            attempt: 0,
            aligning: None,
            waiting: VecDeque::new(),
            released: VecDeque::new(),
        }
    }

    /// Takes what arrived on an input; returns what it amounts to for all, if anything. After something comes out,
    /// [`next_released`](Inputs::next_released) gives what follows, as what had to wait for a barrier.
    pub fn accept(&mut self, port: usize, arrival: Arrival<M>) -> Option<Arrival<M>> {
        if let Arrival::Signal(signal @ (Signal::Finish(n) | Signal::Discard(n))) = arrival {
            let is_new = n > self.attempt;
            self.attempt = self.attempt.max(n);
            return is_new.then_some(Arrival::Signal(signal));
        }
        // Planted: an element from behind the barrier gets into the state in front of it, and is read again.
        let passes = matches!(arrival, Arrival::Data(_)) && planted("barrier-not-aligned");
        if self.ports[port].at_barrier && !passes {
            if let Arrival::Signal(Signal::Poke(n)) = arrival {
                return self.poke(n);
            }
            self.waiting.push_back((port, arrival));
            return None;
        }
        match arrival {
            Arrival::Data(_) => Some(arrival),
            Arrival::Signal(Signal::Watermark(to)) => {
                let port = &mut self.ports[port];
                port.watermark = port.watermark.max(to);
                port.idle = false;
                self.advance()
            }
            Arrival::Signal(Signal::Idle) => {
                self.ports[port].idle = true;
                self.advance()
            }
            Arrival::Signal(Signal::Barrier { epoch, last, since }) => self.align(port, epoch, last, since),
            Arrival::Signal(Signal::Poke(n)) => self.poke(n),
            Arrival::Signal(Signal::Finish(_) | Signal::Discard(_)) => unreachable!("passed on above"),
        }
    }

    /// What waited for the last barrier, to be accepted anew in order; call until it gives none.
    pub fn next_released(&mut self) -> Option<Arrival<M>> {
        while let Some((port, arrival)) = self.released.pop_front() {
            if let Some(out) = self.accept(port, arrival) {
                return Some(out);
            }
        }
        None
    }

    /// The least watermark so far.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Whether some input is at a barrier that others have not reached.
    pub fn is_aligning(&self) -> bool {
        self.aligning.is_some()
    }

    fn poke(&mut self, n: u64) -> Option<Arrival<M>> {
        (n > self.poke).then(|| {
            self.poke = n;
            Arrival::Signal(Signal::Poke(n))
        })
    }

    fn advance(&mut self) -> Option<Arrival<M>> {
        let least = self.ports.iter().filter(|p| !p.idle).map(|p| p.watermark).min();
        // Where all others have ended, one that is idle has not: it may still go on.
        let has_ended = self.ports.iter().all(|p| p.watermark == Timestamp::MAX);
        let Some(least) = least.filter(|least| *least < Timestamp::MAX || has_ended) else {
            if let Some(furthest) = self.furthest_idle() {
                self.watermark = furthest;
                return Some(Arrival::Signal(Signal::Watermark(furthest)));
            }
            return (!std::mem::replace(&mut self.idle, true)).then_some(Arrival::Signal(Signal::Idle));
        };
        let was_idle = std::mem::replace(&mut self.idle, false);
        if least > self.watermark || (was_idle && least == self.watermark) {
            self.watermark = least;
            return Some(Arrival::Signal(Signal::Watermark(least)));
        }
        None
    }

    /// When all inputs have fallen silent, the one that is furthest would count if it had been the last to. That
    /// none counts follows behind it.
    fn furthest_idle(&mut self) -> Option<Timestamp> {
        let furthest = self.ports.iter().filter(|p| p.idle).map(|p| p.watermark).max()?;
        let port = self.ports.iter().position(|p| p.idle && !p.at_barrier)?;
        (furthest > self.watermark).then(|| {
            self.released.push_front((port, Arrival::Signal(Signal::Idle)));
            furthest
        })
    }

    fn align(&mut self, port: usize, epoch: Epoch, last: bool, since: Epoch) -> Option<Arrival<M>> {
        self.ports[port].at_barrier = true;
        let (others_last, others_since) = self.aligning.unwrap_or((false, Epoch::MAX));
        let (last, since) = (last || others_last, since.min(others_since));
        self.aligning = Some((last, since));
        if !self.ports.iter().all(|p| p.at_barrier) {
            return None;
        }
        for port in &mut self.ports {
            port.at_barrier = false;
        }
        self.aligning = None;
        // What waits was taken from the front of what is being released, so on each port it comes first.
        self.waiting.append(&mut self.released);
        std::mem::swap(&mut self.waiting, &mut self.released);
        Some(Arrival::Signal(Signal::Barrier { epoch, last, since }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wm(seconds: i64) -> Arrival<u8> {
        Arrival::Signal(Signal::Watermark(Timestamp::from_secs(seconds)))
    }
    fn barrier(epoch: Epoch) -> Arrival<u8> {
        Arrival::Signal(Signal::Barrier { epoch, last: false, since: epoch + 1 })
    }

    #[test]
    fn the_watermark_is_the_least_and_never_goes_back() {
        let mut inputs = Inputs::new(2);
        assert_eq!(inputs.accept(0, wm(5)), None);
        assert_eq!(inputs.accept(1, wm(3)), Some(wm(3)));
        assert_eq!(inputs.accept(1, wm(2)), None);
        assert_eq!(inputs.accept(1, wm(9)), Some(wm(5)));
    }

    #[test]
    fn an_idle_input_does_not_pin_the_others() {
        let mut inputs = Inputs::new(2);
        assert_eq!(inputs.accept(0, wm(5)), None);
        assert_eq!(inputs.accept(1, Arrival::Signal(Signal::Idle)), Some(wm(5)));
        assert_eq!(inputs.accept(1, wm(1)), None);
        assert_eq!(inputs.accept(0, wm(9)), None);
        assert_eq!(inputs.accept(1, wm(7)), Some(wm(7)));
    }

    #[test]
    fn an_idle_input_is_not_at_its_end() {
        let end = || Arrival::<u8>::Signal(Signal::Watermark(Timestamp::MAX));
        let idle = || Arrival::Signal(Signal::Idle);
        let mut inputs = Inputs::new(2);
        assert_eq!(inputs.accept(0, end()), None);
        assert_eq!(inputs.accept(1, wm(5)), Some(wm(5)));
        assert_eq!(inputs.accept(1, idle()), Some(idle()));
        assert_eq!(inputs.accept(1, wm(7)), Some(wm(7)));
        assert_eq!(inputs.accept(1, end()), Some(end()));
    }

    #[test]
    fn when_all_inputs_fall_silent_the_furthest_counts() {
        let idle = || Arrival::<u8>::Signal(Signal::Idle);
        for first in [0, 1] {
            let mut inputs = Inputs::new(2);
            assert_eq!(inputs.accept(0, wm(5)), None);
            let after_one = inputs.accept(first, idle());
            let after_both = inputs.accept(1 - first, idle());
            if first == 0 {
                assert_eq!((after_one, after_both), (None, Some(wm(5))));
                assert_eq!(inputs.next_released(), Some(idle()));
            } else {
                assert_eq!((after_one, after_both), (Some(wm(5)), Some(idle())));
            }
            assert_eq!(inputs.next_released(), None);
        }
    }

    #[test]
    fn data_behind_a_barrier_waits_until_all_inputs_have_it() {
        let mut inputs = Inputs::new(2);
        assert_eq!(inputs.accept(0, barrier(1)), None);
        assert_eq!(inputs.accept(0, Arrival::Data(7)), None);
        assert_eq!(inputs.accept(0, barrier(2)), None);
        assert_eq!(inputs.accept(1, Arrival::Data(8)), Some(Arrival::Data(8)));
        assert_eq!(inputs.accept(1, barrier(1)), Some(barrier(1)));
        assert_eq!(inputs.next_released(), Some(Arrival::Data(7)));
        assert_eq!(inputs.next_released(), None);
        assert_eq!(inputs.accept(1, barrier(2)), Some(barrier(2)));
        assert_eq!(inputs.next_released(), None);
    }

    #[test]
    fn a_poke_comes_through_once() {
        let mut inputs = Inputs::<u8>::new(2);
        let poke = || Arrival::Signal(Signal::Poke(4));
        assert_eq!(inputs.accept(0, poke()), Some(poke()));
        assert_eq!(inputs.accept(1, poke()), None);
    }
}
