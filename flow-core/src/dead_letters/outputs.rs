use std::fmt;
use std::panic::Location;

use super::tail::tail;
use crate::exec::StepId;
use crate::{Element, PCollection};

/// What the closure of [`PCollection::with_dead_letters`] may return: collections that were made of its input, as many as
/// it likes.
///
/// Implemented for a collection, for nothing, for tuples, `Vec`s, arrays and `Option`s of what it is implemented for, and
/// for what [`split`](PCollection::split) makes of a derived enum.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the closure of `with_dead_letters` returns",
    label = "neither a collection nor several",
    note = "return the collections that are read behind the region: one, or a tuple, a Vec or an array of them, or nothing"
)]
pub trait RegionOutputs: Sized {
    /// The same collections behind the end of the region: call it on each.
    #[must_use]
    fn behind(self, end: &mut RegionEnd) -> Self;
}

/// The end of a region under construction; see [`RegionOutputs`].
pub struct RegionEnd {
    pub(crate) head: StepId,
    pub(crate) location: &'static Location<'static>,
    /// The steps at its ends.
    pub(crate) tails: Vec<StepId>,
}

impl fmt::Debug for RegionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegionEnd").field(&self.head).finish()
    }
}

impl<T: Element> RegionOutputs for PCollection<T> {
    fn behind(self, end: &mut RegionEnd) -> Self {
        let step = self.add_step("keep", String::new(), end.location, tail::<T>(end.head));
        end.tails.push(step);
        self.output(step, self.windowing())
    }
}

impl RegionOutputs for () {
    fn behind(self, _: &mut RegionEnd) {}
}

impl<R: RegionOutputs> RegionOutputs for Vec<R> {
    fn behind(self, end: &mut RegionEnd) -> Self {
        self.into_iter().map(|one| one.behind(end)).collect()
    }
}

impl<R: RegionOutputs, const N: usize> RegionOutputs for [R; N] {
    fn behind(self, end: &mut RegionEnd) -> Self {
        self.map(|one| one.behind(end))
    }
}

impl<R: RegionOutputs> RegionOutputs for Option<R> {
    fn behind(self, end: &mut RegionEnd) -> Self {
        self.map(|one| one.behind(end))
    }
}

macro_rules! tuples {
    ($($name:ident $at:tt),+) => {
        impl<$($name: RegionOutputs),+> RegionOutputs for ($($name,)+) {
            fn behind(self, end: &mut RegionEnd) -> Self {
                ($(self.$at.behind(end),)+)
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
