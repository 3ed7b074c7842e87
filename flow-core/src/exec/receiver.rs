use std::any::Any;

use super::{Cx, Signal};
use crate::window::Slices;
use crate::{Bundle, Result};

/// The input of a step in a worker's chain.
pub trait Receiver<T> {
    /// Takes the elements of a bundle. What is left in it afterwards is the caller's to reuse.
    fn bundle(&mut self, bundle: &mut Bundle<T>, cx: &mut Cx) -> Result<()>;

    /// Asks, before the first bundle, whether this finds the windows of elements by itself, from their times: what the bundles
    /// say of windows does not count then, and an element comes once.
    fn takes_slices(&mut self, slices: Slices) -> bool {
        let _ = slices;
        false
    }

    /// Takes a signal and passes it on when it applies to everything passed on before.
    fn signal(&mut self, signal: Signal, cx: &mut Cx) -> Result<()>;
}

/// Where a step passes its elements on.
pub type Output<T> = Box<dyn Receiver<T>>;

/// An [`Output`] of some type, between factories that know which.
pub type AnyOutput = Box<dyn Any>;
