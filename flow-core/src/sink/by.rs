use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use hashbrown::HashMap;

use super::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use crate::element::{Element, Key};
use crate::{Bundle, Error, Result, Timestamp};

type Map<D, V> = HashMap<D, V, foldhash::fast::FixedState>;

/// How many destinations a step writes to in a run. Destinations come from data: without a limit, data gone wild would
/// create tables and files without end.
pub(crate) const MOST_DESTINATIONS: usize = 10_000;

/// One sink out of many: each element goes to the destination that a function says, and each destination has a sink,
/// made once and shared by all workers.
pub(crate) struct By<T, D, S> {
    destination: Arc<dyn Fn(&T) -> D + Send + Sync>,
    sinks: Arc<Sinks<D, S>>,
}

struct Sinks<D, S> {
    make: Box<dyn Fn(&D) -> S + Send + Sync>,
    limit: usize,
    made: Mutex<Map<D, Made<S>>>,
    /// Where an earlier process stopped.
    resumed: Mutex<Option<(u64, Timestamp)>>,
}

struct Made<S> {
    sink: S,
    /// What its last commit left behind.
    held_since: Option<u64>,
    /// It left something that the next manifest must have as well.
    carries: bool,
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
        Self::limited(MOST_DESTINATIONS, destination, make)
    }

    fn limited(
        limit: usize,
        destination: impl Fn(&T) -> D + Send + Sync + 'static,
        make: impl Fn(&D) -> S + Send + Sync + 'static,
    ) -> Self {
        let sinks = Sinks {
            make: Box::new(make),
            limit,
            made: Mutex::new(Map::default()),
            resumed: Mutex::default(),
        };
        By { destination: Arc::new(destination), sinks: Arc::new(sinks) }
    }
}

impl<D: Key, S: Clone> Sinks<D, S> {
    fn made(&self) -> MutexGuard<'_, Map<D, Made<S>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The destination's sink; none for a new one beyond the limit.
    fn sink_within_limit(&self, destination: &D) -> Option<S> {
        let mut made = self.made();
        if let Some(known) = made.get(destination) {
            return Some(known.sink.clone());
        }
        if made.len() >= self.limit {
            return None;
        }
        let sink = (self.make)(destination);
        made.insert(destination.clone(), Made { sink: sink.clone(), held_since: None, carries: false });
        Some(sink)
    }

    /// The sink of a destination that has been written to, in this process or before it.
    fn sink(&self, destination: &D) -> S {
        self.sink_within_limit(destination).unwrap_or_else(|| (self.make)(destination))
    }

    /// The destinations that a commit concerns: those with tokens, and those that still hold data.
    fn due(&self, tokens: impl Iterator<Item = D>) -> Vec<D> {
        let made = self.made();
        let holds = made.iter().filter(|(_, made)| made.held_since.is_some() || made.carries);
        holds.map(|(destination, _)| destination.clone()).chain(tokens).collect()
    }

    fn note<Token>(&self, destination: &D, committed: &Committed<Token>) {
        if let Some(made) = self.made().get_mut(destination) {
            made.held_since = committed.held_since;
            made.carries = !committed.carried.is_empty();
        }
    }

    fn resumed(&self) -> MutexGuard<'_, Option<(u64, Timestamp)>> {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner)
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
        let after = *self.sinks.resumed();
        let context = WriterContext { after: after.or(cx.after), resumed: after.is_some(), ..cx.clone() };
        Ok(ByWriter { by: self.clone(), context, open: Map::default(), early: Vec::new(), turn: 0 })
    }

    fn commit(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static {
        let sinks = Arc::clone(&self.sinks);
        commit_all(sinks, commit, |sink: S, commit| async move { sink.commit(commit).await })
    }

    fn resume(
        &self,
        commit: Commit<Self::Token>,
    ) -> impl Future<Output = Result<Committed<Self::Token>>> + Send + 'static {
        let sinks = Arc::clone(&self.sinks);
        *sinks.resumed() = Some((commit.epoch, commit.watermark));
        commit_all(sinks, commit, |sink: S, commit| async move { sink.resume(commit).await })
    }

    fn describe(&self) -> String {
        "by destination".to_owned()
    }
}

