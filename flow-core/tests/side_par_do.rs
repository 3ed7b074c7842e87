//! Functions with a life of their own that read views.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Script, collect, run};
use flow_core::{ErrorKind, ReferenceRunner};

/// Notes what is called, and passes on at the end of a bundle what it got.
#[derive(Clone, Default)]
struct Noting {
    calls: Arc<Mutex<Vec<String>>>,
    got: Vec<(u32, u32)>,
}

impl Noting {
    fn note(&self, call: impl Into<String>) {
        self.calls.lock().unwrap().push(call.into());
    }
}

impl DoFnWith<u32, View<u32>, (u32, u32)> for Noting {
    fn setup(&mut self) -> Result<(), BoxError> {
        self.note("setup");
        Ok(())
    }

    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.note("start");
        Ok(())
    }

    fn process(&mut self, n: u32, factor: &u32, _: &mut Emit<'_, (u32, u32)>) -> Result<(), BoxError> {
        self.note(format!("{n} sees {factor}"));
        self.got.push((n, *factor));
        if n == 13 { Err("thirteen".into()) } else { Ok(()) }
    }

    fn finish_bundle(&mut self, out: &mut BundleEmit<'_, (u32, u32)>) -> Result<(), BoxError> {
        self.note("finish");
        self.got.drain(..).for_each(|got| out.emit(got, at(0), minute()));
        Ok(())
    }

    fn teardown(&mut self) {
        self.note("teardown");
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn minute() -> Window {
    Window::new(at(0), at(60))
}

#[test]
fn a_function_is_set_up_and_its_bundles_end_once_its_view_is_there() {
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (main, side) = (script.input::<u32>(), script.input::<u32>());
    let minutes = || Fixed::of(Duration::from_mins(1));
    let factor = side.collection().window(minutes()).as_single_or(0);
    let noting = Noting::default();
    let calls = Arc::clone(&noting.calls);
    let out = main.collection().window(minutes()).with(&factor).par_do(noting);
    // Nothing is late here: what is collected is passed on before the watermark.
    let grouped = collect(&out.key_by(|_| ()).count_per_key());
    main.add([(1, at(10)), (2, at(20))]).watermark(at(60));
    side.add([(7, at(30))]).watermark(at(60));
    run(p);
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls, ["setup", "start", "1 sees 7", "2 sees 7", "finish", "teardown"]);
    assert_eq!(grouped.values(), [((), 2)]);
}

#[test]
fn a_function_that_fails_is_torn_down_and_named() {
    let p = Pipeline::new();
    let numbers = p.create([13]);
    let noting = Noting::default();
    let calls = Arc::clone(&noting.calls);
    let factor = p.create([2]).as_single();
    numbers.with(&factor).par_do(noting).named("noting").for_each(|_| {});
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::User, "noting"));
    assert!(error.report().ends_with("failed: thirteen"), "{}", error.report());
    assert_eq!(*calls.lock().unwrap(), ["setup", "start", "13 sees 2", "teardown"]);
}

/// Adds what two views hold.
#[derive(Clone)]
struct Adding;

impl DoFnWith<u32, (View<u32>, View<Vec<u32>>), u32> for Adding {
    fn process(
        &mut self,
        n: u32,
        (one, list): (&u32, &Vec<u32>),
        out: &mut Emit<'_, u32>,
    ) -> Result<(), BoxError> {
        out.emit(n + one + list.iter().sum::<u32>());
        Ok(())
    }
}

#[test]
fn a_function_reads_several_views() {
    let sums = apply([1, 2], |n: &PCollection<u32>| {
        let (one, list) = (n.combine(Count).map(|count| count as u32).as_single(), n.as_list());
        n.with((&one, &list)).par_do(Adding)
    });
    assert_eq!(sums, [6, 7]);
}
