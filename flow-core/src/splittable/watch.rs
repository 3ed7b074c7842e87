use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Restriction, Resume, SplittableCx, SplittableFn};
use crate::{BoxError, Element, Key, Timestamp};

/// How often [`watch`](crate::PCollection::watch) looks, and for how long: until the run is stopped, unless said
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    every: Duration,
    at_most: Option<Duration>,
    quiet: Option<Duration>,
}

impl Watch {
    /// Looks every so often, for the first time when the element comes.
    pub fn every(period: Duration) -> Self {
        Watch { every: period, at_most: None, quiet: None }
    }

    /// An element is watched for so long in all.
    #[must_use]
    pub fn for_at_most(mut self, total: Duration) -> Self {
        self.at_most = Some(total);
        self
    }

    /// An element is watched until nothing new has been found for so long. It does not end before something was.
    #[must_use]
    pub fn until_quiet_for(mut self, quiet: Duration) -> Self {
        self.quiet = Some(quiet);
        self
    }

    /// Whether an element that has been watched since `start`, and grew at `grown` last, need not be watched any more.
    fn is_over(&self, start: Timestamp, grown: Option<Timestamp>, now: Timestamp) -> bool {
        let is_past = |since: Timestamp, limit: Duration| now >= since + limit;
        self.at_most.is_some_and(|limit| is_past(start, limit))
            || self.quiet.zip(grown).is_some_and(|(limit, grown)| is_past(grown, limit))
    }

    pub(crate) fn period(&self) -> Duration {
        self.every
    }
}

/// All that was found when [`watch`](crate::PCollection::watch) looked, new or known.
///
/// ```
/// use flow_core::{Timestamp, splittable::Growth};
/// let now = Growth::of(["a.log", "b.log"]);
/// let dated = Growth::at([("a.log", Timestamp::from_secs(60))]).with_watermark(Timestamp::from_secs(50));
/// let last = Growth::of(["a.log", "b.log", "c.log"]).complete();
/// # let _ = (now, dated, last);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "return what was found"]
pub struct Growth<U> {
    found: Vec<(U, Option<Timestamp>)>,
    watermark: Option<Timestamp>,
    complete: bool,
}

impl<U> Growth<U> {
    /// Found now: new ones have the present moment as their timestamp, where the watermark follows.
    pub fn of(found: impl IntoIterator<Item = U>) -> Self {
        let found = found.into_iter().map(|value| (value, None)).collect();
        Growth { found, watermark: None, complete: false }
    }

    /// Found with timestamps of their own, not before that of the watched element. The watermark stands still unless
    /// [said](Growth::with_watermark).
    pub fn at(found: impl IntoIterator<Item = (U, Timestamp)>) -> Self {
        let found = found.into_iter().map(|(value, at)| (value, Some(at))).collect();
        Growth { found, watermark: None, complete: false }
    }

    /// What is found from now on will not be before this moment.
    pub fn with_watermark(mut self, watermark: Timestamp) -> Self {
        self.watermark = Some(watermark);
        self
    }

    /// There will be no more: the element is not watched any longer.
    pub fn complete(mut self) -> Self {
        self.complete = true;
        self
    }
}

/// What looks.
pub(crate) type Poll<T, U> = Arc<dyn Fn(&T) -> Result<Growth<U>, BoxError> + Send + Sync>;

/// Looks again and again what has become of an element.
pub(crate) struct Watching<T, U, K> {
    watch: Watch,
    poll: Poll<T, U>,
    key: Arc<dyn Fn(&U) -> K + Send + Sync>,
    types: PhantomData<fn(T)>,
}

impl<T, U, K> Watching<T, U, K> {
    pub(crate) fn new(watch: Watch, poll: Poll<T, U>, key: Arc<dyn Fn(&U) -> K + Send + Sync>) -> Self {
        Watching { watch, poll, key, types: PhantomData }
    }
}

impl<T, U, K> Clone for Watching<T, U, K> {
    fn clone(&self) -> Self {
        Watching::new(self.watch, Arc::clone(&self.poll), Arc::clone(&self.key))
    }
}

impl<T: Element, U: Element, K: Key> SplittableFn<T, (T, U)> for Watching<T, U, K> {
    type Restriction = Watched<K>;

    fn restriction(&self, _: &T) -> Result<Watched<K>, BoxError> {
        Ok(Watched::default())
    }

    fn process(
        &self,
        element: &T,
        cx: &mut SplittableCx<'_, Watched<K>, (T, U)>,
    ) -> Result<Resume, BoxError> {
        let now = cx.now();
        let growth = (self.poll)(element)?;
        let is_dated = growth.found.iter().any(|(_, at)| at.is_some());
        let watermark = growth.watermark.or((!is_dated).then_some(now));
        let mut keys = HashSet::default();
        let is_new = |(value, _): &(U, Option<Timestamp>)| {
            let key = (self.key)(value);
            !cx.restriction().seen.contains(&key) && keys.insert(key)
        };
        let found: Vec<_> = growth.found.into_iter().filter(is_new).collect();
        let watched = cx.restriction();
        let grown = if keys.is_empty() { watched.grown } else { Some(now) };
        let is_last = growth.complete || self.watch.is_over(watched.start.unwrap_or(now), grown, now);
        if !cx.try_claim(&Look { now, keys, is_last }) {
            return Ok(Resume::Done);
        }
        for (value, at) in found {
            let at = at.unwrap_or(now.max(cx.timestamp()));
            cx.emit_at((element.clone(), value), at);
        }
        if let Some(watermark) = watermark {
            cx.set_watermark(watermark);
        }
        Ok(if is_last { Resume::Done } else { Resume::After(self.watch.every) })
    }

    fn is_bounded(&self) -> bool {
        false
    }
}

type Keys<K> = HashSet<K, BuildHasherDefault<DefaultHasher>>;

/// What has been seen of an element.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "K: Key")]
pub(crate) struct Watched<K> {
    seen: Keys<K>,
    start: Option<Timestamp>,
    grown: Option<Timestamp>,
    done: bool,
}

impl<K> fmt::Debug for Watched<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({} seen)", self.seen.len())
    }
}

impl<K> Default for Watched<K> {
    fn default() -> Self {
        Watched { seen: HashSet::default(), start: None, grown: None, done: false }
    }
}

/// What was new at one look, by its keys.
pub(crate) struct Look<K> {
    now: Timestamp,
    keys: Keys<K>,
    is_last: bool,
}

impl<K: Key> Restriction for Watched<K> {
    type Position = Look<K>;

    fn try_claim(&mut self, look: &Look<K>) -> bool {
        if self.done {
            return false;
        }
        self.start.get_or_insert(look.now);
        if !look.keys.is_empty() {
            self.grown = Some(look.now);
        }
        self.seen.extend(look.keys.iter().cloned());
        self.done = look.is_last;
        true
    }

    /// What was seen goes with the rest, which must not find it again.
    fn split_off(&mut self) -> Option<Self> {
        let rest = std::mem::replace(self, Watched { done: true, ..Watched::default() });
        (!rest.done).then_some(rest)
    }
}
