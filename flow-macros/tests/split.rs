//! What the derive makes compiles, and routes: against a core of a few lines, since the real one depends on this
//! crate.

extern crate self as flow_core;

use std::fmt::Debug;

use flow_macros::Split;
use split::{Split as _, Variants};

trait Element: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Element for T {}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Meta(u8);

#[derive(Debug, PartialEq)]
struct Bundle<T>(Vec<(T, Meta)>);

impl<T> Bundle<T> {
    fn push(&mut self, value: T, meta: Meta) {
        self.0.push((value, meta));
    }
}

#[derive(Clone, Debug, PartialEq)]
struct PCollection<T: Element>(Vec<T>);

/// Counts the collections that came out of a region.
struct RegionEnd(usize);

trait RegionOutputs {
    fn behind(self, end: &mut RegionEnd) -> Self;
}

impl<T: Element> RegionOutputs for PCollection<T> {
    fn behind(self, end: &mut RegionEnd) -> Self {
        end.0 += 1;
        self
    }
}

mod split {
    use super::{Bundle, Element, Meta, PCollection};

    pub(crate) trait Variants {
        type Bundles: Default;
        type Collections;
    }

    macro_rules! variants {
        ($($payload:ident),*) => {
            impl<$($payload: Element),*> Variants for ($($payload,)*) {
                type Bundles = ($(Bundle<$payload>,)*);
                type Collections = ($(PCollection<$payload>,)*);
            }
        };
    }
    variants!(A);
    variants!(A, B);
    variants!(A, B, C);
    variants!(A, B, C, D);

    pub(crate) trait Split: Element {
        type Variants: Variants;
        type Outputs;
        const NAMES: &'static [&'static str];
        fn route(self, meta: Meta, to: &mut <Self::Variants as Variants>::Bundles);
        fn outputs(collections: <Self::Variants as Variants>::Collections) -> Self::Outputs;
    }
}

impl<T> Default for Bundle<T> {
    fn default() -> Self {
        Bundle(Vec::new())
    }
}

/// Routes elements, the first with `Meta(0)`, the second with `Meta(1)`, and so on.
fn route<S: split::Split>(elements: impl IntoIterator<Item = S>) -> <S::Variants as Variants>::Bundles {
    let mut bundles = Default::default();
    for (element, at) in elements.into_iter().zip(0..) {
        element.route(Meta(at), &mut bundles);
    }
    bundles
}

#[derive(Clone, Split)]
enum Event {
    Order(u32),
    OutOfStock(&'static str, u8),
    Heartbeat,
    Type(bool),
}

#[test]
fn each_element_goes_to_the_bundle_of_its_variant() {
    use Event::{Heartbeat, Order, OutOfStock, Type};
    let (order, out_of_stock, heartbeat, kind) =
        route([Order(7), Heartbeat, OutOfStock("tea", 2), Order(8), Type(true)]);
    assert_eq!(order, Bundle(vec![(7, Meta(0)), (8, Meta(3))]));
    assert_eq!(out_of_stock, Bundle(vec![(("tea", 2), Meta(2))]));
    assert_eq!(heartbeat, Bundle(vec![((), Meta(1))]));
    assert_eq!(kind, Bundle(vec![(true, Meta(4))]));
}

#[test]
fn outputs_have_the_variants_names() {
    assert_eq!(Event::NAMES, ["order", "out_of_stock", "heartbeat", "type"]);
    let collections =
        (PCollection(vec![7]), PCollection(vec![("tea", 2)]), PCollection(vec![()]), PCollection(vec![true]));
    let mut end = RegionEnd(0);
    let EventOutputs { order, out_of_stock, heartbeat: _, r#type } =
        Event::outputs(collections).behind(&mut end);
    assert_eq!(end.0, 4);
    assert_eq!(order, PCollection(vec![7]));
    assert_eq!(out_of_stock, PCollection(vec![("tea", 2)]));
    assert_eq!(r#type, PCollection(vec![true]));
}

/// Its variants have the names of the trait's items, and its payloads' bounds are not those of its parameter.
#[derive(Clone, Split)]
enum Parsed<I: Iterator, const N: usize = 2>
where
    I::Item: Debug,
{
    Variants(I),
    Outputs([I::Item; N]),
}

#[test]
fn generic_enums_split() {
    let (whole, items) = route([Parsed::Variants(0..3_u8), Parsed::Outputs([4, 5])]);
    assert_eq!(whole, Bundle(vec![(0..3, Meta(0))]));
    assert_eq!(items, Bundle(vec![([4, 5], Meta(1))]));
}

#[derive(Clone, Split)]
enum Single<T> {
    Only(Box<T>),
}

#[test]
fn one_variant_makes_one_output() {
    let SingleOutputs { only } = Single::outputs((PCollection(vec![Box::new(1)]),));
    assert_eq!(only, PCollection(vec![Box::new(1)]));
    assert_eq!(route([Single::Only(Box::new(1))]), (Bundle(vec![(Box::new(1), Meta(0))]),));
}
