//! The coordinator: starts workers, ends epochs, commits, plays scripts, and ends the run.

mod epochs;
mod sinks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use flow_core::exec::{Epoch, Op, StepCounts, StepId, guard_step, panicked, planted};
use flow_core::graph::{Graph, Step};
use flow_core::{Error, ErrorKind, Result, Summary};

use crate::clock::{Clock, instant};
use crate::crashes::Crashes;
use crate::durable::{Durable, Restored};
use crate::exchange::{Traffic, exchanges};
use crate::options::Options;
use crate::progress::Progress;
use crate::report::{Report, peak_memory};
use crate::splits::{Part, Splits};
use crate::worker::{self, Board, Command, Event, Place};
use epochs::Open;
use sinks::Stems;

/// A way to speak to a running coordinator.
pub(crate) type Control = Sender<(usize, Event)>;

/// How often the coordinator looks at progress if nothing happens.
const REFRESH: Duration = Duration::from_millis(200);

/// The sender number of what does not come from a worker.
pub(crate) const OUTSIDE: usize = usize::MAX;

pub(crate) struct Coordinator {
    graph: Arc<Graph>,
    options: Options,
    runtime: tokio::runtime::Runtime,
    traffic: Arc<Traffic>,
    clock: Arc<Clock>,
    commands: Vec<Sender<Command>>,
    parkers: Vec<Arc<crate::parker::Parker>>,
    events: Receiver<(usize, Event)>,
    control: Control,
    threads: Vec<JoinHandle<Vec<StepCounts>>>,
    boards: Vec<Arc<Board>>,
    started: Instant,
    state: State,
    /// For each sink's step.
    stems: BTreeMap<StepId, Stems>,
    splits: Arc<Vec<Arc<Splits>>>,
    durable: Option<Durable>,
    /// What an earlier run left behind.
    restored: Option<Arc<Restored>>,
    /// In a durable run, what sinks must still make visible of epochs before.
    carried: BTreeMap<StepId, Vec<Vec<u8>>>,
    /// What outlives the process, should an element end it.
    crashes: Option<Arc<Crashes>>,
}

/// Where the run is.
#[derive(Default)]
struct State {
    /// Workers whose sources have ended.
    ended: usize,
    /// The epoch under way, and what workers have said of it.
    open: Option<Open>,
    last_epoch: Epoch,
    acknowledged: Epoch,
    /// Commits of readers that are not done.
    committing: usize,
    finished: bool,
    /// It was told to drain, or to suspend.
    stopped: bool,
    suspending: bool,
    /// By when a suspension must be done.
    suspend_by: Option<Instant>,
}

