//! What values may flow: [`Element`], [`Key`] and [`Wire`].

use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value in a collection: owned, cloneable, and sendable between threads. Implemented for every such type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a collection",
    label = "not an element",
    note = "elements move between threads and outlive the code that made them: they are Clone + Send + Sync + 'static",
    note = "own the data: String in place of &str, Arc in place of Rc, Mutex or a metric in place of RefCell"
)]
pub trait Element: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Element for T {}

/// An element that may leave memory: be stored, spilled or sent to another process. Implemented for every
/// element with serde's `Serialize` and `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent",
    label = "not encodable",
    note = "groups, state, side inputs and reshuffles may leave memory, so what is in them is encoded: derive serde's Serialize and Deserialize, without borrowed fields"
)]
pub trait Wire: Element + Serialize + DeserializeOwned {}
impl<T: Element + Serialize + DeserializeOwned> Wire for T {}

/// A value that elements can be grouped by. Implemented for every [`Wire`] type with `Eq` and `Hash`, which must
/// agree with the encoding: equal keys encode to equal bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a key",
    note = "keys are compared and hashed in memory and by their encoding elsewhere: they are Eq + Hash, and serde's Serialize and Deserialize",
    note = "a float is no key, since NaN is not equal to itself: round it to an integer, or take its bits with to_bits()"
)]
pub trait Key: Wire + Eq + Hash {}
impl<T: Wire + Eq + Hash> Key for T {}
