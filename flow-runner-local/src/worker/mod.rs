//! One worker: a thread with a copy of every step.

mod build;
mod messages;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use flow_core::exec::{Cx, Epoch, Saving, Signal, StepCounts, StepId, panicked};
use flow_core::graph::Graph;
use flow_core::{Result, Timestamp};

use crate::clock::{Clock, nanos};
use crate::crashes::Crashes;
use crate::durable::{Restored, ToCoordinator};
use crate::exchange::{Local, Message, Traffic};
use crate::gates::Gates;
use crate::options::Options;
use crate::parker::Parker;
use crate::source::SourceRun;
use crate::splits::Splits;
use crate::station::Station;
pub(crate) use messages::{Barrier, Command, Event, Extent, Passed};

/// What a worker is made of.
pub(crate) struct Place {
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    pub(crate) options: Options,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) messages: Receiver<Message>,
    pub(crate) parker: Arc<Parker>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) events: Sender<(usize, Event)>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) splits: Arc<Vec<Arc<Splits>>>,
    pub(crate) board: Arc<Board>,
    /// Where sinks of a durable run may keep files, and what is given for each block of what steps keep.
    pub(crate) durable: Option<(PathBuf, Sender<()>)>,
    /// What an earlier run left behind.
    pub(crate) restored: Option<Arc<Restored>>,
    pub(crate) crashes: Option<Arc<Crashes>>,
}

/// Where a worker shows how far it is, for the live report.
#[derive(Debug, Default)]
pub(crate) struct Board {
    counts: Mutex<Vec<StepCounts>>,
}

impl Board {
    pub(crate) fn counts(&self) -> Vec<StepCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every so many turns the time that steps take is measured, and the counts are shown.
const SAMPLE_EVERY: u64 = 16;
const SHOW_EVERY: u64 = 1024;
/// Every so many turns a worker that is never at rest looks at what is otherwise looked at when it is.
const LOOK_EVERY: u64 = 64;

pub(crate) struct Worker {
    place: Place,
    cx: Cx,
    stations: Vec<Station>,
    /// The station of each step, if it has one.
    station_of: Vec<Option<usize>>,
    sources: Vec<SourceRun>,
    next_source: usize,
    local: Local,
    leaves: usize,
    barrier: Option<Epoch>,
    /// In a durable run, as of the barrier.
    watermarks: Vec<(StepId, Timestamp)>,
    /// Nothing is read any more.
    suspended: bool,
    settle: Option<u64>,
    pokes: u64,
    turns: u64,
    /// Something may wait half full.
    dirty: bool,
    told_ended: bool,
    holding_limit: usize,
}

/// Runs a worker on the calling thread, to its end; what it counted.
pub(crate) fn run(place: Place, graph: &Graph) -> Vec<StepCounts> {
    let (worker, events, traffic) = (place.worker, place.events.clone(), Arc::clone(&place.traffic));
    let mut counts = Vec::new();
    // What users write is guarded where it is called; this is for what was forgotten, tear-downs among it.
    let outcome = catch_unwind(AssertUnwindSafe(|| build_and_run(place, graph, &mut counts)));
    if let Err(error) = outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        traffic.abort();
        let _ = events.send((worker, Event::Failed(error)));
    }
    counts
}

fn build_and_run(place: Place, graph: &Graph, counts: &mut Vec<StepCounts>) -> Result<()> {
    place.parker.register();
    let mut cx = Cx::new(graph.labels(), Waker::from(Arc::clone(&place.parker)), Some(nanos));
    cx.now = place.clock.now();
    cx.suspects = place.crashes.as_ref().and_then(|crashes| crashes.door());
    let mut worker = Worker::build(place, graph, cx)?;
    let result = worker.run();
    *counts = std::mem::take(&mut worker.cx.counts);
    // A failure is told before what it leaves behind is torn down.
    if let Err(error) = result {
        worker.place.traffic.abort();
        let _ = worker.place.events.send((worker.place.worker, Event::Failed(error)));
    }
    drop(worker);
    Ok(())
}

impl Worker {
    /// Turn by turn: what others sent, then what is furthest down, then the sources; with nothing left, sleep.
    fn run(&mut self) -> Result<()> {
        loop {
            if self.place.traffic.is_aborted() || self.obey()? {
                self.show();
                return Ok(());
            }
            self.turns += 1;
            if self.turns.is_multiple_of(SHOW_EVERY) {
                self.show();
            }
            self.cx.now = self.place.clock.now();
            self.collect();
            if self.place.parker.take_called() {
                self.sources.iter_mut().for_each(SourceRun::call);
                self.poke()?;
            }
            self.call_due_sources();
            if self.turns.is_multiple_of(LOOK_EVERY) {
                self.look_around()?;
            }
            if self.turn()? {
                self.dirty = true;
                self.report_epoch();
                continue;
            }
            if self.dirty || self.cx.views_changed || self.is_past_deadline() {
                self.poke()?;
                self.report_epoch();
                continue;
            }
            self.rest()?;
        }
    }

