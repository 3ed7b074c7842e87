//! How parcels and signals get from worker to worker.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use crossbeam_channel::{Receiver, Sender, unbounded};
use flow_core::exec::{Arrival, Op, Outbox, Parcel, Signal, StepId};
use flow_core::graph::Graph;

use crate::parker::Parker;

/// How many exchanges a pipeline has, which share what is for all of them.
pub(crate) fn exchanges(graph: &Graph) -> usize {
    graph.steps.iter().filter(|step| matches!(step.op, Op::Exchange(_))).count()
}

/// Something on its way to a worker.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) exchange: StepId,
    pub(crate) sender: usize,
    pub(crate) arrival: Arrival<Parcel>,
}

/// What all workers of a run see.
#[derive(Debug)]
pub(crate) struct Traffic {
    doors: Vec<Door>,
    /// Bytes under way to each exchange, by step.
    bytes: Vec<AtomicUsize>,
    /// How many bytes may be under way to one exchange before those who feed it pause.
    limit: usize,
    messages_sent: AtomicU64,
    messages_done: AtomicU64,
    aborted: AtomicBool,
}

#[derive(Debug)]
struct Door {
    sender: Sender<Message>,
    parker: Arc<Parker>,
}

impl Traffic {
    /// For so many workers and steps; the second part has what each worker receives from.
    pub(crate) fn new(
        workers: usize,
        steps: usize,
        limit: usize,
    ) -> (Traffic, Vec<(Receiver<Message>, Arc<Parker>)>) {
        let mut ends = Vec::new();
        let doors = (0..workers).map(|_| {
            let (sender, receiver) = unbounded();
            let parker = Arc::new(Parker::default());
            ends.push((receiver, Arc::clone(&parker)));
            Door { sender, parker }
        });
        let traffic = Traffic {
            doors: doors.collect(),
            bytes: (0..steps).map(|_| AtomicUsize::new(0)).collect(),
            limit,
            messages_sent: AtomicU64::new(0),
            messages_done: AtomicU64::new(0),
            aborted: AtomicBool::new(false),
        };
        (traffic, ends)
    }

    /// Whether those who feed an exchange may go on.
    pub(crate) fn has_credit(&self, exchange: StepId) -> bool {
        self.bytes[exchange.index()].load(SeqCst) < self.limit
    }

    /// A message was worked off.
    pub(crate) fn done(&self) {
        self.messages_done.fetch_add(1, SeqCst);
    }

    /// Bytes that were under way to an exchange have been taken out; those who pause for it are woken.
    pub(crate) fn release(&self, exchange: StepId, bytes: usize) {
        let before = self.bytes[exchange.index()].fetch_sub(bytes, SeqCst);
        if before >= self.limit && before - bytes < self.limit {
            self.wake_all();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.doors.iter().for_each(|door| door.parker.unpark());
    }

    /// Messages sent, and those of them not worked off.
    pub(crate) fn messages(&self) -> (u64, u64) {
        let done = self.messages_done.load(SeqCst);
        let sent = self.messages_sent.load(SeqCst);
        (sent, sent - done)
    }

    /// Tells every worker to leave.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, SeqCst);
        self.wake_all();
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(SeqCst)
    }
}

/// What a worker sends itself.
pub(crate) type Local = Rc<RefCell<VecDeque<Message>>>;

/// One worker's way to all workers, for one exchange.
pub(crate) struct Mail {
    pub(crate) exchange: StepId,
    pub(crate) worker: usize,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) local: Local,
}

impl Mail {
    fn post(&self, to: usize, arrival: Arrival<Parcel>) {
        self.traffic.messages_sent.fetch_add(1, SeqCst);
        let message = Message { exchange: self.exchange, sender: self.worker, arrival };
        if to == self.worker {
            self.local.borrow_mut().push_back(message);
            return;
        }
        let door = &self.traffic.doors[to];
        // A worker that has left has failed, and the run with it.
        let _ = door.sender.send(message);
        door.parker.unpark();
    }
}

impl Outbox for Mail {
    fn workers(&self) -> usize {
        self.traffic.doors.len()
    }

    fn send(&mut self, worker: usize, parcel: Parcel) {
        self.traffic.bytes[self.exchange.index()].fetch_add(parcel.bytes, SeqCst);
        self.post(worker, Arrival::Data(parcel));
    }

    /// A poke is for one worker's chains: every worker pokes its own.
    fn signal(&mut self, signal: Signal) {
        if matches!(signal, Signal::Poke(_)) {
            return;
        }
        for worker in 0..self.workers() {
            self.post(worker, Arrival::Signal(signal));
        }
    }
}
