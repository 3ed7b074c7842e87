//! Counters of calls, and of the bytes that went in and out with them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// How often something was called, and the bytes of bodies that it took. What is on its way counts as it passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCount {
    /// Calls, refused ones and those that met a fault among them.
    pub calls: u64,
    /// Bytes of requests.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
}

/// All counters, by the name of the call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<BTreeMap<String, Arc<Counter>>>>);

#[derive(Debug, Default)]
pub(crate) struct Counter {
    calls: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Calls {
    pub(crate) fn counter(&self, call: &str) -> Arc<Counter> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = all.get(call) {
            return counter.clone();
        }
        all.entry(call.to_owned()).or_default().clone()
    }

    pub(crate) fn all(&self) -> BTreeMap<String, CallCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, counter)| (name.clone(), counter.read())).collect()
    }
}

impl Counter {
    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CallCount {
        CallCount {
            calls: self.calls.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }
}

/// A body whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted {
    body: Body,
    counter: Arc<Counter>,
    incoming: bool,
}

impl Counted {
    pub(crate) fn incoming(body: Body, counter: Arc<Counter>) -> Self {
        Counted { body, counter, incoming: true }
    }

    pub(crate) fn outgoing(body: Body, counter: Arc<Counter>) -> Self {
        Counted { body, counter, incoming: false }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let to = if self.incoming { &self.counter.bytes_in } else { &self.counter.bytes_out };
            to.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
