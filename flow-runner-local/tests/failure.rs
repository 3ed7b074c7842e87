//! Failures: the run ends with an error that says what, in which step and where it is written; nothing is committed
//! afterwards, and what was set up is torn down.
mod kit;

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::testing::MemorySinks;
use flow_core::{Bundle, Error, ErrorKind, Result};
use flow_runner_local::LocalRunner;

/// Panics at the number that every pipeline in here has once.
fn no_seven(n: u64) -> u64 {
    assert!(n != 7, "no sevens here");
    n
}

/// Runs a pipeline whose step `bad` panics at a seven; `build` gets numbers and gives what is written.
#[track_caller]
fn panics(build: impl FnOnce(&PCollection<u64>) -> PCollection<u64>) {
    let (p, sinks) = (Pipeline::new(), MemorySinks::new());
    build(&p.create(0..5000_u64)).write(sinks.sink("out"));
    assert_panicked(&kit::fails(kit::workers(2), p), "bad");
    assert_eq!(sinks.values("out"), []);
}

#[track_caller]
fn assert_panicked(error: &Error, step: &str) {
    assert_eq!(error.kind(), ErrorKind::Panic, "{}", error.report());
    let text = error.to_string();
    assert!(text.starts_with(&format!("step `{step}` (flow-runner-local/tests/failure.rs:")), "{text}");
    assert!(text.ends_with("): panicked: no sevens here"), "{text}");
}

#[test]
fn a_panic_in_map() {
    panics(|numbers| numbers.map(no_seven).named("bad").map(|n| n + 1));
}

#[test]
fn a_panic_in_filter() {
    panics(|numbers| numbers.filter(|n| no_seven(*n) < 9).named("bad"));
}

#[test]
fn a_panic_in_process() {
    panics(|numbers| numbers.process(|n, out| out.emit(no_seven(n))).named("bad"));
}

#[test]
fn a_panic_in_a_function_with_a_side_input() {
    panics(|numbers| {
        let count = numbers.combine(Count).as_single();
        numbers.with(&count).map(|n, count| no_seven(n) + count).named("bad")
    });
}

#[test]
fn a_panic_in_timestamps() {
    panics(|numbers| numbers.with_timestamps(|n| Timestamp::from_secs(no_seven(*n) as i64)).named("bad"));
}

#[test]
fn a_panic_in_a_key() {
    panics(|numbers| numbers.key_by(|n| no_seven(*n)).named("bad").sum_per_key().values());
}

#[test]
fn a_panic_behind_a_reshuffle() {
    panics(|numbers| numbers.reshuffle().map(no_seven).named("bad"));
}

#[derive(Clone, Debug)]
struct BySevens;

impl WindowFn<u64> for BySevens {
    fn assign(&self, n: &u64, _: Timestamp, mut to: impl FnMut(Window)) {
        no_seven(*n);
        to(Window::GLOBAL);
    }

    fn is_partition(&self) -> bool {
        false
    }
}

#[test]
fn a_panic_in_a_window_function() {
    panics(|numbers| numbers.window(WindowInto::by(BySevens)).named("bad"));
}

#[derive(Clone, Copy)]
enum At {
    Add,
    Merge,
    Finish,
}

/// A sum that does not like sevens.
#[derive(Clone)]
struct Picky(At);

impl CombineFn<u64> for Picky {
    type Accumulator = (u64, bool);
    type Output = u64;

    fn create(&self) -> (u64, bool) {
        (0, false)
    }
    fn add(&self, sum: &mut (u64, bool), n: u64) {
        let bad = n == 7;
        *sum = (sum.0 + n, sum.1 | bad);
        assert!(!(bad && matches!(self.0, At::Add)), "no sevens here");
    }
    fn merge(&self, sum: &mut (u64, bool), other: (u64, bool)) {
        *sum = (sum.0 + other.0, sum.1 | other.1);
        assert!(!(sum.1 && matches!(self.0, At::Merge)), "no sevens here");
    }
    fn finish(&self, sum: (u64, bool)) -> u64 {
        assert!(!(sum.1 && matches!(self.0, At::Finish)), "no sevens here");
        sum.0
    }
}

#[test]
fn a_panic_in_each_part_of_an_aggregation() {
    for at in [At::Add, At::Merge, At::Finish] {
        // Spread, so that both workers have something to merge.
        panics(|numbers| {
            numbers.reshuffle().key_by(|n| n % 2).combine_per_key(Picky(at)).named("bad").values()
        });
    }
}

