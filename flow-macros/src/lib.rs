//! The derive macro of flow: [`Split`](macro@Split), which turns an enum into several outputs of one step.
//!
//! Programs reach it through the core, as `flow_core::Split`, beside the trait that it implements.

mod check;
mod name;
mod split;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Gives a collection of an enum's values one output collection for each variant.
///
/// A step that has several kinds of results emits one enum; `split` then moves each element to the collection
/// of its variant. The match is exhaustive, so that a variant added later cannot be forgotten.
///
/// ```ignore (the core, which it takes to run this, depends on this crate)
/// #[derive(Clone, Split)]
/// enum Event {
///     Order(Order),
///     Moved(Sku, Shelf),
///     Heartbeat,
/// }
///
/// let EventOutputs { order, moved, heartbeat } = events.split();
/// // PCollection<Order>, PCollection<(Sku, Shelf)>, PCollection<()>
/// ```
///
/// # What it makes
///
/// - A struct `EventOutputs`, as visible as the enum, with a collection for each variant. Fields have the
///   variants' names in snake case; a keyword becomes a raw identifier (`Type` is `r#type`), and `Super` and
///   `Crate`, which cannot be one, end in an underscore.
/// - The implementation of `Split`, which routes by those names.
///
/// A variant of one field carries that field's type; of several, their tuple; of none, `()`. The enum may be
/// generic over types and constants; what the variants carry must then be elements.
///
/// # Errors
///
/// Does not compile for a variant with named fields (give them a struct of their own), for more than twelve
/// variants or none, for two variants whose names are the same in snake case, for an enum that borrows, and for
/// anything but an enum.
#[proc_macro_derive(Split)]
pub fn derive_split(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    split::expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}
