use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use super::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::element::{Element, Key};
use crate::{Bundle, Result, Timestamp};

type Map<D, V> = HashMap<D, V, foldhash::fast::FixedState>;

/// One sink out of many: each element goes to the destination that a function says, and each destination has a sink,
/// made once and shared by all workers.
pub(crate) struct By<T, D, S> {
    destination: Arc<dyn Fn(&T) -> D + Send + Sync>,
    sinks: Arc<Sinks<D, S>>,
}

struct Sinks<D, S> {
    make: Box<dyn Fn(&D) -> S + Send + Sync>,
    made: Mutex<Map<D, Made<S>>>,
}

struct Made<S> {
    sink: S,
    /// What its last commit left behind.
    held_since: Option<u64>,
}

impl<T, D, S> Clone for By<T, D, S> {
    fn clone(&self) -> Self {
        By { destination: Arc::clone(&self.destination), sinks: Arc::clone(&self.sinks) }
    }
}

impl<T: Element, D: Key + Debug, S: Sink<T>> By<T, D, S> {
    pub(crate) fn new(
        destination: impl Fn(&T) -> D + Send + Sync + 'static,
        make: impl Fn(&D) -> S + Send + Sync + 'static,
    ) -> Self {
        let sinks = Sinks { make: Box::new(make), made: Mutex::new(Map::default()) };
        By { destination: Arc::new(destination), sinks: Arc::new(sinks) }
    }
}

impl<D: Key, S: Clone> Sinks<D, S> {
    fn made(&self) -> MutexGuard<'_, Map<D, Made<S>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sink(&self, destination: &D) -> S {
        let mut made = self.made();
        if let Some(known) = made.get(destination) {
            return known.sink.clone();
        }
        let sink = (self.make)(destination);
        made.insert(destination.clone(), Made { sink: sink.clone(), held_since: None });
        sink
    }

    /// The destinations that a commit concerns: those with tokens, and those that still hold data.
    fn due(&self, tokens: impl Iterator<Item = D>) -> Vec<D> {
        let mut due: Vec<D> =
            self.made().iter().filter(|(_, m)| m.held_since.is_some()).map(|(d, _)| d.clone()).collect();
        due.extend(tokens);
        due
    }

    fn note(&self, destination: &D, committed: Committed) {
        if let Some(made) = self.made().get_mut(destination) {
            made.held_since = committed.held_since;
        }
    }

    fn held_since(&self) -> Option<u64> {
        self.made().values().filter_map(|made| made.held_since).min()
    }
}

impl<T: Element, D: Key + Debug, S: Sink<T>> Sink<T> for By<T, D, S> {
    type Writer = ByWriter<T, D, S>;
    type Token = (D, S::Token);

    fn delivery(&self, bounded: bool) -> Delivery {
        let made = self.sinks.made();
        let weak = made.values().any(|made| made.sink.delivery(bounded) == Delivery::AtLeastOnce);
        if weak { Delivery::AtLeastOnce } else { Delivery::EffectivelyOnce }
    }

    fn open(&self, cx: &WriterContext) -> Result<Self::Writer> {
        Ok(ByWriter {
            by: self.clone(),
            context: cx.clone(),
            open: Map::default(),
            early: Vec::new(),
            turn: 0,
        })
    }

    fn commit(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed>> + Send + 'static {
        commit_all(Arc::clone(&self.sinks), commit)
    }

    fn describe(&self) -> String {
        "by destination".to_owned()
    }
}

async fn commit_all<T: Element, D: Key, S: Sink<T>>(
    sinks: Arc<Sinks<D, S>>,
    commit: Commit<(D, S::Token)>,
) -> Result<Committed> {
    let Commit { epoch, last, watermark, tokens } = commit;
    let mut by_destination: Map<D, Vec<S::Token>> = Map::default();
    for destination in sinks.due(tokens.iter().map(|(destination, _)| destination.clone())) {
        by_destination.entry(destination).or_default();
    }
    for (destination, token) in tokens {
        by_destination.entry(destination).or_default().push(token);
    }
    for (destination, tokens) in by_destination {
        let sink = sinks.sink(&destination);
        let committed = sink.commit(Commit { epoch, last, watermark, tokens }).await?;
        sinks.note(&destination, committed);
    }
    Ok(Committed { held_since: sinks.held_since() })
}

