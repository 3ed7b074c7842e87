use std::marker::PhantomData;

use super::Group;
use crate::combine::CombineFn;
use crate::element::Wire;

/// Collects values into a [`Group`], in the order of their arrival: what a grouping by key alone combines with.
#[derive(Debug)]
pub(crate) struct Collect<V>(PhantomData<fn(V)>);

impl<V> Collect<V> {
    pub(crate) fn new() -> Self {
        Collect(PhantomData)
    }
}

impl<V> Clone for Collect<V> {
    fn clone(&self) -> Self {
        Collect::new()
    }
}

impl<V: Wire> CombineFn<V> for Collect<V> {
    type Accumulator = Vec<V>;
    type Output = Group<V>;

    fn create(&self) -> Vec<V> {
        Vec::new()
    }

    fn add(&self, values: &mut Vec<V>, value: V) {
        values.push(value);
    }

    fn merge(&self, into: &mut Vec<V>, mut other: Vec<V>) {
        into.append(&mut other);
    }

    fn finish(&self, values: Vec<V>) -> Group<V> {
        values.into()
    }
}
