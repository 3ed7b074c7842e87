//! Regions whose elements may fail: [`PCollection::with_dead_letters`](crate::PCollection::with_dead_letters).
//!
//! A region is a [head](head), the steps of the user's closure, and a [tail](tail) at each of its ends. The head keeps a
//! copy of each bundle, and the tails hold back what comes of it until the head has seen all of it through.

mod breaker;
mod head;
mod identity;
mod letter;
mod outputs;
mod settings;
mod tail;

pub(crate) use head::{Inside, Members, head};
pub use letter::{DeadLetter, Failure};
pub use outputs::{RegionEnd, RegionOutputs};
pub use settings::DeadLetters;
