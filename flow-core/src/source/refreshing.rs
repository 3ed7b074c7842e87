//! What keeps a view fresh: a source that has one value, again and again.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::exec::{
    AnyOutput, BoxFuture, Cx, Driver, Epoch, Output, Progress, ReadOp, Signal, SourceWatermark, StepId, typed,
};
use crate::metrics::{Counter, Metrics};
use crate::steps::{Origin, Published};
use crate::{BoxError, Bundle, Error, ErrorKind, Result, StepLabel, Timestamp};

/// Loads a value.
pub(crate) type Load<V> = Arc<dyn Fn() -> BoxFuture<Result<V, BoxError>> + Send + Sync>;

/// Loads a value when the run begins, and every so often from then on.
pub(crate) struct Refreshing<V> {
    pub(crate) every: Duration,
    pub(crate) load: Load<V>,
    pub(crate) metrics: Metrics,
}

impl<V: Send + Sync + 'static> ReadOp for Refreshing<V> {
    /// It ends with the sources that it serves, whatever these are.
    fn is_bounded(&self) -> bool {
        true
    }

    fn reads_splits_at_once(&self) -> bool {
        true
    }

    fn is_auxiliary(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<Vec<u8>>> {
        Ok(vec![Vec::new()])
    }

    fn driver(&self, step: StepId, label: &StepLabel, output: AnyOutput) -> Box<dyn Driver> {
        Box::new(Loading::<V> {
            step,
            every: self.every,
            load: Arc::clone(&self.load),
            failed: self.metrics.of_step(&label.name).counter("failed_refreshes"),
            output: typed(output),
            under_way: None,
            next: Timestamp::MIN,
            is_here: false,
            is_loaded: false,
        })
    }
}

/// Loads, on the one worker that has the split; the view is published to all.
struct Loading<V> {
    step: StepId,
    every: Duration,
    load: Load<V>,
    failed: Counter,
    output: Output<Published<V>>,
    under_way: Option<BoxFuture<Result<V, BoxError>>>,
    /// When the next load begins; loads do not overlap.
    next: Timestamp,
    is_here: bool,
    is_loaded: bool,
}

impl<V: Send + Sync + 'static> Loading<V> {
    fn take(&mut self, loaded: Result<V, BoxError>, cx: &mut Cx) -> Result<()> {
        match loaded {
            Ok(value) => {
                self.is_loaded = true;
                cx.enter_with(self.step, 1);
                cx.emitted(self.step, 1);
                // Not written down: another run begins with a load.
                let value = Published { value: Arc::new(value), origin: Origin::Unknown };
                self.output.bundle(&mut Bundle::of(vec![value]), cx)
            }
            Err(cause) if self.is_loaded => {
                self.failed.inc();
                let (step, error) = (cx.label(self.step).to_string(), cause.to_string());
                tracing::warn!(step, error, "a refresh failed: the view keeps its last value until the next");
                Ok(())
            }
            Err(cause) => {
                let message =
                    "the first load of a view failed, and without it nothing can be looked up there";
                Err(cx.error_here(Error::new(ErrorKind::Source, message).caused_by(cause)))
            }
        }
    }
}

impl<V: Send + Sync + 'static> Driver for Loading<V> {
    fn open(&mut self, _: &[u8], _: Option<&[u8]>, _: Timestamp) -> Result<()> {
        self.is_here = true;
        Ok(())
    }

    fn poll(&mut self, task: &mut Context<'_>, cx: &mut Cx) -> Result<Progress> {
        cx.enter(self.step);
        if !self.is_here {
            return Ok(Progress::Done);
        }
        if self.under_way.is_none() && cx.now < self.next {
            return Ok(Progress::Pending);
        }
        let load = self.under_way.get_or_insert_with(|| {
            self.next = cx.now + self.every;
            (self.load)()
        });
        let Poll::Ready(loaded) = load.as_mut().poll(task) else { return Ok(Progress::Pending) };
        self.under_way = None;
        self.take(loaded, cx)?;
        Ok(Progress::Moved)
    }

    fn watermark(&self, _: Timestamp, _: Timestamp) -> SourceWatermark {
        SourceWatermark::NoSplit
    }

    fn deadline(&self) -> Option<Timestamp> {
        (self.is_here && self.under_way.is_none()).then_some(self.next)
    }

    fn may_end(&self) -> bool {
        self.is_loaded || !self.is_here
    }

    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()> {
        cx.enter(self.step);
        self.output.signal(signal, cx)
    }

    fn commit(&mut self, _: Epoch) -> Vec<BoxFuture<Result<()>>> {
        Vec::new()
    }
}
