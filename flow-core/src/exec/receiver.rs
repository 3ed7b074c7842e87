use std::any::Any;

use super::{Cx, Signal};
use crate::{Bundle, Result};

/// The input of a step in a worker's chain.
pub trait Receiver<T> {
    /// Takes the elements of a bundle. What is left in it afterwards is the caller's to reuse.
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()>;

    /// Takes a signal and passes it on when it applies to everything passed on before.
    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()>;
}

/// Where a step passes its elements on.
pub type Output<T> = Box<dyn Receiver<T>>;

/// An [`Output`] of some type, between factories that know which.
pub type AnyOutput = Box<dyn Any>;
