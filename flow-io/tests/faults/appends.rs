//! Faults of the Storage Write API, while rows are appended to the default stream.

use flow_gcp_emulator::{Code, Fault, When};

use super::cell::{Method, cell};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, slow};

/// A connection, and a request on it.
const LINE: &str = "bigquery.AppendRows";
const APPEND: &str = "bigquery.AppendRows.append";

#[test]
fn rows_are_appended_whatever_meets_them() {
    let cells = [
        cell(APPEND, PERCENT_1, Fault::Grpc(Code::Unavailable)),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::Aborted)),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::ResourceExhausted)),
        cell(APPEND, PERCENT_50, Fault::Grpc(Code::Internal)),
        cell(APPEND, PERCENT_1, Fault::Reset),
        cell(APPEND, PERCENT_50, Fault::Reset),
        cell(APPEND, PERCENT_10, Fault::EndStream),
        cell(APPEND, PERCENT_1, Fault::LostAnswer),
        cell(APPEND, PERCENT_10, Fault::LostAnswer),
        cell(APPEND, PERCENT_50, Fault::LostAnswer),
        cell(LINE, When::First(3), Fault::Grpc(Code::Unavailable)),
        cell(LINE, When::First(2), Fault::Grpc(Code::ResourceExhausted)),
        cell(APPEND, PERCENT_1, slow()).hidden(3),
    ];
    // What is on a line that breaks may be in the table or not.
    all(cells, |cell| cell.into(Method::Default).doubles_rows().repeats_rows().check());
}

#[test]
fn rows_are_appended_once_where_nothing_is_sent_twice() {
    let cells = [
        cell(APPEND, PERCENT_10, slow()),
        cell(APPEND, PERCENT_1, Fault::RowErrors).refuses(),
        cell(APPEND, PERCENT_10, Fault::RowErrors).refuses(),
    ];
    all(cells, |cell| cell.into(Method::Default).check());
}