impl Coordinator {
    pub(crate) fn start(
        graph: Graph,
        options: Options,
        control: (Control, Receiver<(usize, Event)>),
    ) -> Result<Coordinator> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("flow-io")
            .enable_all()
            .build()
            .map_err(|e| Error::new(ErrorKind::Internal, "the async runtime does not start").caused_by(e))?;
        let scripted = !graph.script.is_empty();
        let clock = if scripted { Clock::Script(0.into()) } else { Clock::System };
        let (control, events) = control;
        let (durable, restored) = Durable::open(&options, &graph)?.unzip();
        let crashes = options.state_dir.as_ref().map(|folder| Crashes::watch(folder));
        let mut coordinator = Coordinator {
            graph: Arc::new(graph),
            runtime,
            traffic: Arc::new(Traffic::new(0, 0, 0).0),
            clock: Arc::new(clock),
            commands: Vec::new(),
            parkers: Vec::new(),
            events,
            control,
            threads: Vec::new(),
            boards: Vec::new(),
            started: instant(),
            stems: BTreeMap::new(),
            splits: Arc::default(),
            state: State { last_epoch: durable.as_ref().map_or(0, Durable::last_epoch), ..State::default() },
            durable,
            restored: restored.flatten(),
            carried: BTreeMap::new(),
            crashes: crashes.transpose()?.map(Arc::new),
            options,
        };
        coordinator.start_workers()?;
        Ok(coordinator)
    }

    fn start_workers(&mut self) -> Result<()> {
        let workers = self.options.workers();
        if self.durable.is_none() {
            self.graph.check_leases()?; // otherwise nothing that is held keeps a source waiting
        }
        self.resume_sinks()?; // first: what an earlier run left is no reason to refuse a place
        self.check_sinks()?;
        self.splits = Arc::new(self.splits(workers)?);
        let limit = self.options.exchange_bytes(exchanges(&self.graph));
        let (traffic, ends) = Traffic::new(workers, self.graph.steps.len(), limit);
        self.traffic = Arc::new(traffic);
        for (worker, (messages, parker)) in ends.into_iter().enumerate() {
            let (command, commands) = unbounded();
            let board = Arc::new(Board::default());
            self.commands.push(command);
            self.parkers.push(Arc::clone(&parker));
            self.boards.push(Arc::clone(&board));
            let place = Place {
                worker,
                workers,
                options: self.options.clone(),
                traffic: Arc::clone(&self.traffic),
                messages,
                parker,
                commands,
                events: self.control.clone(),
                clock: Arc::clone(&self.clock),
                splits: Arc::clone(&self.splits),
                board,
                durable: self.durable.as_ref().map(|durable| (durable.sinks_dir(), durable.permits())),
                restored: self.restored.clone(),
                crashes: self.crashes.clone(),
            };
            self.threads.push(self.spawn(place)?);
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "the runner's threads start here, and nowhere else")]
    fn spawn(&self, place: Place) -> Result<JoinHandle<Vec<StepCounts>>> {
        let (graph, runtime) = (Arc::clone(&self.graph), self.runtime.handle().clone());
        let name = format!("flow-worker-{}", place.worker);
        let body = move || {
            let _inside = runtime.enter();
            worker::run(place, &graph)
        };
        let thread = std::thread::Builder::new().name(name).spawn(body);
        thread.map_err(|e| Error::new(ErrorKind::Internal, "a worker's thread does not start").caused_by(e))
    }

    /// The splits of each source, by step.
    fn splits(&self, workers: usize) -> Result<Vec<Arc<Splits>>> {
        let _inside = self.runtime.enter();
        let splits_of = |step: &flow_core::graph::Step| -> Result<_> {
            let new = |parts| Splits::new(parts, workers, self.durable.is_some());
            let Op::Read(read) = &step.op else { return Ok(new(Vec::new())) };
            if let Some((_, parts)) = self.restored.as_ref().and_then(|r| r.sources.get(&step.id)) {
                return Ok(new(parts.clone()));
            }
            let desired = if read.reads_splits_at_once() { workers } else { workers * 4 };
            let splits = guard_step(&step.label, || read.splits(desired))?;
            Ok(new(splits.into_iter().map(|split| Part::of_source(split, None)).collect()))
        };
        self.graph.steps.iter().map(splits_of).collect()
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Result<Report> {
        let progress = Progress::start(&self.options, &self.graph);
        if self.state.stopped || self.is_draining() {
            self.tell(Command::Finish); // it was stopped before there was anybody to tell
        }
        let outcome = self.play_script().and_then(|()| self.loop_until_done(&progress));
        progress.finish();
        let counts = self.end_workers(outcome.is_err());
        let outcome = outcome.and_then(|()| self.last_words());
        let summary = Summary::of(&self.graph, counts.iter().map(Vec::as_slice));
        // What is kept for a later run is not written yet, and what an earlier one kept did not come in here.
        let is_whole = self.restored.is_none() && !self.state.suspending;
        let outcome = outcome.and_then(|()| if is_whole { summary.check_written() } else { Ok(()) });
        let report = Report {
            summary,
            duration: instant().duration_since(self.started),
            workers: self.options.workers(),
            epochs: self.state.last_epoch - self.restored.as_ref().map_or(0, |restored| restored.epoch),
            peak_memory: peak_memory(),
            stopped: self.state.stopped,
            sinks: sinks(&self.graph),
            was_over: self.is_over(),
        };
        // A read of standard input that waits cannot be called off, so nothing waits for it.
        self.runtime.shutdown_background();
        outcome?;
        let mut graph = Arc::try_unwrap(self.graph)
            .map_err(|_| Error::new(ErrorKind::Internal, "a worker still holds the graph after its end"))?;
        graph.finish().map_err(|mut errors| errors.remove(0))?;
        Ok(report)
    }

    /// Plays the script, with everything at rest after each step; then the streams end.
    fn play_script(&mut self) -> Result<()> {
        let is_scripted = |step: &Step| matches!(&step.op, Op::Read(read) if read.is_scripted());
        if self.graph.script.is_empty() && !self.graph.steps.iter().any(is_scripted) {
            return Ok(());
        }
        let script = self.graph.script.clone();
        self.settle()?;
        for (step, clock) in script.into_iter().enumerate() {
            if let Some(by) = clock {
                self.clock.advance(by);
            }
            self.tell(Command::Play(step));
            self.settle()?;
        }
        self.tell(Command::Finish);
        Ok(())
    }

    /// Waits until no worker has anything to do and nothing is under way: two rounds that saw the same.
    fn settle(&mut self) -> Result<()> {
        let mut before = None;
        for round in 1.. {
            self.tell(Command::Settle(round));
            let mut settled = 0;
            while settled < self.commands.len() {
                match self.receive(Duration::from_hours(1))? {
                    Some(Event::Settled { round: of }) if of == round => settled += 1,
                    _ => {}
                }
            }
            let (sent, under_way) = self.traffic.messages();
            if under_way == 0 && before == Some(sent) {
                break;
            }
            before = Some(sent);
        }
        Ok(())
    }

    fn loop_until_done(&mut self, progress: &Progress) -> Result<()> {
        if self.is_over() {
            self.close_resumed()?;
        }
        let streams = self.durable.is_some() || self.graph.collections.iter().any(|made| !made.bounded);
        let mut next_epoch = instant() + self.options.epoch;
        while !self.state.finished {
            if self.sources_have_ended() {
                self.begin_epoch(true);
            } else if self.state.suspending && self.state.open.is_none() {
                self.begin_epoch(false);
            } else if streams && instant() >= next_epoch && self.state.open.is_none() {
                self.begin_epoch(false);
                next_epoch = instant() + self.options.epoch;
            }
            // With no epoch to begin, nothing happens by the clock alone.
            let may_begin = streams && self.state.open.is_none();
            let until = next_epoch.saturating_duration_since(instant());
            let patience = if may_begin { until.min(REFRESH) } else { REFRESH };
            self.receive(patience)?;
            self.end_epoch()?;
            progress.show(|| self.counts_so_far());
        }
        self.tell(Command::Exit);
        Ok(())
    }

    fn sources_have_ended(&self) -> bool {
        self.state.ended == self.commands.len() && self.state.open.is_none()
    }

    /// Has the sources told, and waits until each worker has said what there is to do for it.
    fn acknowledge(&mut self, epoch: Epoch) -> Result<()> {
        self.tell(Command::Commit(epoch));
        let sources = self.graph.steps.iter().filter(|step| matches!(step.op, Op::Read(_))).count();
        let mut expected = sources * self.commands.len();
        while expected > 0 {
            if let Some(Event::Commits { step, futures }) = self.receive(Duration::from_hours(1))? {
                expected -= 1;
                let label = self.graph.step(step).label.clone();
                for future in futures {
                    self.state.committing += 1;
                    let (control, label) = (self.control.clone(), label.clone());
                    let commit = self.runtime.spawn(future);
                    self.runtime.spawn(async move {
                        let result = commit.await.unwrap_or_else(|e| Err(not_done(e)));
                        let _ = control.send((OUTSIDE, Event::Committed(result.map_err(|e| e.at(&label)))));
                    });
                }
            }
        }
        Ok(())
    }

    fn wait_for_commits(&mut self) -> Result<()> {
        while self.state.committing > 0 {
            self.receive(Duration::from_hours(1))?;
        }
        Ok(())
    }

    /// Takes in one event; gives back those that others wait for.
    fn receive(&mut self, patience: Duration) -> Result<Option<Event>> {
        if self.state.suspend_by.is_some_and(|by| instant() >= by) {
            let message = "the run was not suspended in time (`--suspend-timeout`); it goes on from its last epoch, as after a crash";
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        let event = match self.events.recv_timeout(patience) {
            Ok((_, event)) => event,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::new(ErrorKind::Internal, "all workers have left"));
            }
        };
        match event {
            Event::SourcesEnded => self.state.ended += 1,
            Event::EpochPassed(passed) => self.passed(passed),
            Event::State(block) => self.save(&block)?,
            Event::Failed(error) => return Err(error),
            Event::Cancel => return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled")),
            Event::Committed(result) => {
                self.state.committing -= 1;
                result?;
            }
            Event::Stop if !self.state.stopped => {
                self.state.stopped = true;
                self.tell(Command::Finish);
            }
            Event::Suspend if !self.state.stopped => {
                self.state.stopped = true;
                self.state.suspending = true;
                self.state.suspend_by = Some(instant() + self.options.suspend_timeout);
            }
            Event::Stop | Event::Suspend => {}
            Event::Report(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.counts_so_far());
            }
            other @ (Event::Commits { .. } | Event::Settled { .. }) => return Ok(Some(other)),
        }
        Ok(None)
    }

    fn tell(&self, command: Command) {
        for (commands, parker) in self.commands.iter().zip(&self.parkers) {
            // A worker that has left has said why.
            let _ = commands.send(command);
            parker.unpark();
        }
    }

    fn counts_so_far(&self) -> Summary {
        let counts: Vec<Vec<StepCounts>> = self.boards.iter().map(|board| board.counts()).collect();
        Summary::of(&self.graph, counts.iter().map(Vec::as_slice))
    }

    fn end_workers(&mut self, failed: bool) -> Vec<Vec<StepCounts>> {
        if failed {
            self.traffic.abort();
            self.durable = None; // nobody waits for the disk any more
        }
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    }

    /// What workers had to say when they tore down their steps.
    fn last_words(&self) -> Result<()> {
        let failed = self.events.try_iter().find_map(|(_, event)| match event {
            Event::Failed(error) => Some(error),
            _ => None,
        });
        failed.map_or(Ok(()), Err)
    }

    /// Has SIGINT and SIGTERM end the run: a durable one is suspended, any other drained. A second one ends the process.
    pub(crate) fn obey_signals(&self) {
        let control = self.control.clone();
        let is_durable = self.durable.is_some() && !planted("drain-on-sigterm"); // windows would be cut short
        self.runtime.spawn(async move {
            let stopping = AtomicBool::new(false);
            while let Some(()) = next_signal().await {
                if stopping.swap(true, SeqCst) {
                    std::process::exit(130);
                }
                tracing::info!("stopping: writing what was read");
                let _ = control.send((OUTSIDE, if is_durable { Event::Suspend } else { Event::Stop }));
            }
        });
    }
}

/// Why a task did not get to its end.
fn not_done(error: tokio::task::JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => panicked(&*panic),
        Err(error) => Error::new(ErrorKind::Internal, "an acknowledgement was given up").caused_by(error),
    }
}

#[cfg(unix)]
async fn next_signal() -> Option<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.ok(),
        terminated = terminate.recv() => terminated,
    }
}

#[cfg(not(unix))]
async fn next_signal() -> Option<()> {
    tokio::signal::ctrl_c().await.ok()
}

/// The sinks and what each promises.
fn sinks(graph: &Graph) -> Vec<(String, flow_core::sink::Delivery)> {
    let write = |step: &flow_core::graph::Step| match &step.op {
        Op::Write(write) => Some((step.label.name.clone(), write.delivery())),
        _ => None,
    };
    graph.steps.iter().filter_map(write).collect()
}
