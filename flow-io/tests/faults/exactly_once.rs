//! Faults of the Storage Write API, while rows are written exactly once.

use flow_gcp_emulator::{Code, Fault, When};

use super::cell::{Method, cell};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, slow};

const APPEND: &str = "bigquery.AppendRows.append";
const CREATE: &str = "bigquery.CreateWriteStream";
const FLUSH: &str = "bigquery.FlushRows";

#[test]
fn rows_are_there_once_whatever_meets_their_appends() {
    let cells = [
        cell(APPEND, PERCENT_1, Fault::Grpc(Code::Unavailable)).repeats_rows(),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::Aborted)).repeats_rows(),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::ResourceExhausted)).repeats_rows(),
        cell(APPEND, PERCENT_50, Fault::Grpc(Code::Internal)).repeats_rows(),
        cell(APPEND, PERCENT_10, Fault::Reset).repeats_rows(),
        cell(APPEND, PERCENT_50, Fault::Reset).repeats_rows(),
        cell(APPEND, PERCENT_10, Fault::EndStream).repeats_rows(),
        // Applied, and then the stream breaks: another stream takes all rows of the epoch.
        cell(APPEND, PERCENT_1, Fault::LostAnswer),
        cell(APPEND, PERCENT_10, Fault::LostAnswer),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::OutOfRange)),
        cell(APPEND, PERCENT_10, Fault::Grpc(Code::AlreadyExists)),
        cell(APPEND, PERCENT_10, Fault::RowErrors).refuses(),
        cell(APPEND, PERCENT_10, slow()),
        cell("bigquery.AppendRows", When::First(3), Fault::Grpc(Code::Unavailable)).repeats_rows(),
    ];
    all(cells, |cell| cell.into(Method::ExactlyOnce).check());
}

#[test]
fn rows_are_there_once_whatever_meets_their_streams() {
    let cells = [
        cell(CREATE, When::First(3), Fault::Grpc(Code::ResourceExhausted)),
        cell(CREATE, When::First(2), Fault::Grpc(Code::Internal)),
        cell(CREATE, When::First(1), Fault::LostAnswer),
        cell(CREATE, When::First(1), slow()).hidden(4),
        cell(FLUSH, PERCENT_1, Fault::Grpc(Code::Aborted)),
        cell(FLUSH, PERCENT_10, Fault::Grpc(Code::Unavailable)),
        cell(FLUSH, PERCENT_50, Fault::Grpc(Code::Internal)),
        cell(FLUSH, PERCENT_50, Fault::LostAnswer),
    ];
    all(cells, |cell| cell.into(Method::ExactlyOnce).repeats_rows().check());
}
