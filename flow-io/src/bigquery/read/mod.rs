//! Reading tables and the results of queries, page by page.

mod bad_row;
mod pages;
mod reader;
mod source;

pub use bad_row::BadRow;
pub(super) use pages::is_empty;
pub use reader::RowsReader;
pub use source::{ReadRows, RowsSplit};
