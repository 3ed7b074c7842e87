//! Faults of Cloud Storage, while objects are written.

use flow_gcp_emulator::{Code, Fault, When};

use super::cell::{Cell, cell};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, slow, too_many, trickle};

/// An upload in one piece.
const WHOLE: &str = "storage.insert";
/// A session for an upload in pieces, and a piece.
const START: &str = "storage.resumable.start";
const PIECE: &str = "storage.resumable.put";

#[test]
fn objects_are_written_once_whatever_meets_their_uploads() {
    let cells = [
        cell(WHOLE, PERCENT_1, Fault::status(408)).repeats_objects(),
        cell(WHOLE, When::First(1), too_many()).repeats_objects(),
        cell(WHOLE, PERCENT_10, Fault::status(500)).repeats_objects(),
        cell(WHOLE, PERCENT_10, Fault::status(502)).repeats_objects(),
        cell(WHOLE, PERCENT_50, Fault::status(503)).repeats_objects(),
        cell(WHOLE, PERCENT_10, Fault::Html).repeats_objects(),
        cell(WHOLE, PERCENT_50, Fault::Html).repeats_objects(),
        cell(WHOLE, PERCENT_10, Fault::Reset).repeats_objects(),
        cell(WHOLE, PERCENT_10, Fault::CutAnswer).repeats_objects(),
        // Applied: what is repeated is answered with 412.
        cell(WHOLE, PERCENT_1, Fault::LostAnswer).repeats_objects(),
        cell(WHOLE, PERCENT_50, Fault::LostAnswer).repeats_objects(),
        cell(WHOLE, PERCENT_50, Fault::CutAnswer).repeats_objects(),
        // Not applied: there is no object.
        cell(WHOLE, PERCENT_10, Fault::status(412)),
        cell(WHOLE, PERCENT_50, slow()),
        cell(WHOLE, PERCENT_10, trickle()),
        cell(WHOLE, When::First(2), Fault::LostAnswer)
            .and("storage.GetObject", When::First(2), Fault::Grpc(Code::Unavailable))
            .repeats_objects(),
        cell("storage.ListObjects", When::First(3), Fault::Grpc(Code::Unavailable)),
    ];
    all(cells, Cell::check);
}

#[test]
fn large_objects_are_written_once_whatever_meets_their_pieces() {
    let cells = [
        cell(START, When::First(2), Fault::status(503)),
        cell(START, When::First(1), Fault::LostAnswer),
        cell(PIECE, When::First(1), Fault::status(408)),
        cell(PIECE, When::First(3), Fault::status(503)),
        cell(PIECE, When::First(2), Fault::Reset),
        cell(PIECE, When::First(2), Fault::LostAnswer),
        cell(PIECE, When::First(1), Fault::Html),
        cell("storage.resumable.put.chunk", When::First(1), Fault::Partial),
    ];
    all(cells, |cell| cell.large().check());
}