#[test]
fn a_panic_in_an_aggregation_of_sessions() {
    for at in [At::Add, At::Finish] {
        panics(|numbers| {
            let pairs = numbers.key_by(|n| n % 2).window(Sessions::with_gap(Duration::from_secs(1)));
            pairs.combine_per_key(Picky(at)).named("bad").values()
        });
    }
}

#[test]
fn a_panic_in_a_stateful_function() {
    panics(|numbers| {
        numbers.key_by(|n| n % 3).stateful(|_, n, (): &mut (), out| out.emit(no_seven(n))).named("bad")
    });
}

#[derive(Clone)]
struct AtExpiry;

impl StatefulFn<u64, u64, u64> for AtExpiry {
    type State = u64;
    type Timer = ();

    fn process(&self, _: &u64, _: u64, _: &mut u64, _: &mut StatefulCx<'_, (), u64>) -> Result<(), BoxError> {
        Ok(())
    }

    fn on_window_expiration(
        &self,
        key: &u64,
        _: &mut u64,
        _: &mut StatefulCx<'_, (), u64>,
    ) -> Result<(), BoxError> {
        no_seven(*key);
        Ok(())
    }
}

#[test]
fn a_panic_when_state_expires() {
    panics(|numbers| numbers.key_by(|n| *n).par_do_stateful(AtExpiry).named("bad"));
}

#[test]
fn a_panic_in_an_async_function() {
    panics(|numbers| numbers.map_async(4, |n| async move { no_seven(n) }).named("bad"));
    panics(|numbers| {
        numbers
            .map_async_unordered(4, |n| {
                no_seven(n);
                ready(n)
            })
            .named("bad")
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Setup,
    StartBundle,
    Process,
    FinishBundle,
    Teardown,
    None,
}

/// Counts set-ups and tear-downs, and panics in one part of its life.
#[derive(Clone)]
struct Counted {
    panics_in: Part,
    seen_seven: bool,
    set_up: Arc<AtomicUsize>,
    torn_down: Arc<AtomicUsize>,
}

impl Counted {
    fn new(panics_in: Part) -> Self {
        Counted { panics_in, seen_seven: false, set_up: Arc::default(), torn_down: Arc::default() }
    }

    fn reach(&self, part: Part, bad: bool) {
        assert!(!(bad && part == self.panics_in), "no sevens here");
    }
}

impl DoFn<u64, u64> for Counted {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.set_up.fetch_add(1, SeqCst);
        self.reach(Part::Setup, true);
        Ok(())
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.reach(Part::StartBundle, true);
        Ok(())
    }
    fn process(&mut self, n: u64, out: &mut Emit<'_, u64>) -> Result<(), BoxError> {
        self.seen_seven |= n == 7;
        self.reach(Part::Process, n == 7);
        out.emit(n);
        Ok(())
    }
    fn finish_bundle(&mut self, _: &mut BundleEmit<'_, u64>) -> Result<(), BoxError> {
        self.reach(Part::FinishBundle, self.seen_seven);
        Ok(())
    }
    fn teardown(&mut self) {
        self.torn_down.fetch_add(1, SeqCst);
        self.reach(Part::Teardown, true);
    }
}

#[test]
fn whatever_part_of_a_dofn_panics_each_worker_tears_down_what_it_set_up() {
    for part in [Part::Setup, Part::StartBundle, Part::Process, Part::FinishBundle] {
        let dofn = Counted::new(part);
        panics(|numbers| numbers.reshuffle().par_do(dofn.clone()).named("bad"));
        assert!(dofn.set_up.load(SeqCst) > 0, "{part:?}");
        assert_eq!(dofn.torn_down.load(SeqCst), dofn.set_up.load(SeqCst), "{part:?}");
    }
}

#[test]
fn a_failure_elsewhere_tears_down_too() {
    let dofn = Counted::new(Part::None);
    panics(|numbers| numbers.reshuffle().par_do(dofn.clone()).map(no_seven).named("bad"));
    assert_eq!(dofn.torn_down.load(SeqCst), dofn.set_up.load(SeqCst));
}

#[test]
fn a_run_that_ends_well_tears_down_once_on_each_worker() {
    let (p, dofn) = (Pipeline::new(), Counted::new(Part::None));
    p.create(0..50_000_u64).reshuffle().par_do(dofn.clone()).for_each(|_| {});
    kit::run(kit::workers(4), p);
    assert_eq!((dofn.set_up.load(SeqCst), dofn.torn_down.load(SeqCst)), (4, 4));
}

#[test]
fn a_panic_in_tear_down_does_not_undo_what_was_committed() {
    let (p, dofn) = (Pipeline::new(), Counted::new(Part::Teardown));
    let sinks = MemorySinks::new();
    p.create(0..10_u64).par_do(dofn.clone()).write(sinks.sink("out"));
    kit::run(kit::workers(2), p);
    assert_eq!(sinks.values("out").len(), 10);
    assert_eq!(dofn.torn_down.load(SeqCst), dofn.set_up.load(SeqCst));
}

#[test]
fn an_error_of_a_function_keeps_its_cause() {
    let p = Pipeline::new();
    let checked = p.create(0..100_u64).process(|n, out| {
        out.emit(n);
        if n == 50 { Err("fifty is too much") } else { Ok(()) }
    });
    checked.named("check").for_each(|_| {});
    let error = kit::fails(kit::workers(2), p);
    assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::User, "check"));
    assert!(error.report().ends_with(": failed: fifty is too much"), "{}", error.report());
}

