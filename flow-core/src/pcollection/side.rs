use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use super::PCollection;
use crate::element::{Key, Wire};
use crate::group::Group;
use crate::keyed;
use crate::lookup::{Lookup, LookupBuilder};
use crate::scratch::Space;
use crate::steps::{self, Build, ByElements, ByPairs, Keep, Published};
use crate::views::View;
use crate::window::Windowing;
use crate::{BoxError, Element};

/// A map as views hold it: the standard one, with a fixed hash.
type ViewMap<K, V> = HashMap<K, V, BuildHasherDefault<std::hash::DefaultHasher>>;

impl<T: Element> PCollection<T> {
    /// A side input of any shape: `build` makes it of the elements of a window's pane.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let above = apply([1, 5, 9], |n: &PCollection<u64>| {
    ///     let mean = n.view(|all| all.iter().sum::<u64>() / all.len() as u64);
    ///     n.with(&mean).filter(|n, mean| n > mean)
    /// });
    /// assert_eq!(above, [9]);
    /// ```
    #[track_caller]
    pub fn view<V: Send + Sync + 'static>(
        &self,
        build: impl Fn(Vec<T>) -> V + Send + Sync + 'static,
    ) -> View<V>
    where
        T: Wire,
    {
        self.try_view("view", move |all| Ok(build(all)))
    }

    /// The window's only element; a window with none or several fails the step that reads it.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let scaled = apply([1, 2], |n: &PCollection<u32>| {
    ///     let factor = n.combine(Sum).as_single();
    ///     n.with(&factor).map(|n, factor| n * factor)
    /// });
    /// assert_eq!(scaled, [3, 6]);
    /// ```
    #[track_caller]
    pub fn as_single(&self) -> View<T>
    where
        T: Wire,
    {
        self.try_view("as_single", |all| {
            only(all)?.ok_or_else(|| {
                "a single value was asked of a view without an element: give those windows a value with \
                 `as_single_or`, or read it with `as_list`"
                    .into()
            })
        })
    }

    /// As [`as_single`](PCollection::as_single), with a value for windows without an element.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let scaled = apply([1, 2], |n: &PCollection<u32>| {
    ///     let factor = n.filter(|n| *n > 9).as_single_or(7);
    ///     n.with(&factor).map(|n, factor| n * factor)
    /// });
    /// assert_eq!(scaled, [7, 14]);
    /// ```
    #[track_caller]
    pub fn as_single_or(&self, default: T) -> View<T>
    where
        T: Wire,
    {
        self.try_view("as_single_or", move |all| Ok(only(all)?.unwrap_or_else(|| default.clone())))
    }

    /// All elements of the window, in no particular order: they come from several workers.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let found = apply([1, 2, 3], |n: &PCollection<u32>| {
    ///     let list = n.filter(|n| *n != 2).as_list();
    ///     n.with(&list).filter(|n, list| list.contains(n))
    /// });
    /// assert_eq!(found, [1, 3]);
    /// ```
    #[track_caller]
    pub fn as_list(&self) -> View<Vec<T>>
    where
        T: Wire,
    {
        self.try_view("as_list", Ok)
    }

    #[track_caller]
    fn try_view<V: Send + Sync + 'static>(
        &self,
        verb: &'static str,
        build: impl Fn(Vec<T>) -> Result<V, BoxError> + Send + Sync + 'static,
    ) -> View<V>
    where
        T: Wire,
    {
        let build: Build<T, V> = Arc::new(build);
        let empty = Arc::clone(&build);
        self.publish(
            verb,
            ByElements(Arc::clone(&build)),
            move || empty(Vec::new()),
            move |keyed, windowing| {
                let op = keyed::group::<(), T>(windowing);
                let panes: PCollection<((), Group<T>)> = keyed.then("collect", op);
                panes.then("build", steps::build_view(build))
            },
        )
    }

    /// A view of what `panes` makes of all elements of a window, and of what a window without one has.
    #[track_caller]
    fn publish<V: Send + Sync + 'static>(
        &self,
        verb: &'static str,
        keep: impl Keep<V> + 'static,
        empty: impl Fn() -> Result<V, BoxError> + Send + Sync + 'static,
        panes: impl FnOnce(&PCollection<((), T)>, Windowing) -> PCollection<Published<V>>,
    ) -> View<V> {
        let empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync> = Arc::new(empty);
        let (step, windowing) = self.composite(verb, || {
            let windowing = self.grouping_windowing();
            let keyed: PCollection<((), T)> = self.then("key", steps::map(|value| ((), value)));
            let views = panes(&keyed, windowing.clone());
            let publish = steps::publish(windowing.clone(), Arc::clone(&empty), Some(Arc::new(keep)));
            (views.add_step("publish", String::new(), Location::caller(), publish), windowing)
        });
        View { step, graph: self.graph.origin(), windowing, empty, value: PhantomData }
    }
}

