//! Splitting a collection by the variants of its elements: [`Split`], derived for enums.

use crate::exec::{AnyOutput, Cx, Output, Signal, StepId, typed};
use crate::graph::{CollectionId, Graph, Shared};
use crate::window::Windowing;
use crate::{Bundle, Element, Meta, PCollection, Result};

/// An element that is one of several things, each of which goes on in a collection of its own.
///
/// Derive it for an enum whose variants hold one value each; it stands implemented for `Result`, whose values and
/// errors part. Every element is routed once, and moved.
///
/// ```
/// use flow_core::prelude::*;
///
/// #[derive(Clone, Split)]
/// enum Reading { Warm(u32), Cold(u32) }
///
/// let warm = apply([15, 25, 5], |degrees: &PCollection<u32>| {
///     let ReadingOutputs { warm, cold: _ } =
///         degrees.map(|d| if d > 10 { Reading::Warm(d) } else { Reading::Cold(d) }).split();
///     warm
/// });
/// assert_eq!(warm, [15, 25]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be split",
    label = "not an enum with Split, nor a Result",
    note = "derive Split for an enum whose variants hold one value each, or return a Result"
)]
pub trait Split: Element {
    /// The types of the variants' values, as a tuple.
    type Variants: Variants;
    /// What [`PCollection::split`] returns.
    type Outputs;
    /// The variants' names, for the printed plan.
    const NAMES: &'static [&'static str];

    /// Puts the value into the bundle of its variant.
    fn route(self, meta: Meta, to: &mut <Self::Variants as Variants>::Bundles);

    /// Names the collections.
    fn outputs(collections: <Self::Variants as Variants>::Collections) -> Self::Outputs;
}

impl<T: Element, E: Element> Split for Result<T, E> {
    type Variants = (T, E);
    type Outputs = (PCollection<T>, PCollection<E>);
    const NAMES: &'static [&'static str] = &["ok", "err"];

    #[inline]
    fn route(self, meta: Meta, to: &mut (Bundle<T>, Bundle<E>)) {
        match self {
            Ok(value) => to.0.push(value, meta),
            Err(error) => to.1.push(error, meta),
        }
    }

    fn outputs(collections: (PCollection<T>, PCollection<E>)) -> Self::Outputs {
        collections
    }
}

/// A tuple of the types of an enum's variants; implemented for tuples up to twelve.
pub trait Variants: 'static {
    /// A bundle for each.
    type Bundles: Default;
    /// A collection for each.
    type Collections;
    #[doc(hidden)]
    type Outputs;

    #[doc(hidden)]
    fn collections(graph: &Shared, step: StepId, windowing: &Windowing, bounded: bool) -> Self::Collections;
    #[doc(hidden)]
    fn typed(outputs: Vec<AnyOutput>) -> Self::Outputs;
    #[doc(hidden)]
    fn pass_on(
        step: StepId,
        bundles: &mut Self::Bundles,
        outputs: &mut Self::Outputs,
        cx: &mut Cx,
    ) -> Result<()>;
    #[doc(hidden)]
    fn signal(outputs: &mut Self::Outputs, signal: Signal, cx: &mut Cx) -> Result<()>;
}

macro_rules! variants {
    ($($name:ident $at:tt),+) => {
        impl<$($name: Element),+> Variants for ($($name,)+) {
            type Bundles = ($(Bundle<$name>,)+);
            type Collections = ($(PCollection<$name>,)+);
            type Outputs = ($(Output<$name>,)+);

            fn collections(graph: &Shared, step: StepId, windowing: &Windowing, bounded: bool) -> Self::Collections {
                ($(output::<$name>(graph, step, windowing, bounded),)+)
            }
            fn typed(outputs: Vec<AnyOutput>) -> Self::Outputs {
                let mut outputs = outputs.into_iter();
                ($(typed::<$name>(outputs.next().expect("an output for each variant")),)+)
            }
            fn pass_on(step: StepId, bundles: &mut Self::Bundles, outputs: &mut Self::Outputs, cx: &mut Cx) -> Result<()> {
                $(
                    if !bundles.$at.is_empty() {
                        cx.emitted(step, bundles.$at.len());
                        outputs.$at.bundle(&mut bundles.$at, cx)?;
                        bundles.$at.clear();
                    }
                )+
                Ok(())
            }
            fn signal(outputs: &mut Self::Outputs, signal: Signal, cx: &mut Cx) -> Result<()> {
                $(outputs.$at.signal(signal, cx)?;)+
                Ok(())
            }
        }
    };
}

variants!(A 0);
variants!(A 0, B 1);
variants!(A 0, B 1, C 2);
variants!(A 0, B 1, C 2, D 3);
variants!(A 0, B 1, C 2, D 3, E 4);
variants!(A 0, B 1, C 2, D 3, E 4, F 5);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
variants!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

fn output<T: Element>(graph: &Shared, step: StepId, windowing: &Windowing, bounded: bool) -> PCollection<T> {
    let id: CollectionId = Graph::add_output::<T>(&mut graph.lock(), step, windowing.clone(), bounded);
    PCollection::new(graph, id)
}
