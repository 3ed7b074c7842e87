//! Splittable functions: what a source is to a pipeline, for each element of a collection.
//!
//! A [`SplittableFn`] says what there is to be read of an element, as a [`Restriction`]: the bytes of a file, the pages of
//! a listing, what a place may still be found to hold. It reads by claiming one position after the other, so that
//! the runner may interrupt it between any two, spread its parts over workers, and go on elsewhere.

mod context;
mod offsets;
mod watch;

use std::fmt::Debug;
use std::time::Duration;

use crate::{BoxError, Wire};
pub(crate) use context::Claims;
pub use context::SplittableCx;
pub use offsets::OffsetRange;
pub(crate) use watch::Watching;
pub use watch::{Growth, Watch};

/// A part of what there is to be read of an element, and how much of it has been claimed.
///
/// [`OffsetRange`] serves whatever is numbered. Implement it where the work is of another shape.
pub trait Restriction: Wire + Debug {
    /// Names a piece of the work.
    type Position;

    /// Claims the next piece; false if it is not part of this, and then nothing is left to claim. Pieces are claimed in
    /// order.
    fn try_claim(&mut self, position: &Self::Position) -> bool;

    /// Gives away all that has not been claimed; none if everything has been. This part is done afterwards.
    fn split_off(&mut self) -> Option<Self>;
}

/// Reads elements piece by piece; passed to [`par_do_splittable`](crate::PCollection::par_do_splittable).
///
/// `process` is called again and again, on a restriction that shrinks: it claims a piece, emits what belongs to it, and
/// returns when a claim is refused. Whatever it keeps between calls is in the restriction.
///
/// ```
/// use flow_core::prelude::*;
///
/// /// The characters of a text with their places.
/// #[derive(Clone)]
/// struct Characters;
///
/// impl SplittableFn<String, (String, u64)> for Characters {
///     type Restriction = OffsetRange;
///     fn restriction(&self, text: &String) -> Result<OffsetRange, BoxError> {
///         Ok(OffsetRange::new(0, text.len() as u64))
///     }
///     fn process(&self, text: &String, cx: &mut SplittableCx<'_, OffsetRange, (String, u64)>) -> Result<Resume, BoxError> {
///         let mut at = cx.restriction().next();
///         while cx.try_claim(&at) {
///             cx.emit((text.clone(), at));
///             at += 1;
///         }
///         Ok(Resume::Done)
///     }
/// }
/// let pairs = apply(["a", "bb"], |texts: &PCollection<String>| texts.par_do_splittable(Characters));
/// assert_eq!(pairs, [("a".to_string(), 0), ("bb".to_string(), 0), ("bb".to_string(), 1)]);
/// ```
pub trait SplittableFn<T, Out>: Clone + Send + Sync + 'static {
    /// What there is to be read of an element.
    type Restriction: Restriction;

    /// All that there is to be read of an element.
    ///
    /// # Errors
    /// When that cannot be told: the run ends.
    fn restriction(&self, element: &T) -> Result<Self::Restriction, BoxError>;

    /// Cuts it into about `desired` parts, which workers read at the same time. One part, unless said otherwise.
    ///
    /// # Errors
    /// When it cannot be cut: the run ends.
    fn split(
        &self,
        element: &T,
        whole: Self::Restriction,
        desired: usize,
    ) -> Result<Vec<Self::Restriction>, BoxError> {
        let _ = (element, desired);
        Ok(vec![whole])
    }

    /// Claims pieces and emits what belongs to them, until a claim is refused or it has to wait. It runs on a worker that
    /// has other things to do.
    ///
    /// # Errors
    /// When reading fails: the run ends.
    fn process(
        &self,
        element: &T,
        cx: &mut SplittableCx<'_, Self::Restriction, Out>,
    ) -> Result<Resume, BoxError>;

    /// Whether all elements can be read to an end. What comes of a function that says no is unbounded.
    fn is_bounded(&self) -> bool {
        true
    }

    /// What is still to be read when the run is being stopped, without waiting any more: everything if that has an end,
    /// otherwise nothing.
    fn truncate(&self, element: &T, rest: Self::Restriction) -> Option<Self::Restriction> {
        let _ = element;
        self.is_bounded().then_some(rest)
    }
}

/// What a [`SplittableFn`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It claimed everything, or was refused a claim.
    Done,
    /// There is nothing to claim for now: it is called again with the rest when so much processing time has passed.
    After(Duration),
}
