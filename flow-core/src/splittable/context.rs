use std::fmt;

use super::Restriction;
use crate::window::Window;
use crate::{Bundle, Error, ErrorKind, Meta, Timestamp};

/// Where a [`SplittableFn`](super::SplittableFn) claims what it reads, and puts its results.
pub struct SplittableCx<'a, R, Out> {
    pub(crate) restriction: &'a mut R,
    pub(crate) out: &'a mut Bundle<Out>,
    pub(crate) meta: Meta,
    /// No result before this moment is to come.
    pub(crate) watermark: &'a mut Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) claims: Claims,
    pub(crate) failed: Option<Error>,
}

/// Claims of one call, which are so many at most.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) left: usize,
    pub(crate) made: usize,
    /// A claim was refused for no other reason than that it is the turn of others.
    pub(crate) interrupted: bool,
}

impl<R: fmt::Debug, Out> fmt::Debug for SplittableCx<'_, R, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplittableCx").field("restriction", &self.restriction).finish_non_exhaustive()
    }
}

impl<R: Restriction, Out> SplittableCx<'_, R, Out> {
    /// Claims the next piece of work. Refused if it is not part of the restriction, and when it is the turn of others:
    /// return then, and emit nothing more. What is left is read by another call.
    #[must_use = "what is refused belongs to another call: return when a claim is refused"]
    pub fn try_claim(&mut self, position: &R::Position) -> bool {
        let is_long = self.claims.made >= self.claims.left || self.out.is_full();
        if self.claims.interrupted || (is_long && self.claims.made > 0) {
            self.claims.interrupted = true;
            return false;
        }
        self.claims.made += 1;
        self.restriction.try_claim(position)
    }

    /// What is left to be read by this call.
    pub fn restriction(&self) -> &R {
        self.restriction
    }

    /// Passes a result on, with the timestamp of the element.
    pub fn emit(&mut self, value: Out) {
        self.out.push(value, self.meta);
    }

    /// Passes a result on with a timestamp of its own, not before that of the element: the step fails otherwise. One
    /// before the [watermark](SplittableCx::set_watermark) may be late.
    pub fn emit_at(&mut self, value: Out, at: Timestamp) {
        if at < self.meta.time {
            let element = self.meta.time;
            self.failed.get_or_insert_with(|| {
                let message = format!("a result at {at} would lie before its element at {element}");
                Error::new(ErrorKind::User, message)
            });
            return;
        }
        self.out.push(value, Meta { time: at, ..self.meta });
    }

    /// No more results before this moment are expected of what is left of the restriction: the watermark downstream
    /// waits for the rest there, and no longer at the element's own timestamp. It does not go back. An estimator of
    /// [`source`](crate::source) may be kept in the restriction.
    pub fn set_watermark(&mut self, to: Timestamp) {
        *self.watermark = to.max(*self.watermark);
    }

    /// The element's timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.meta.time
    }

    /// The element's window.
    pub fn window(&self) -> Window {
        self.meta.window
    }

    /// Processing time, as the runner's clock says.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
