//! Faults of `insertAll`, and of the calls that look for and make the table.

use flow_gcp_emulator::{Fault, When};

use super::cell::{Cell, Method, cell};
use super::{PERCENT_1, PERCENT_10, PERCENT_50, all, slow, too_many, trickle};

const INSERT: &str = "bigquery.insertAll";

#[test]
fn rows_are_inserted_once_whatever_meets_them() {
    let cells = [
        cell(INSERT, PERCENT_1, Fault::status(408)).repeats_rows(),
        cell(INSERT, When::First(1), too_many()).repeats_rows(),
        cell(INSERT, PERCENT_10, Fault::status(500)).repeats_rows(),
        cell(INSERT, PERCENT_10, Fault::status(502)).repeats_rows(),
        cell(INSERT, PERCENT_1, Fault::status(503)).repeats_rows(),
        cell(INSERT, PERCENT_50, Fault::status(503)).repeats_rows(),
        cell(INSERT, PERCENT_10, Fault::Html).repeats_rows(),
        cell(INSERT, PERCENT_50, Fault::Html).repeats_rows(),
        cell(INSERT, PERCENT_10, Fault::Reset).repeats_rows(),
        cell(INSERT, PERCENT_50, Fault::Reset).repeats_rows(),
        // Applied: the insert ids tell.
        cell(INSERT, PERCENT_10, Fault::CutAnswer).repeats_rows(),
        cell(INSERT, PERCENT_1, Fault::LostAnswer).repeats_rows(),
        cell(INSERT, PERCENT_50, Fault::LostAnswer).repeats_rows(),
        cell(INSERT, PERCENT_50, slow()),
        cell(INSERT, PERCENT_10, trickle()),
        cell("bigquery.insertAll.rows", PERCENT_1, Fault::RowErrors).refuses(),
        cell("bigquery.insertAll.rows", PERCENT_10, Fault::RowErrors).refuses(),
        cell("bigquery.insertAll.rows", PERCENT_50, Fault::RowErrors).refuses(),
    ];
    all(cells, |cell| cell.into(Method::Inserts).check());
}

#[test]
fn a_table_is_made_once_whatever_meets_the_calls() {
    let cells = [
        cell("bigquery.tables.get", When::First(3), Fault::Html),
        cell("bigquery.tables.get", When::First(1), too_many()),
        cell("bigquery.tables.insert", When::First(2), Fault::status(503)),
        // Applied: what is repeated is answered with 409.
        cell("bigquery.tables.insert", When::First(1), Fault::LostAnswer),
        cell("bigquery.tables.insert", When::First(1), Fault::CutAnswer),
        cell(INSERT, When::First(1), slow()).hidden(4).repeats_rows(),
    ];
    all(cells, Cell::check);
}