/// The one element there may be.
fn only<T>(mut all: Vec<T>) -> Result<Option<T>, BoxError> {
    if all.len() > 1 {
        return Err(format!(
            "a single value was asked of a view of {} elements, of which all but one would be lost: combine them \
             into one first, or read them all with `as_list`",
            all.len()
        )
        .into());
    }
    Ok(all.pop())
}

impl<K: Element, V: Element> PCollection<(K, V)> {
    /// The pairs of the window as a map, which is gone through in no particular order; a key that comes twice fails
    /// the step.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let priced = apply([2_u64, 3], |items: &PCollection<u64>| {
    ///     let prices = items.map(|item| (item, item * 100)).as_map();
    ///     items.with(&prices).map(|item, prices| prices[&item])
    /// });
    /// assert_eq!(priced, [200, 300]);
    /// ```
    #[track_caller]
    pub fn as_map(&self) -> View<ViewMap<K, V>>
    where
        K: Key,
        V: Wire,
    {
        self.try_view("as_map", |pairs| {
            let mut map = ViewMap::with_capacity_and_hasher(pairs.len(), BuildHasherDefault::default());
            for (key, value) in pairs {
                if map.insert(key, value).is_some() {
                    return Err(
                        "a key comes twice in a map view, of whose values all but one would be lost: use \
                         `as_multimap`, or combine the values of each key first"
                            .into(),
                    );
                }
            }
            Ok(map)
        })
    }

    /// The pairs of the window as a map from key to values, equal ones included; keys, and the values of each, are in
    /// no particular order.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let counts = apply([1_u64, 2], |n: &PCollection<u64>| {
    ///     let groups = n.flat_map(|n| (0..n).map(move |i| (n, i))).as_multimap();
    ///     n.with(&groups).map(|n, groups| groups[&n].len())
    /// });
    /// assert_eq!(counts, [1, 2]);
    /// ```
    #[track_caller]
    pub fn as_multimap(&self) -> View<ViewMap<K, Vec<V>>>
    where
        K: Key,
        V: Wire,
    {
        self.try_view("as_multimap", |pairs| {
            let mut map: ViewMap<K, Vec<V>> = ViewMap::default();
            for (key, value) in pairs {
                map.entry(key).or_default().push(value);
            }
            Ok(map)
        })
    }
}

impl<K: Key + Ord, V: Wire> PCollection<(K, V)> {
    /// The pairs of the window as a table that need not fit into memory, sorted by key: see [`Lookup`]. All workers share
    /// one.
    ///
    /// Use it in place of [`as_map`](PCollection::as_map) and [`as_multimap`](PCollection::as_multimap) where a view is
    /// larger than you would keep in memory; it is slower, and every look into it may fail. Pairs go to the runner's
    /// scratch space as they come where each window has one pane, when it is over. Those of windows with a trigger or a
    /// lateness of their own are collected in memory first, as are those of other views.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let known = apply(["ada", "eve"], |names: &PCollection<String>| {
    ///     let users = names.filter(|name| name != "eve").map(|name| (name, 7_u64)).as_lookup();
    ///     names.with(&users).process(|name, users, out| -> Result<(), BoxError> {
    ///         out.emit(users.get(&name)?);
    ///         Ok(())
    ///     })
    /// });
    /// assert_eq!(known, [Some(7), None]);
    /// ```
    #[track_caller]
    pub fn as_lookup(&self) -> View<Lookup<K, V>> {
        let build = |pairs: Vec<(K, V)>| -> Result<Lookup<K, V>, BoxError> {
            let mut builder = LookupBuilder::new(Space::default());
            pairs.into_iter().try_for_each(|(key, value)| builder.add(key, &value))?;
            Ok(builder.finish()?)
        };
        if keyed::can_sort(&self.windowing()) {
            let sort = |keyed: &PCollection<((), (K, V))>, _| keyed.then("sort", keyed::lookup::<K, V>());
            self.publish("as_lookup", ByPairs::new(), move || build(Vec::new()), sort)
        } else {
            self.try_view("as_lookup", build)
        }
    }
}
