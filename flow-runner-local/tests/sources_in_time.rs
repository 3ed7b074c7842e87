//! What sources know of the clock, and what is known of those that have nothing to say.
mod kit;

use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use flow_core::prelude::*;
use flow_core::source::{Next, Reader, ReaderContext, Source, WallTime};
use flow_core::testing::collect;
use flow_core::{Bundle, Result};
use flow_runner_local::{LocalRunner, Options};
use kit::{Feed, Log, Logged};

const MILLI: Duration = Duration::from_millis(1);

#[expect(
    clippy::disallowed_methods,
    reason = "a watermark that follows the clock is seen by the clock alone"
)]
fn millis_from_now(millis: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() + millis
}

#[test]
fn a_silent_source_whose_watermark_follows_the_clock_has_windows_end() {
    for workers in [1, 2] {
        let (log, p) = (Log::default(), Pipeline::new());
        let feed = Feed::new("feed", &log);
        let by_clock = feed
            .clone()
            .with_timestamps(|millis| Timestamp::from_millis(i64::try_from(*millis).unwrap()))
            .estimating(WallTime::default());
        p.read(by_clock)
            .window(Fixed::of(100 * MILLI))
            .map(|_| ())
            .count()
            .values()
            .write(Logged(log.clone()));
        let options = Options { epoch: 5 * MILLI, idle_timeout: 20 * MILLI, ..kit::workers(workers) };
        let job = LocalRunner::new(options).start(p).unwrap();
        feed.add([(millis_from_now(300), 0)]);
        log.wait("the window of the only element ends", |facts| kit::visible(facts) == [1]);
        job.drain();
        kit::ends("a drained run", move || job.wait()).unwrap();
    }
}

/// The moment at which its reader was opened.
struct Opened(bool);

struct OpenedReader(Timestamp);

impl Source for Opened {
    type Item = Timestamp;
    type Split = ();
    type Position = ();
    type Reader = OpenedReader;

    fn is_bounded(&self) -> bool {
        self.0
    }

    fn splits(&self, _: usize) -> Result<Vec<()>> {
        Ok(vec![()])
    }

    fn reader(&self, (): &(), _: Option<()>, cx: &ReaderContext) -> Result<OpenedReader> {
        Ok(OpenedReader(cx.clock.now()))
    }
}

impl Reader for OpenedReader {
    type Item = Timestamp;
    type Position = ();

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<Timestamp>) -> Poll<Result<Next>> {
        out.values.push(self.0);
        Poll::Ready(Ok(Next::End))
    }

    fn position(&self) {}
}

#[test]
fn a_reader_knows_what_time_it_is_when_it_is_opened() {
    let before = Timestamp::from_millis(i64::try_from(millis_from_now(0)).unwrap());
    for is_bounded in [true, false] {
        let p = Pipeline::new();
        let opened = collect(&p.read(Opened(is_bounded)));
        kit::run(kit::workers(2), p);
        assert!(opened.values()[0] >= before, "{:?}", opened.values());
    }
}
