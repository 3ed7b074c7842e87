use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Element, PCollection, Reified};

/// The elements of a collection, seen from outside: filled while its pipeline runs. Clones look at the same ones.
#[derive(Debug)]
pub struct Collected<T> {
    seen: Arc<Mutex<Vec<Reified<T>>>>,
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Collected { seen: Arc::clone(&self.seen) }
    }
}

/// Collects what comes by in a collection.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::collect;
/// let p = Pipeline::new();
/// let doubled = collect(&p.create([1, 2]).map(|n| n * 2));
/// ReferenceRunner::new().run(p)?;
/// assert_eq!(doubled.values(), [2, 4]);
/// # Ok::<(), flow_core::Error>(())
/// ```
#[track_caller]
pub fn collect<T: Element>(collection: &PCollection<T>) -> Collected<T> {
    let collected = Collected { seen: Arc::default() };
    let into = collected.clone();
    let _ = collection.reify().inspect(move |element| into.lock().push(element.clone()));
    collected
}

impl<T: Element> Collected<T> {
    /// The elements so far, in order of arrival.
    pub fn values(&self) -> Vec<T> {
        self.lock().iter().map(|element| element.value.clone()).collect()
    }

    /// The elements so far with timestamp, window and pane.
    pub fn reified(&self) -> Vec<Reified<T>> {
        self.lock().clone()
    }

    /// The elements so far, sorted: for results whose order is not said.
    pub fn sorted(&self) -> Vec<T>
    where
        T: Ord,
    {
        let mut values = self.values();
        values.sort();
        values
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Reified<T>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
