//! Side inputs: collections that other collections look things up in.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::exec::{BuildCx, StepId};
use crate::graph::Origin;
use crate::steps::{ViewReader, ViewTable};
use crate::window::{Window, Windowing};
use crate::{BoxError, Timestamp};

/// A collection as one value for each window, for others to look things up in.
///
/// Made by [`view`](crate::PCollection::view), `as_single`, `as_list`, `as_map`, `as_multimap` and `as_lookup`; read through
/// [`with`](crate::PCollection::with). An element sees the value of the view's window that belongs to its own, and
/// waits for it: until the view's window has had its first pane, or has ended empty.
pub struct View<V> {
    pub(crate) step: StepId,
    pub(crate) graph: Origin,
    pub(crate) windowing: Windowing,
    pub(crate) empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync>,
    pub(crate) value: PhantomData<fn() -> V>,
}

impl<V> Clone for View<V> {
    fn clone(&self) -> Self {
        View {
            step: self.step,
            graph: self.graph.clone(),
            windowing: self.windowing.clone(),
            empty: Arc::clone(&self.empty),
            value: PhantomData,
        }
    }
}

impl<V> std::fmt::Debug for View<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({:?})", self.step)
    }
}

/// What [`with`](crate::PCollection::with) takes: `&view`, or a tuple of them.
pub trait SideInputs {
    /// The same, owned.
    type Views: Views;
    /// The same, owned.
    fn owned(self) -> Self::Views;
}

/// One view or a tuple of views; sealed.
pub trait Views: Clone + Send + Sync + 'static + sealed::Sealed {
    /// What the function gets: `&V`, or a tuple of references.
    type Values<'a>;
    #[doc(hidden)]
    type Tables: 'static;
    #[doc(hidden)]
    type Found: 'static;

    #[doc(hidden)]
    fn steps(&self) -> Vec<(StepId, &Origin, &Windowing)>;
    #[doc(hidden)]
    fn tables(&self, cx: &mut BuildCx) -> Self::Tables;
    #[doc(hidden)]
    fn lookup(tables: &Self::Tables, main: Window) -> Result<Option<Self::Found>, BoxError>;
    #[doc(hidden)]
    fn values(found: &Self::Found) -> Self::Values<'_>;
    #[doc(hidden)]
    fn expire(tables: &Self::Tables, main_watermark: Timestamp, lateness: i64);
}

mod sealed {
    pub trait Sealed {}
}

impl<V> sealed::Sealed for View<V> {}

impl<V: Send + Sync + 'static> SideInputs for &View<V> {
    type Views = View<V>;
    fn owned(self) -> View<V> {
        self.clone()
    }
}

impl<V: Send + Sync + 'static> Views for View<V> {
    type Values<'a> = &'a V;
    type Tables = ViewReader<V>;
    type Found = Arc<V>;

    fn steps(&self) -> Vec<(StepId, &Origin, &Windowing)> {
        vec![(self.step, &self.graph, &self.windowing)]
    }
    fn tables(&self, cx: &mut BuildCx) -> Self::Tables {
        ViewReader::new(
            cx.shared(self.step, || ViewTable::new(self.windowing.clone(), Arc::clone(&self.empty))),
        )
    }
    fn lookup(tables: &Self::Tables, main: Window) -> Result<Option<Arc<V>>, BoxError> {
        tables.find(main)
    }
    fn values(found: &Arc<V>) -> &V {
        found
    }
    fn expire(tables: &Self::Tables, main_watermark: Timestamp, lateness: i64) {
        tables.expire(main_watermark, lateness);
    }
}

macro_rules! views {
    ($($name:ident $at:tt),+) => {
        impl<$($name),+> sealed::Sealed for ($(View<$name>,)+) {}

        impl<$($name: Send + Sync + 'static),+> SideInputs for ($(&View<$name>,)+) {
            type Views = ($(View<$name>,)+);
            fn owned(self) -> Self::Views {
                ($(self.$at.clone(),)+)
            }
        }

        impl<$($name: Send + Sync + 'static),+> Views for ($(View<$name>,)+) {
            type Values<'a> = ($(&'a $name,)+);
            type Tables = ($(ViewReader<$name>,)+);
            type Found = ($(Arc<$name>,)+);

            fn steps(&self) -> Vec<(StepId, &Origin, &Windowing)> {
                vec![$((self.$at.step, &self.$at.graph, &self.$at.windowing)),+]
            }
            fn tables(&self, cx: &mut BuildCx) -> Self::Tables {
                ($(self.$at.tables(cx),)+)
            }
            fn lookup(tables: &Self::Tables, main: Window) -> Result<Option<Self::Found>, BoxError> {
                $(if tables.$at.find(main)?.is_none() { return Ok(None) })+
                Ok(Some(($(tables.$at.find(main)?.expect("present a moment ago"),)+)))
            }
            fn values(found: &Self::Found) -> Self::Values<'_> {
                ($(&*found.$at,)+)
            }
            fn expire(tables: &Self::Tables, main_watermark: Timestamp, lateness: i64) {
                $(tables.$at.expire(main_watermark, lateness);)+
            }
        }
    };
}

views!(A 0, B 1);
views!(A 0, B 1, C 2);
views!(A 0, B 1, C 2, D 3);
