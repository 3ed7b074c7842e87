//! Sources and sinks around others, that are slow, or fail when told: for tests of runners, and of what a pipeline does
//! when the world does not hold.
//!
//! A failure comes once, whichever worker meets it: clones count together, so that what is run again goes through, as
//! after a crash.
//!
//! ```
//! use flow_core::prelude::*;
//! use flow_core::testing::{MemorySinks, faults::FailingSink};
//! let written = MemorySinks::new();
//! let sink = FailingSink::on_commit(written.sink("numbers"), 1);
//! let run = || {
//!     let p = Pipeline::new();
//!     p.create([1, 2]).write(sink.clone());
//!     ReferenceRunner::new().run(p)
//! };
//! assert!(run().unwrap_err().to_string().contains("commit 1 fails, as the test asked"));
//! assert!(written.values("numbers").is_empty());
//! run()?;
//! assert_eq!(written.values("numbers"), [1, 2]);
//! # Ok::<(), flow_core::Error>(())
//! ```

mod sinks;
mod sources;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::{Error, ErrorKind, Result};
pub use sinks::{FailingSink, FailingWriter, SlowSink, SlowWriter};
pub use sources::{FailingReader, FailingSource, SlowReader, SlowSource};

/// Counts calls, on all workers and in all clones, up to the one that fails.
#[derive(Clone, Debug)]
struct Fuse {
    what: &'static str,
    fails_at: u64,
    seen: Arc<AtomicU64>,
}

impl Fuse {
    fn new(what: &'static str, fails_at: u64) -> Self {
        Fuse { what, fails_at, seen: Arc::default() }
    }

    /// Counts `more`: an error if the fatal one is among them.
    fn burn(&self, kind: ErrorKind, more: u64) -> Result<()> {
        let before = self.seen.fetch_add(more, Ordering::Relaxed);
        if before < self.fails_at && self.fails_at <= before + more {
            return Err(Error::new(
                kind,
                format!("{} {} fails, as the test asked", self.what, self.fails_at),
            ));
        }
        Ok(())
    }
}

/// Is pending some times, waking at once, before it is ready.
#[derive(Debug)]
struct Delay {
    left: u32,
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
