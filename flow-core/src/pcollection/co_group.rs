use super::PCollection;
use crate::element::{Key, Wire};
use crate::functions::Side;
use crate::group::{Group, parted};
use crate::{Element, Emit};

impl<K: Key, V: Wire> PCollection<(K, V)> {
    /// The values of each key and window on all sides, in one group each; a side without any is empty. The other sides are
    /// one collection, or a tuple of two or three. A side may be more than memory holds, as in
    /// [`group_by_key`](PCollection::group_by_key).
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let sizes = apply([(1, 'a'), (2, 'b')], |left: &PCollection<(u32, char)>| {
    ///     let right = left.filter(|(k, _)| *k == 1).map_values(|c| c.to_string());
    ///     left.co_group(&right).map(|(key, (l, r))| (key, l.len(), r.len()))
    /// });
    /// assert_eq!(sizes, [(1, 1, 1), (2, 1, 0)]);
    ///
    /// let sizes = apply([(1, 'a')], |left: &PCollection<(u32, char)>| {
    ///     let (names, numbers) = (left.map_values(|c| c.to_string()), left.map_values(|_| 7));
    ///     left.co_group((&names, &numbers)).map(|(key, (c, s, n))| (key, c.len(), s.len(), n.len()))
    /// });
    /// assert_eq!(sizes, [(1, 1, 1, 1)]);
    /// ```
    #[track_caller]
    pub fn co_group<S: CoGroup<K, V>>(&self, others: S) -> PCollection<(K, S::Groups)> {
        self.composite("co_group", || others.grouped_with(self))
    }
}

/// What [`co_group`](PCollection::co_group) takes: a collection, or a tuple of two or three.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be grouped with this collection",
    note = "`co_group` takes one collection of pairs with the same key, `&other`, or a tuple of up to three"
)]
pub trait CoGroup<K, V> {
    /// A group of each side, that of the left side first.
    type Groups: Element;

    #[doc(hidden)]
    fn grouped_with(self, left: &PCollection<(K, V)>) -> PCollection<(K, Self::Groups)>;
}

const VERB: &str = "co_group";

impl<K: Key, V: Wire, A: Wire> CoGroup<K, V> for &PCollection<(K, A)> {
    type Groups = (Group<V>, Group<A>);

    #[track_caller]
    fn grouped_with(self, left: &PCollection<(K, V)>) -> PCollection<(K, Self::Groups)> {
        left.paired(VERB, self, |key, left, a, out| out.emit((key, (left, a))))
    }
}

impl<K: Key, V: Wire, A: Wire, B: Wire> CoGroup<K, V> for (&PCollection<(K, A)>, &PCollection<(K, B)>) {
    type Groups = (Group<V>, Group<A>, Group<B>);

    #[track_caller]
    fn grouped_with(self, left: &PCollection<(K, V)>) -> PCollection<(K, Self::Groups)> {
        let others = self.0.both_sides(VERB, self.1);
        left.paired(VERB, &others, |key, left, others: Group<Side<A, B>>, out: &mut Emit<'_, _>| {
            let (a, b) = parted(others);
            out.emit((key, (left, a, b)));
        })
    }
}

impl<K: Key, V: Wire, A: Wire, B: Wire, C: Wire> CoGroup<K, V>
    for (&PCollection<(K, A)>, &PCollection<(K, B)>, &PCollection<(K, C)>)
{
    type Groups = (Group<V>, Group<A>, Group<B>, Group<C>);

    #[track_caller]
    fn grouped_with(self, left: &PCollection<(K, V)>) -> PCollection<(K, Self::Groups)> {
        let others = self.0.both_sides(VERB, &self.1.both_sides(VERB, self.2));
        left.paired(VERB, &others, |key, left, others: Group<Side<A, Side<B, C>>>, out: &mut Emit<'_, _>| {
            let (a, others) = parted(others);
            let (b, c) = parted(others);
            out.emit((key, (left, a, b, c)));
        })
    }
}