/// Has the sinks of all destinations that an epoch concerns do one thing.
async fn commit_all<T, D, S, F>(
    sinks: Arc<Sinks<D, S>>,
    commit: Commit<(D, S::Token)>,
    act: impl Fn(S, Commit<S::Token>) -> F,
) -> Result<Committed<(D, S::Token)>>
where
    T: Element,
    D: Key,
    S: Sink<T>,
    F: Future<Output = Result<Committed<S::Token>>>,
{
    let Commit { epoch, last, watermark, tokens } = commit;
    let mut by_destination: Map<D, Vec<S::Token>> = Map::default();
    for destination in sinks.due(tokens.iter().map(|(destination, _)| destination.clone())) {
        by_destination.entry(destination).or_default();
    }
    for (destination, token) in tokens {
        by_destination.entry(destination).or_default().push(token);
    }
    let commits = by_destination.into_iter().map(|(destination, tokens)| {
        let committed = act(sinks.sink(&destination), Commit { epoch, last, watermark, tokens });
        async move { Ok::<_, Error>((destination, committed.await?)) }
    });
    let mut under_way = futures::stream::iter(commits).buffer_unordered(COMMITS);
    let (mut carried, mut failed) = (Vec::new(), None);
    while let Some(committed) = under_way.next().await {
        match committed {
            Ok((destination, committed)) => {
                sinks.note(&destination, &committed);
                carried.extend(committed.carried.into_iter().map(|token| (destination.clone(), token)));
            }
            Err(error) => failed = Some(error), // the others end: nothing happens behind our back
        }
    }
    drop(under_way);
    match failed {
        Some(error) => Err(error),
        None => Ok(Committed { held_since: sinks.held_since(), carried }),
    }
}

/// How many destinations commit at the same time.
const COMMITS: usize = 32;

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

    fn distribute(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        for (value, meta) in bundle.drain() {
            let destination = (self.by.destination)(&value);
            if let Some(open) = self.open.get_mut(&destination) {
                open.bundle.push(value, meta);
                open.used = self.turn;
                continue;
            }
            let Some(sink) = self.by.sinks.sink_within_limit(&destination) else {
                let reason = format!("it would be the run's destination beyond {}", self.by.sinks.limit);
                rejects.reject(value, meta, format!("{destination:?}"), reason);
                continue;
            };
            let writer = sink.open(&self.context)?;
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
        self.distribute(bundle, rejects)?;
        self.write_open(rejects).await?;
        self.close_surplus(rejects).await
    }

    async fn prepare(
        &mut self,
        epoch: u64,
        watermark: Timestamp,
        rejects: &mut Rejects<T>,
    ) -> Result<Vec<Self::Token>> {
        let all = self.open.iter_mut().map(|(destination, open)| async move {
            let mut rejects = Rejects::default();
            let prepared = open.writer.prepare(epoch, watermark, &mut rejects).await;
            (destination, prepared, rejects)
        });
        // Each may wait for its server: side by side they wait once.
        let all = futures::future::join_all(all).await;
        self.context.after = Some((epoch, watermark));
        let mut tokens = std::mem::take(&mut self.early);
        for (destination, prepared, refused) in all {
            tokens.extend(prepared?.into_iter().map(|token| (destination.clone(), token)));
            rejects.append(refused);
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Parked;
    use crate::sink::Claims;
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

    #[test]
    fn destinations_together_go_on_after_a_kill() {
        let sinks = MemorySinks::new();
        let fresh = |place: usize| {
            let sinks = sinks.clone();
            By::new(|n: &u32| n % 2, move |parity: &u32| sinks.sink(&format!("{place}, {parity}")))
        };
        let all: Vec<u32> = (0..9).collect();
        conformance::sink_resumes(std::path::Path::new("."), false, fresh, &all, |by| {
            [0, 1].iter().flat_map(|parity| (by.sinks.make)(parity).values()).collect()
        });
    }

    #[test]
    fn a_destination_that_carries_something_on_has_part_in_every_commit() {
        let sinks = MemorySinks::new();
        let by = By::new(|n: &u32| n % 2, move |parity: &u32| sinks.sink(&parity.to_string()));
        by.sinks.sink(&7);
        by.sinks.note(&7, &Committed { held_since: None, carried: vec![1_u64] });
        assert_eq!(by.sinks.due([8].into_iter()), [7, 8]);
        by.sinks.note(&7, &Committed::<u64>::default());
        assert_eq!(by.sinks.due([8].into_iter()), [8]);
    }

    #[test]
    fn a_destination_beyond_the_limit_is_refused_and_the_known_ones_go_on() {
        let sinks = MemorySinks::new();
        let by = By::limited(2, |n: &u32| n % 10, move |tens: &u32| sinks.sink(&tens.to_string()));
        let context = WriterContext {
            worker: 0,
            workers: 1,
            step: "write".into(),
            bounded: true,
            claims: Claims::default(),
            metrics: crate::metrics::Metrics::default(),
            ..WriterContext::default()
        };
        let (mut writer, mut rejects) = (by.open(&context).unwrap(), Rejects::default());
        let mut bundle = Bundle::of(vec![1, 2, 13, 11]);
        Arc::new(Parked::here()).block_on(writer.write(&mut bundle, &mut rejects)).unwrap();
        let refused: Vec<_> = rejects.as_slice().iter().map(|r| (r.value, r.destination.as_str())).collect();
        assert_eq!(refused, [(13, "3")]);
        assert_eq!(rejects.as_slice()[0].reason, "it would be the run's destination beyond 2");
    }
}
