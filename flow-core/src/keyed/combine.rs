use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use super::grouped::Grouped;
use super::hash::{key_hash, owner};
use super::inbox::Station;
use super::kernel::Kernel;
use super::tables::{self, Absorb, Collected, Merged, Single, Spill, Tables};
use super::{exchange, lift};
use crate::combine::CombineFn;
use crate::element::{Element, Key, Wire};
use crate::exec::{AnyOutput, BuildCx, ExchangeOp, Inbox, Op, Outbox, Routing, StepId, erased, typed};
use crate::group::{Collect, Group};
use crate::steps::Typed;
use crate::window::Windowing;

/// Combines the values of each key and window.
pub(crate) struct Combine<K, V, C, S> {
    function: C,
    windowing: Windowing,
    /// Whether accumulators are made before the exchange.
    lifted: bool,
    /// The key of the result that an empty global window has.
    default: Option<K>,
    types: PhantomData<fn(K, V, S)>,
}

/// The step that combines by key. `lifted` where combining early makes the data smaller; `default` to have a result
/// for this key when the global window ends empty.
pub(crate) fn combine<K, V, C>(
    function: C,
    windowing: Windowing,
    lifted: bool,
    default: Option<K>,
) -> Typed<(K, V), (K, C::Output)>
where
    K: Key,
    V: Element + Serialize,
    C: CombineFn<V>,
{
    let types = PhantomData::<fn(K, V, Single)>;
    Op::Exchange(Arc::new(Combine { function, windowing, lifted, default, types })).into()
}

/// The step that groups by key alone.
pub(crate) fn group<K: Key, V: Wire>(windowing: Windowing) -> Typed<(K, V), (K, Group<V>)> {
    let types = PhantomData::<fn(K, V, Collected)>;
    let combine = Combine { function: Collect::new(), windowing, lifted: false, default: None, types };
    Op::Exchange(Arc::new(combine)).into()
}

impl<K, V, C, S> Combine<K, V, C, S>
where
    K: Key,
    V: Element + Serialize,
    C: CombineFn<V>,
{
    fn tables<In, A>(&self, cx: &BuildCx) -> Tables<K, V, C, A>
    where
        A: Absorb<In, V, C> + Spill<V, C>,
    {
        let space = cx.grouping_space();
        let mut tables = Tables::new(self.function.clone(), &self.windowing, cx.worker, space);
        if let Some(key) = self.default_on(cx.worker, cx.workers) {
            tables.set_default(key);
        }
        tables
    }

    fn groups(&self, worker: usize, workers: usize) -> Grouped<K, V, C> {
        Grouped::new(self.function.clone(), self.windowing.clone(), self.default_on(worker, workers))
    }

    fn default_on(&self, worker: usize, workers: usize) -> Option<K> {
        let key = self.default.as_ref().filter(|_| self.windowing.is_global())?;
        (owner(key_hash(key), workers) == worker).then(|| key.clone())
    }

    fn inbox<In: 'static>(
        step: StepId,
        kernel: impl Kernel<K, In, (K, C::Output)> + 'static,
        output: AnyOutput,
        cx: &BuildCx,
    ) -> Box<dyn Inbox> {
        Box::new(Station::new(step, kernel, typed(output), key_hash, cx))
    }
}

impl<K, V, C, S> ExchangeOp for Combine<K, V, C, S>
where
    K: Key,
    V: Element + Serialize,
    C: CombineFn<V>,
    S: Absorb<V, V, C> + Spill<V, C> + 'static,
{
    fn routing(&self) -> Routing {
        Routing::Key
    }

    fn sender(&self, step: StepId, outbox: Box<dyn Outbox>, cx: &mut BuildCx) -> AnyOutput {
        if self.lifted && tables::can(&self.windowing) {
            lift::sender::<K, V, C>(step, outbox, self.function.clone(), &cx.grouping_space())
        } else {
            exchange::sender::<K, V>(step, outbox)
        }
    }

    fn receiver(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> Box<dyn Inbox> {
        if !tables::can(&self.windowing) {
            Self::inbox::<V>(step, self.groups(cx.worker, cx.workers), output, cx)
        } else if self.lifted {
            Self::inbox::<C::Accumulator>(step, self.tables::<C::Accumulator, Merged>(cx), output, cx)
        } else {
            Self::inbox::<V>(step, self.tables::<V, S>(cx), output, cx)
        }
    }

    fn inline(&self, step: StepId, output: AnyOutput, cx: &mut BuildCx) -> AnyOutput {
        let output = typed::<(K, C::Output)>(output);
        erased::<(K, V)>(Station::new(step, self.groups(0, 1), output, key_hash, cx))
    }
}
