//! The life of a function on several workers: set up once on each that has elements, torn down whatever happens.
mod kit;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flow_core::ErrorKind;
use flow_core::prelude::*;

/// What each clone was called, in order.
type Calls = Arc<Mutex<BTreeMap<usize, Vec<&'static str>>>>;

/// Notes its calls under a number that its clone takes when it is set up, and fails or panics where told.
#[derive(Clone)]
struct Noted {
    calls: Calls,
    next: Arc<AtomicUsize>,
    number: usize,
    fails: &'static str,
    panics: bool,
}

impl Noted {
    fn note(&self, call: &'static str) -> Result<(), BoxError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.entry(self.number).or_default().push(call);
        drop(calls);
        assert!(!self.panics || self.fails != call, "{call} was told to panic");
        if self.fails == call { Err(format!("{call} was told to fail").into()) } else { Ok(()) }
    }
}

impl DoFn<u64, u64> for Noted {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.number = self.next.fetch_add(1, Ordering::Relaxed);
        self.note("setup")
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.note("start")
    }
    fn process(&mut self, n: u64, out: &mut Emit<'_, u64>) -> Result<(), BoxError> {
        out.emit(n);
        self.note("process")
    }
    fn finish_bundle(&mut self, _: &mut BundleEmit<'_, u64>) -> Result<(), BoxError> {
        self.note("finish")
    }
    fn teardown(&mut self) {
        let _ = self.note("teardown");
    }
}

/// A thousand elements through the function on three workers; the calls of each clone.
fn lives(fails: &'static str, panics: bool) -> (Vec<Vec<&'static str>>, Option<ErrorKind>) {
    let calls = Calls::default();
    let noted = Noted { calls: Arc::clone(&calls), next: Arc::default(), number: 0, fails, panics };
    let p = Pipeline::new();
    p.create(0..1000_u64).reshuffle().par_do(noted).named("noted").for_each(|_| {});
    let ended = kit::try_run(kit::workers(3), p);
    let kind = ended.err().map(|error| {
        assert_eq!(error.step().map(|step| step.name.as_str()), Some("noted"));
        assert!(error.report().contains(&format!("{fails} was told to")), "{}", error.report());
        error.kind()
    });
    let calls = std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
    (calls.into_values().collect(), kind)
}

/// Whether calls come in the order that a function may rely on, up to where it failed.
fn is_a_life(calls: &[&str]) -> bool {
    let follows = |before: &str, call: &str| match call {
        "start" => ["setup", "finish"].contains(&before),
        "process" | "finish" => ["start", "process"].contains(&before),
        "teardown" => before != "teardown",
        _ => false,
    };
    calls[0] == "setup"
        && calls.last() == Some(&"teardown")
        && calls.windows(2).all(|pair| follows(pair[0], pair[1]))
}

#[test]
fn each_clone_is_set_up_once_and_torn_down_last() {
    let (lives, kind) = lives("nowhere", false);
    assert_eq!(kind, None);
    assert!((1..=3).contains(&lives.len()), "{} lives on three workers", lives.len());
    assert_eq!(lives.iter().flatten().filter(|call| **call == "process").count(), 1000);
    for life in &lives {
        assert!(is_a_life(life), "{life:?}");
        assert_eq!(life[life.len() - 2], "finish", "a bundle is finished before the end");
    }
}

#[test]
fn every_clone_that_was_set_up_is_torn_down_when_one_fails() {
    for fails in ["setup", "start", "process", "finish"] {
        for (panics, wanted) in [(false, ErrorKind::User), (true, ErrorKind::Panic)] {
            let (lives, kind) = lives(fails, panics);
            assert_eq!(kind, Some(wanted), "{fails}");
            for life in &lives {
                assert!(is_a_life(life), "{fails}: {life:?}");
            }
            let failed = lives.iter().filter(|life| life[life.len() - 2] == fails);
            assert!(failed.count() >= 1, "{fails}: none ended there: {lives:?}");
        }
    }
}

#[test]
fn a_panic_in_teardown_undoes_nothing() {
    let (lives, kind) = lives("teardown", true);
    assert_eq!(kind, None);
    assert!(lives.iter().all(|life| is_a_life(life)));
}