/// Where a source or a sink goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Splits,
    Open,
    Next,
    Watermark,
    Position,
    Commit,
    CommitFuture,
    Write,
    WriteFuture,
    Prepare,
}

/// Numbers, from a source that goes wrong in one place: with a panic or with an error.
#[derive(Clone, Copy)]
struct BadSource {
    at: Where,
    panics: bool,
    bounded: bool,
}

impl BadSource {
    fn reach(self, at: Where) -> Result<()> {
        if at != self.at {
            return Ok(());
        }
        assert!(!self.panics, "no sevens here");
        Err(Error::new(ErrorKind::Source, "the line is down"))
    }
}

impl Source for BadSource {
    type Item = u64;
    type Split = u64;
    type Position = u64;
    type Reader = BadReader;

    fn is_bounded(&self) -> bool {
        self.bounded
    }
    fn splits(&self, desired: usize) -> Result<Vec<u64>> {
        self.reach(Where::Splits)?;
        Ok((0..desired as u64).collect())
    }
    fn reader(&self, _: &u64, _: Option<u64>, _: &ReaderContext) -> Result<BadReader> {
        self.reach(Where::Open)?;
        Ok(BadReader { source: *self, read: 0 })
    }
}

struct BadReader {
    source: BadSource,
    read: u64,
}

impl Reader for BadReader {
    type Item = u64;
    type Position = u64;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        self.source.reach(Where::Next)?;
        out.values.extend(0..10);
        self.read += 10;
        Poll::Ready(Ok(if self.read < 200 { Next::More } else { Next::End }))
    }
    fn watermark(&self) -> Timestamp {
        self.source.reach(Where::Watermark).expect("only panics here");
        Timestamp::MIN
    }
    fn position(&self) -> u64 {
        self.source.reach(Where::Position).expect("only panics here");
        self.read
    }
    fn commit(&mut self, _: u64) -> impl Future<Output = Result<()>> + Send + 'static {
        self.source.reach(Where::Commit).expect("only panics here");
        let source = self.source;
        async move { source.reach(Where::CommitFuture) }
    }
}

fn run_bad_source(at: Where, panics: bool, bounded: bool) -> (Error, Vec<u64>) {
    let (p, sinks) = (Pipeline::new(), MemorySinks::new());
    p.read(BadSource { at, panics, bounded }).named("bad").write(sinks.sink("out"));
    (kit::fails(kit::workers(2), p), sinks.values("out"))
}

#[test]
fn a_panic_in_a_source_before_the_commit_leaves_nothing_written() {
    for bounded in [true, false] {
        for at in [Where::Splits, Where::Open, Where::Next, Where::Watermark, Where::Position] {
            let (error, written) = run_bad_source(at, true, bounded);
            assert_panicked(&error, "bad");
            assert_eq!(written, [], "{at:?}");
        }
    }
}

#[test]
fn a_panic_in_an_acknowledgement_ends_the_run() {
    for at in [Where::Commit, Where::CommitFuture] {
        assert_panicked(&run_bad_source(at, true, false).0, "bad");
    }
}

#[test]
fn an_error_of_a_source_names_its_step() {
    for bounded in [true, false] {
        for at in [Where::Splits, Where::Open, Where::Next, Where::CommitFuture] {
            let (error, _) = run_bad_source(at, false, bounded);
            let step = error.step().map(|step| step.name.as_str());
            assert_eq!((error.kind(), step), (ErrorKind::Source, Some("bad")), "{at:?}");
            assert!(error.to_string().ends_with("the line is down"), "{error}");
        }
    }
}

/// A sink that goes wrong in one place; others are told that something was committed.
#[derive(Clone)]
struct BadSink {
    at: Where,
    panics: bool,
}

impl BadSink {
    fn reach(&self, at: Where) -> Result<()> {
        if at != self.at {
            return Ok(());
        }
        assert!(!self.panics, "no sevens here");
        Err(Error::new(ErrorKind::Sink, "the disk is full"))
    }
}