    /// Sees to what sources with always more to say would have wait without end: steps that wait for a view or for a
    /// moment, and the end of a run in which only views are still loaded.
    fn look_around(&mut self) -> Result<()> {
        self.tell_ended();
        if self.cx.views_changed || self.is_past_deadline() {
            self.poke()?;
            self.report_epoch();
        }
        Ok(())
    }

    /// One turn of work; false if there was nothing to do.
    fn turn(&mut self) -> Result<bool> {
        let sampled = self.turns.is_multiple_of(SAMPLE_EVERY);
        if sampled {
            self.cx.start_sample(SAMPLE_EVERY);
        }
        let moved = if self.run_station()? { true } else { self.run_source()? };
        if sampled {
            self.cx.end_sample();
        }
        Ok(moved)
    }

    /// The station furthest down that has something to do and may. Stations were built from the graph's end.
    fn run_station(&mut self) -> Result<bool> {
        let (traffic, cx, limit) = (&self.place.traffic, &mut self.cx, self.holding_limit);
        for station in &mut self.stations {
            if !station.is_empty() && station.gates.are_open(traffic, cx, limit) {
                station.run(traffic, cx)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn run_source(&mut self) -> Result<bool> {
        if self.suspended {
            return Ok(false);
        }
        for _ in 0..self.sources.len() {
            self.next_source = (self.next_source + 1) % self.sources.len();
            let source = &mut self.sources[self.next_source];
            let may =
                source.is_ready() && source.gates.are_open(&self.place.traffic, &self.cx, self.holding_limit);
            if may && source.read(self.place.options.idle_timeout, &mut self.cx)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes what has come for this worker.
    fn collect(&mut self) {
        let mut local = self.local.borrow_mut();
        while let Some(message) = local.pop_front().or_else(|| self.place.messages.try_recv().ok()) {
            let at = self.station_of[message.exchange.index()]
                .expect("every exchange has a station on every worker");
            self.stations[at].arrived(message.sender, message.arrival);
        }
    }

    /// Carries out commands; true if it is time to leave.
    fn obey(&mut self) -> Result<bool> {
        while let Ok(command) = self.place.commands.try_recv() {
            match command {
                Command::Finish => self.finish()?,
                Command::Barrier(barrier) => self.start_barrier(barrier)?,
                Command::Commit(epoch) => self.commit(epoch)?,
                Command::Play(step) => self.play(step)?,
                Command::Settle(round) => self.settle = Some(round),
                Command::Exit => return Ok(true),
            }
            self.dirty = true;
        }
        Ok(false)
    }

    /// Ends the sources; those that serve others end with the last barrier.
    fn finish(&mut self) -> Result<()> {
        self.cx.draining = true;
        let mut reading = self.sources.iter_mut().filter(|source| !source.is_auxiliary());
        reading.try_for_each(|source| source.end(&mut self.cx))
    }

    /// Whether nothing is read any more, by sources or by steps that go on by themselves.
    fn has_read_all(&self) -> bool {
        self.sources.iter().all(|source| source.is_ended() || source.is_auxiliary())
            && !self.stations.iter().any(|station| station.inbox.is_reading())
    }

    fn start_barrier(&mut self, barrier: Barrier) -> Result<()> {
        let Barrier { epoch, last, suspend, save } = barrier;
        self.barrier = Some(epoch);
        self.suspended |= suspend;
        self.cx.leaves_passed = 0;
        self.cx.held_since = None;
        self.cx.saving = save.zip(self.place.durable.as_ref()).map(|(extent, (_, permits))| {
            let log = ToCoordinator::new(self.place.worker, self.place.events.clone(), permits.clone());
            Saving::new(epoch, extent == Extent::Whole, Box::new(log))
        });
        self.watermarks.clear();
        for source in &mut self.sources {
            source.pass_watermark(self.place.options.idle_timeout, &mut self.cx)?;
            self.watermarks.push((source.step, source.watermark()));
            source.barrier(Signal::Barrier { epoch, last, since: epoch + 1 }, &mut self.cx)?;
        }
        Ok(())
    }

    fn commit(&mut self, epoch: Epoch) -> Result<()> {
        for source in &mut self.sources {
            let futures = source.commit(epoch, &mut self.cx)?;
            let _ =
                self.place.events.send((self.place.worker, Event::Commits { step: source.step, futures }));
        }
        Ok(())
    }

    /// Elements of a script's step are played on one worker, in turn; watermarks on all.
    fn play(&mut self, step: usize) -> Result<()> {
        self.cx.now = self.place.clock.now();
        let mine = step % self.place.workers == self.place.worker;
        self.sources.iter_mut().try_for_each(|source| source.play(step, mine, &mut self.cx))?;
        self.poke()
    }

    /// Has everything look again: at futures, views, the clock, and at what waits half full.
    fn poke(&mut self) -> Result<()> {
        self.dirty = false;
        self.cx.views_changed = false;
        self.pokes += 1;
        let poke = Signal::Poke(self.pokes);
        for source in &mut self.sources {
            source.signal(poke, &mut self.cx)?;
        }
        for station in &mut self.stations {
            station.poke(poke, &mut self.cx)?;
        }
        Ok(())
    }

    fn report_epoch(&mut self) {
        if let Some(epoch) = self.barrier
            && self.cx.leaves_passed == self.leaves
        {
            self.barrier = None;
            self.cx.saving = None; // what is left of it goes in front of what follows
            let passed = Passed {
                epoch,
                prepared: std::mem::take(&mut self.cx.prepared),
                held_since: self.cx.held_since.take(),
                read_to: std::mem::take(&mut self.cx.read_to),
                watermarks: std::mem::take(&mut self.watermarks),
            };
            let _ = self.place.events.send((self.place.worker, Event::EpochPassed(passed)));
        }
    }

    fn tell_ended(&mut self) {
        if !self.told_ended && self.has_read_all() {
            self.told_ended = true;
            let _ = self.place.events.send((self.place.worker, Event::SourcesEnded));
        }
    }

    /// Nothing to do: tells who wants to know, and sleeps until there is.
    fn rest(&mut self) -> Result<()> {
        self.report_epoch();
        self.tell_ended();
        if self.stations.iter().all(Station::is_empty)
            && !self.sources.iter().any(|source| source.is_loading(self.cx.now))
            && let Some(round) = self.settle.take()
        {
            let _ = self.place.events.send((self.place.worker, Event::Settled { round }));
        }
        for source in &mut self.sources {
            source.pass_watermark(self.place.options.idle_timeout, &mut self.cx)?;
        }
        self.show();
        if self.reach_what_is_awaited() {
            return Ok(());
        }
        let (messages, commands, local) = (&self.place.messages, &self.place.commands, &self.local);
        let (stations, sources, traffic, cx) = (&self.stations, &self.sources, &self.place.traffic, &self.cx);
        let is_gated = |gates: &Gates| !gates.are_open(traffic, cx, self.holding_limit);
        self.place.parker.park(self.patience(), || {
            messages.is_empty()
                && commands.is_empty()
                && local.borrow().is_empty()
                && !traffic.is_aborted()
                && stations.iter().all(|s| s.is_empty() || is_gated(&s.gates))
                && (self.suspended || sources.iter().all(|s| !s.is_ready() || is_gated(&s.gates)))
        });
        Ok(())
    }

    /// Nobody turns the clock of a script that is over: it moves to the moment at which the next step goes on reading.
    fn reach_what_is_awaited(&self) -> bool {
        let reading = self.stations.iter().filter(|station| station.inbox.is_reading());
        let awaited = reading.filter_map(Station::deadline).min();
        self.cx.draining && awaited.is_some_and(|at| self.place.clock.reach(at))
    }

    /// How long to sleep at most: until the next processing-time deadline, or until a silent source is idle.
    fn patience(&self) -> Duration {
        let longest = Duration::from_millis(250);
        let stations = self.stations.iter().filter_map(Station::deadline);
        let deadline = self.sources.iter().filter_map(SourceRun::deadline).chain(stations).min();
        deadline.map_or(longest, |at| {
            let micros = at.micros().saturating_sub(self.cx.now.micros());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(longest)
        })
    }

    fn call_due_sources(&mut self) {
        let now = self.cx.now;
        let is_due = |source: &&mut SourceRun| source.deadline().is_some_and(|at| at <= now);
        self.sources.iter_mut().filter(is_due).for_each(SourceRun::call);
    }

    fn is_past_deadline(&self) -> bool {
        let now: Timestamp = self.cx.now;
        self.stations.iter().filter_map(Station::deadline).any(|at| at <= now)
    }

    fn show(&self) {
        let mut counts = self.place.board.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone_from(&self.cx.counts);
    }
}