/// Writes one worker's share to the sinks of many destinations.
pub(crate) struct ByWriter<T: Element, D, S: Sink<T>> {
    by: By<T, D, S>,
    context: WriterContext,
    open: Map<D, Open<T, S::Writer>>,
    /// Tokens of writers that were closed before the epoch's end.
    early: Vec<(D, S::Token)>,
    turn: u64,
}

struct Open<T, W> {
    writer: W,
    bundle: Bundle<T>,
    used: u64,
    element: PhantomData<fn(T)>,
}

impl<T: Element, D: Key + Debug, S: Sink<T>> ByWriter<T, D, S> {
    /// How many destinations a worker has open; beyond it, the one longest unused is prepared and closed.
    const MAX_OPEN: usize = 256;

    fn distribute(&mut self, bundle: &mut Bundle<T>) -> Result<()> {
        for (value, meta) in bundle.drain() {
            let destination = (self.by.destination)(&value);
            if let Some(open) = self.open.get_mut(&destination) {
                open.bundle.push(value, meta);
                open.used = self.turn;
                continue;
            }
            let writer = self.by.sinks.sink(&destination).open(&self.context)?;
            let bundle = Bundle::with(vec![value], meta);
            self.open.insert(destination, Open { writer, bundle, used: self.turn, element: PhantomData });
        }
        Ok(())
    }

    async fn write_open(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        for open in self.open.values_mut() {
            if !open.bundle.is_empty() {
                open.writer.write(&mut open.bundle, rejects).await?;
                open.bundle.clear();
            }
        }
        Ok(())
    }

    /// Closes the writers longest unused, down to the limit.
    async fn close_surplus(&mut self, rejects: &mut Rejects<T>) -> Result<()> {
        if self.open.len() <= Self::MAX_OPEN {
            return Ok(());
        }
        let mut by_use: BTreeMap<(u64, usize), D> = BTreeMap::new();
        for (at, (destination, open)) in self.open.iter().enumerate() {
            by_use.insert((open.used, at), destination.clone());
        }
        let surplus = self.open.len() - Self::MAX_OPEN;
        for destination in by_use.into_values().take(surplus) {
            if let Some(mut open) = self.open.remove(&destination) {
                let tokens = open.writer.prepare(0, Timestamp::MIN, rejects).await?;
                self.early.extend(tokens.into_iter().map(|token| (destination.clone(), token)));
            }
        }
        Ok(())
    }
}

impl<T: Element, D: Key + Debug, S: Sink<T>> Writer<T> for ByWriter<T, D, S> {
    type Token = (D, S::Token);

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        self.turn += 1;
        self.distribute(bundle)?;
        self.write_open(rejects).await?;
        self.close_surplus(rejects).await
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<Self::Token>> {
        let mut tokens = std::mem::take(&mut self.early);
        for (destination, open) in &mut self.open {
            let prepared = open.writer.prepare(epoch, watermark, rejects).await?;
            tokens.extend(prepared.into_iter().map(|token| (destination.clone(), token)));
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::By;
    use crate::testing::{MemorySink, MemorySinks, conformance};

    #[test]
    fn destinations_together_are_a_lawful_sink() {
        let sinks = MemorySinks::new();
        let mut places = 0..;
        let fresh = || {
            let (sinks, place) = (sinks.clone(), places.next().expect("places enough"));
            By::new(|n: &u32| n % 2, move |parity: &u32| sinks.sink(&format!("{place}, {parity}")))
        };
        conformance::sink(fresh, &[1, 2, 2, 3, 4, 5], |by: &By<u32, u32, MemorySink<u32>>| {
            [0, 1].iter().flat_map(|parity| (by.sinks.make)(parity).values()).collect()
        });
    }
}