impl Sink<u64> for BadSink {
    type Writer = BadWriter;
    type Token = ();

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::AtLeastOnce
    }
    fn open(&self, _: &WriterContext) -> Result<BadWriter> {
        self.reach(Where::Open)?;
        Ok(BadWriter(self.clone()))
    }
    fn commit(&self, _: Commit<()>) -> impl Future<Output = Result<Committed<()>>> + Send + 'static {
        let outcome = self.reach(Where::Commit);
        let sink = self.clone();
        async move {
            outcome?;
            sink.reach(Where::CommitFuture)?;
            Ok(Committed::default())
        }
    }
}

struct BadWriter(BadSink);

impl Writer<u64> for BadWriter {
    type Token = ();

    async fn write(&mut self, bundle: &mut Bundle<u64>, _: &mut Rejects<u64>) -> Result<()> {
        self.0.reach(Where::Write)?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.reach(Where::WriteFuture)?;
        bundle.clear();
        Ok(())
    }
    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<u64>) -> Result<Vec<()>> {
        self.0.reach(Where::Prepare)?;
        Ok(vec![()])
    }
}

const IN_A_SINK: [Where; 6] =
    [Where::Open, Where::Write, Where::WriteFuture, Where::Prepare, Where::Commit, Where::CommitFuture];

fn run_bad_sink(at: Where, panics: bool) -> (Error, Vec<u64>) {
    let (p, sinks) = (Pipeline::new(), MemorySinks::new());
    let numbers = p.create(0..5000_u64);
    let rejected = numbers.try_write(BadSink { at, panics }).named("bad");
    rejected.map(|_| 1).flatten([&numbers]).map(|n| n).write(sinks.sink("after"));
    (kit::fails(kit::workers(2), p), sinks.values("after"))
}

#[test]
fn a_panic_in_a_sink_ends_the_run_and_no_later_epoch_is_committed() {
    for at in IN_A_SINK {
        let (error, after) = run_bad_sink(at, true);
        assert_panicked(&error, "bad");
        assert_committed_together(at, after);
    }
}

#[test]
fn an_error_of_a_sink_names_its_step_and_no_later_epoch_is_committed() {
    for at in IN_A_SINK {
        let (error, after) = run_bad_sink(at, false);
        let step = error.step().map(|step| step.name.as_str());
        assert_eq!((error.kind(), step), (ErrorKind::Sink, Some("bad")), "{at:?}");
        assert!(error.to_string().ends_with("the disk is full"), "{error}");
        assert_committed_together(at, after);
    }
}

/// A sink that fails before the epoch commits keeps all others from it; sinks commit side by side, so that one which
/// fails in it does not.
#[track_caller]
fn assert_committed_together(at: Where, mut after: Vec<u64>) {
    after.sort_unstable();
    let commits = matches!(at, Where::Commit | Where::CommitFuture);
    assert!(after.is_empty() || (commits && after == (0..5000).collect::<Vec<_>>()), "{at:?}");
}

/// Sets a timer of processing time again each time that it fires.
#[derive(Clone)]
struct Ticking;

impl StatefulFn<u64, u64, u64> for Ticking {
    type State = u64;
    type Timer = ();

    fn process(
        &self,
        _: &u64,
        _: u64,
        _: &mut u64,
        cx: &mut StatefulCx<'_, (), u64>,
    ) -> Result<(), BoxError> {
        cx.set_processing_timer((), cx.now() + Duration::from_hours(1));
        Ok(())
    }

    fn on_timer(
        &self,
        _: &u64,
        (): (),
        ticks: &mut u64,
        cx: &mut StatefulCx<'_, (), u64>,
    ) -> Result<(), BoxError> {
        *ticks += 1;
        cx.emit(*ticks);
        cx.set_processing_timer((), cx.now() + Duration::from_hours(1));
        Ok(())
    }
}

#[test]
fn a_timer_that_sets_itself_again_does_not_outlive_its_window() {
    let (p, sinks) = (Pipeline::new(), MemorySinks::new());
    p.create(0..3_u64).key_by(|n| *n).par_do_stateful(Ticking).write(sinks.sink("out"));
    kit::run(kit::workers(2), p);
    assert_eq!(sinks.values("out"), [1, 1, 1]);
}

#[test]
fn a_run_that_is_cancelled_says_so() {
    let log = kit::Log::default();
    let feed = kit::Feed::new("feed", &log);
    let p = Pipeline::new();
    p.read(feed).for_each(|_| {});
    let job = LocalRunner::new(kit::workers(2)).start(p).expect("starts");
    job.cancel();
    let error = kit::ends("the job", move || job.wait()).expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
