use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::{Bundle, Element, Result, Timestamp};

/// Sinks in memory, by name: what was prepared, and what is visible.
#[derive(Debug)]
pub struct MemorySinks<T> {
    places: Arc<Mutex<BTreeMap<String, Place<T>>>>,
}

#[derive(Debug)]
struct Place<T> {
    /// By token. A token is never given again: what a run left behind is not mistaken for a later run's.
    prepared: Vec<(u64, Vec<T>)>,
    tokens: u64,
    visible: Vec<T>,
    epochs: Vec<u64>,
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Place { prepared: Vec::new(), tokens: 0, visible: Vec::new(), epochs: Vec::new() }
    }
}

impl<T> Clone for MemorySinks<T> {
    fn clone(&self) -> Self {
        MemorySinks { places: Arc::clone(&self.places) }
    }
}

impl<T> Default for MemorySinks<T> {
    fn default() -> Self {
        MemorySinks { places: Arc::default() }
    }
}

impl<T: Element> MemorySinks<T> {
    /// No sink yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sink of a name.
    pub fn sink(&self, name: &str) -> MemorySink<T> {
        MemorySink { name: name.into(), sinks: self.clone(), refuses: None }
    }

    /// What is visible in the sink of a name.
    pub fn values(&self, name: &str) -> Vec<T> {
        self.lock().get(name).map(|place| place.visible.clone()).unwrap_or_default()
    }

    /// The names of the sinks that something was committed to, in order.
    pub fn names(&self) -> Vec<String> {
        self.lock()
            .iter()
            .filter(|(_, place)| !place.epochs.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The epochs in which the sink of a name was committed.
    pub fn epochs(&self, name: &str) -> Vec<u64> {
        self.lock().get(name).map(|place| place.epochs.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Place<T>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of [`MemorySinks`]: prepared elements become visible when they are committed.
pub struct MemorySink<T> {
    name: Arc<str>,
    sinks: MemorySinks<T>,
    refuses: Option<Refuses<T>>,
}

/// The reason for which a sink refuses an element, if it does.
type Refuses<T> = Arc<dyn Fn(&T) -> Option<String> + Send + Sync>;

impl<T> fmt::Debug for MemorySink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T> Clone for MemorySink<T> {
    fn clone(&self) -> Self {
        MemorySink { name: Arc::clone(&self.name), sinks: self.sinks.clone(), refuses: self.refuses.clone() }
    }
}

impl<T: Element> MemorySink<T> {
    /// The same sink, which refuses the elements that `why` gives a reason for.
    #[must_use]
    pub fn refusing(self, why: impl Fn(&T) -> Option<String> + Send + Sync + 'static) -> Self {
        MemorySink { refuses: Some(Arc::new(why)), ..self }
    }

    /// What is visible.
    pub fn values(&self) -> Vec<T> {
        self.sinks.values(&self.name)
    }
}

impl<T: Element> Sink<T> for MemorySink<T> {
    type Writer = MemoryWriter<T>;
    type Token = u64;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, _: &WriterContext) -> Result<MemoryWriter<T>> {
        Ok(MemoryWriter { sink: self.clone(), waiting: Vec::new() })
    }

    fn commit(&self, commit: Commit<u64>) -> impl Future<Output = Result<Committed<u64>>> + Send + 'static {
        let mut places = self.sinks.lock();
        let place = places.entry(self.name.to_string()).or_default();
        let mut prepared = std::mem::take(&mut place.prepared);
        prepared.retain_mut(|(token, values)| {
            let due = commit.tokens.contains(token);
            if due {
                place.visible.append(values);
            }
            !due
        });
        place.prepared = prepared;
        place.epochs.push(commit.epoch);
        ready(Ok(Committed::default()))
    }
}

/// Writes to a [`MemorySink`].
#[derive(Debug)]
pub struct MemoryWriter<T> {
    sink: MemorySink<T>,
    waiting: Vec<T>,
}

impl<T: Element> Writer<T> for MemoryWriter<T> {
    type Token = u64;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        for (value, meta) in bundle.drain() {
            match self.sink.refuses.as_ref().and_then(|refuses| refuses(&value)) {
                Some(reason) => rejects.reject(value, meta, &*self.sink.name, reason),
                None => self.waiting.push(value),
            }
        }
        Ok(())
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<T>) -> Result<Vec<u64>> {
        let mut places = self.sink.sinks.lock();
        let place = places.entry(self.sink.name.to_string()).or_default();
        place.tokens += 1;
        place.prepared.push((place.tokens, std::mem::take(&mut self.waiting)));
        Ok(vec![place.tokens])
    }
}
