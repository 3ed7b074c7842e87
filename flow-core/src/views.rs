//! Side inputs: collections that other collections look things up in.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::exec::{BuildCx, StepId};
use crate::graph::Origin;
use crate::steps::{IsThere, ViewReader, ViewTable};
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
    /// The tables alone, to see whether they have something for a window.
    #[doc(hidden)]
    fn awaited(&self) -> Awaited;
}

/// Views that are waited for, whatever they hold.
#[derive(Clone)]
#[doc(hidden)]
pub struct Awaited(Arc<dyn Fn(&mut BuildCx) -> Vec<Rc<dyn IsThere>> + Send + Sync>);

impl std::fmt::Debug for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Awaited")
    }
}

/// All of some views.
#[derive(Clone)]
pub(crate) struct AllOf(pub(crate) Vec<Awaited>);

impl sealed::Sealed for AllOf {}

impl Views for AllOf {
    type Values<'a> = ();
    type Tables = Vec<Rc<dyn IsThere>>;
    type Found = ();

    fn steps(&self) -> Vec<(StepId, &Origin, &Windowing)> {
        Vec::new()
    }
    fn tables(&self, cx: &mut BuildCx) -> Self::Tables {
        self.0.iter().flat_map(|awaited| (awaited.0)(cx)).collect()
    }
    fn lookup(tables: &Self::Tables, main: Window) -> Result<Option<()>, BoxError> {
        Ok(tables.iter().all(|table| table.is_there(main)).then_some(()))
    }
    fn values((): &()) {}
    /// Those that look into them say what they need no more.
    fn expire(_: &Self::Tables, _: Timestamp, _: i64) {}
    fn awaited(&self) -> Awaited {
        let all = self.clone();
        Awaited(Arc::new(move |cx| all.tables(cx)))
    }
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
        ViewReader::new(self.table(cx))
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
    fn awaited(&self) -> Awaited {
        let view = self.clone();
        Awaited(Arc::new(move |cx| vec![view.table(cx)]))
    }
}

impl<V: Send + Sync + 'static> View<V> {
    /// This worker's table of it.
    fn table(&self, cx: &mut BuildCx) -> Rc<ViewTable<V>> {
        cx.shared(self.step, || ViewTable::new(self.windowing.clone(), Arc::clone(&self.empty)))
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
            fn awaited(&self) -> Awaited {
                AllOf(vec![$(self.$at.awaited()),+]).awaited()
            }
        }
    };
}

views!(A 0, B 1);
views!(A 0, B 1, C 2);
views!(A 0, B 1, C 2, D 3);
