use std::fmt;

use serde::{Deserialize, Serialize};

/// A row that is not what it was read as, with what is needed to find it.
///
/// ```
/// use flow_io::bigquery::BadRow;
/// let bad = BadRow {
///     place: "shop.sales.orders".into(),
///     row: 17,
///     reason: "missing field `id`".into(),
///     cells: r#"{"f":[{"v":null}]}"#.into(),
/// };
/// assert_eq!(bad.to_string(), "row 17 of shop.sales.orders: missing field `id`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BadRow {
    /// The table, or the job of the query.
    pub place: String,
    /// The row's number from 0, in the order of reading.
    pub row: u64,
    /// What is wrong with it, in one line.
    pub reason: String,
    /// The row as the service gave it, at most [`CELLS_LIMIT`](BadRow::CELLS_LIMIT) bytes of it.
    pub cells: String,
}

impl BadRow {
    /// How many bytes of a row are kept in [`cells`](BadRow::cells).
    pub const CELLS_LIMIT: usize = 64 * 1024;
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of {}: {}", self.row, self.place, self.reason)
    }
}

impl std::error::Error for BadRow {}
