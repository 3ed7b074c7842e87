//! The derive macros of flow: [`Split`](macro@Split), which turns an enum into several outputs of one step,
//! [`Merge`](macro@Merge), which makes one state of two, and [`TableRow`](macro@TableRow), which turns a struct into a row
//! of a table.
//!
//! Programs reach them beside the traits that they implement: `flow_core::Split`, `flow_core::state::Merge`,
//! `flow_io::bigquery::TableRow`.

mod check;
mod merge;
mod name;
mod row;
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

/// Makes one struct of two, field by field, as the states of windows that merge do.
///
/// ```ignore (the core, which it takes to run this, depends on this crate)
/// #[derive(Clone, Default, Serialize, Deserialize, Merge)]
/// struct Visit {
///     pages: Set<String>,
///     spent: Combining<u64, Sum>,
/// }
/// ```
///
/// Every field's type must implement `Merge`; fields made of type parameters become bounds.
///
/// # Errors
///
/// Does not compile for a field that does not merge, as a number, and for anything but a struct.
#[proc_macro_derive(Merge)]
pub fn derive_merge(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    merge::expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct a row of a BigQuery table, with a column for each field that serde writes.
///
/// ```ignore (the connectors, which it takes to run this, depend on this crate)
/// #[derive(Serialize, TableRow)]
/// #[serde(rename_all = "camelCase")]
/// struct Order {
///     order_id: String,                                        // orderId STRING REQUIRED
///     placed_at: Timestamp,                                    // placedAt TIMESTAMP REQUIRED
///     note: Option<String>,                                    // note STRING NULLABLE
///     items: Vec<Item>,                                        // items RECORD REPEATED, if Item derives it, too
///     #[bigquery(type = "NUMERIC", description = "in euros")]
///     total: Decimal,                                          // total NUMERIC REQUIRED
///     #[serde(skip)]
///     cache: Cache,                                            // none
/// }
/// ```
///
/// A column's type and mode are those of the field's type, by the trait `Column`; see there for the types that have
/// one. At a field,
///
/// - `#[bigquery(type = "..")]` says the type in its place. The mode is then NULLABLE for an `Option`, REPEATED for a
///   `Vec`, an array or a set, and REQUIRED for all else. A list of `u8` is one value if the type is BYTES or
///   another function writes it (`with`).
/// - `#[bigquery(required)]` and `#[bigquery(nullable)]` say the mode. With `type = "JSON"` they also make a list one
///   value of JSON.
/// - `#[bigquery(description = "..")]` is for whoever reads the table.
///
/// Of serde's attributes those that change what is written count: `rename`, `rename_all`, `skip`, `skip_serializing`,
/// `flatten`, and `tag`. With `skip_serializing_if` a column that would be REQUIRED is NULLABLE.
///
/// # Errors
///
/// Does not compile for anything but a struct with named fields, for names that BigQuery does not take, for fields
/// written by another function (`with`) without a type, for a type that is no column's, and for a struct that holds
/// itself.
#[proc_macro_derive(TableRow, attributes(bigquery, serde))]
pub fn derive_table_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    row::expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}
