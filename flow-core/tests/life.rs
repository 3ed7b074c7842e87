//! The life of a DoFn.

use std::sync::{Arc, Mutex};

use flow_core::prelude::*;
use flow_core::testing::stream;
use flow_core::{Error, ErrorKind};

type Calls = Arc<Mutex<Vec<&'static str>>>;

/// Notes its calls, and fails or panics in one of them.
#[derive(Clone)]
struct Noted {
    calls: Calls,
    fails: &'static str,
    panics: bool,
}

impl Noted {
    fn note(&self, call: &'static str) -> Result<(), BoxError> {
        self.calls.lock().unwrap().push(call);
        assert!(!self.panics || self.fails != call, "{call} panics");
        if self.fails == call { Err(format!("{call} fails").into()) } else { Ok(()) }
    }
}

impl DoFn<u32, u32> for Noted {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.note("setup")
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.note("start")
    }
    fn process(&mut self, n: u32, out: &mut Emit<'_, u32>) -> Result<(), BoxError> {
        out.emit(n);
        self.note("process")
    }
    fn finish_bundle(&mut self, _: &mut BundleEmit<'_, u32>) -> Result<(), BoxError> {
        self.note("finish")
    }
    fn teardown(&mut self) {
        let _ = self.note("teardown");
    }
}

/// Runs two bundles of two elements; what was called, and the error.
fn life(fails: &'static str, panics: bool) -> (Vec<&'static str>, Option<Error>) {
    let calls = Calls::default();
    let noted = Noted { calls: Arc::clone(&calls), fails, panics };
    let at = Timestamp::from_secs;
    let p = Pipeline::new();
    let input = stream::<u32>()
        .add([(1, at(1)), (2, at(1))])
        .watermark(at(2))
        .add([(3, at(3)), (4, at(3))])
        .collection(&p);
    let _ = input.par_do(noted).named("noted");
    let error = ReferenceRunner::new().run(p).err();
    let calls = calls.lock().unwrap().clone();
    (calls, error)
}

#[test]
fn the_calls_come_in_order() {
    let (calls, error) = life("nowhere", false);
    assert!(error.is_none());
    let bundle = ["start", "process", "process", "finish"];
    assert_eq!(calls, [&["setup"][..], &bundle, &bundle, &["teardown"]].concat());
}

/// C64.
#[test]
fn a_failure_anywhere_ends_in_teardown() {
    let orders: [(&str, &[&str]); 4] = [
        ("setup", &["setup", "teardown"]),
        ("start", &["setup", "start", "teardown"]),
        ("process", &["setup", "start", "process", "teardown"]),
        ("finish", &["setup", "start", "process", "process", "finish", "teardown"]),
    ];
    for (fails, wanted) in orders {
        for (panics, kind) in [(false, ErrorKind::User), (true, ErrorKind::Panic)] {
            let (calls, error) = life(fails, panics);
            let error = error.expect("the run fails");
            assert_eq!(calls, wanted, "panics: {panics}");
            assert_eq!(error.kind(), kind);
            assert_eq!(error.step().map(|step| step.name.as_str()), Some("noted"));
            assert!(error.report().contains(fails), "{}", error.report());
        }
    }
}

#[test]
fn a_panic_in_teardown_undoes_nothing() {
    let (calls, error) = life("teardown", true);
    assert!(error.is_none());
    assert_eq!(calls.last(), Some(&"teardown"));
}

#[test]
fn a_dofn_without_elements_has_no_life() {
    let calls = Calls::default();
    let noted = Noted { calls: Arc::clone(&calls), fails: "nowhere", panics: false };
    assert!(apply([1; 0], |n: &PCollection<u32>| n.par_do(noted)).is_empty());
    assert!(calls.lock().unwrap().is_empty());
}

/// Keeps the elements of a bundle to its end.
#[derive(Clone, Default)]
struct Kept(Vec<(u32, Timestamp, Window)>);

impl DoFn<u32, u32> for Kept {
    fn process(&mut self, n: u32, out: &mut Emit<'_, u32>) -> Result<(), BoxError> {
        self.0.push((n, out.timestamp(), out.window()));
        Ok(())
    }
    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, u32>) -> Result<(), BoxError> {
        self.0.drain(..).for_each(|(n, at, window)| out.emit(n, at, window));
        Ok(())
    }
}

/// C31g.
#[test]
fn the_watermark_does_not_pass_what_is_still_in_a_bundle() {
    let at = Timestamp::from_micros;
    let mut input = stream::<u32>();
    for round in 0..200 {
        input = input.add((0..=round).map(|n| (n, at(i64::from(round))))).watermark(at(i64::from(round) + 1));
    }
    let counts = input.run(|n| {
        n.window(Fixed::of(std::time::Duration::from_micros(1))).par_do(Kept::default()).map(|_| ()).count()
    });
    assert!(counts.iter().all(|count| count.pane.timing == Timing::OnTime));
    assert_eq!(counts.len(), 200);
    assert_eq!(counts.iter().map(|count| count.value.1).sum::<u64>(), 20_100);
}
