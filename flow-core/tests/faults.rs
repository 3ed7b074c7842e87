//! Sources and sinks that are slow, or fail when told, in a run.

use std::task::{Context, Poll};

use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::testing::faults::{FailingSink, FailingSource, SlowSink, SlowSource};
use flow_core::testing::{MemorySinks, collect};
use flow_core::{Bundle, Result};

/// The numbers from 1 to 6, two a batch.
#[derive(Clone)]
struct Pairs;

impl Source for Pairs {
    type Item = u32;
    type Split = ();
    type Position = u32;
    type Reader = Count;

    fn is_bounded(&self) -> bool {
        true
    }
    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }
    fn reader(&self, (): &(), from: Option<u32>, _: &ReaderContext) -> Result<Count> {
        Ok(Count(from.unwrap_or(1)))
    }
}

struct Count(u32);

impl Reader for Count {
    type Item = u32;
    type Position = u32;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u32>) -> Poll<Result<Next>> {
        out.values.extend([self.0, self.0 + 1]);
        self.0 += 2;
        Poll::Ready(Ok(if self.0 > 6 { Next::End } else { Next::More }))
    }
    fn position(&self) -> u32 {
        self.0
    }
}

fn run<S: Source<Item = u32>, W: Sink<u32>>(source: S, sink: W) -> Result<()> {
    let p = Pipeline::new();
    p.read(source).write(sink);
    ReferenceRunner::new().run(p).map(drop)
}

#[test]
fn what_is_slow_comes_all_the_same() {
    let written = MemorySinks::new();
    run(SlowSource::new(Pairs, 3), SlowSink::new(written.sink("numbers"), 3)).unwrap();
    assert_eq!(written.values("numbers"), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_source_fails_at_its_element_and_only_once() {
    let written = MemorySinks::new();
    let source = FailingSource::at_element(Pairs, 3);
    let error = run(source.clone(), written.sink("numbers")).unwrap_err();
    assert!(error.to_string().ends_with("reading element 3 fails, as the test asked"), "{error}");
    assert!(written.values("numbers").is_empty());
    run(source, written.sink("numbers")).unwrap();
    assert_eq!(written.values("numbers"), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_sink_fails_at_its_call_and_only_once() {
    let sinks = MemorySinks::new();
    let table = [
        ("write 2", FailingSink::on_write(sinks.sink("write 2"), 2)),
        ("prepare 1", FailingSink::on_prepare(sinks.sink("prepare 1"), 1)),
        ("commit 1", FailingSink::on_commit(sinks.sink("commit 1"), 1)),
    ];
    for (call, sink) in table {
        let error = run(Pairs, sink.clone()).unwrap_err();
        assert!(error.to_string().ends_with(&format!("{call} fails, as the test asked")), "{error}");
        assert!(sinks.values(call).is_empty());
        run(Pairs, sink).unwrap();
        assert_eq!(sinks.values(call), [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_slow_source_comes_after_one_that_is_not() {
    let p = Pipeline::new();
    let both = collect(&p.read(SlowSource::new(Pairs, 1)).flatten([&p.create([7])]));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(both.values(), [7, 1, 2, 3, 4, 5, 6]);
}
