//! What both forms of rows share on the way: where a value is, and what it becomes.

use jiff::civil::{Date, DateTime, Time};

use super::plan::Slot;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the row.
    Row,
    /// It is in a column.
    Column,
    /// It is in an array.
    Item,
}

/// A form of rows. Values come in their column's type, checked.
pub(super) trait Form {
    /// Before everything else of a value.
    fn open(&mut self, slot: &Slot, place: Place);
    fn null(&mut self);

    fn begin_list(&mut self);
    fn end_list(&mut self);
    /// Gives what `end_record` wants to have.
    fn begin_record(&mut self, slot: &Slot, place: Place) -> usize;
    fn end_record(&mut self, start: usize, place: Place);

    fn int(&mut self, slot: &Slot, value: i64);
    fn float(&mut self, slot: &Slot, value: f64);
    fn bool(&mut self, slot: &Slot, value: bool);
    /// STRING, GEOGRAPHY, and decimals.
    fn text(&mut self, slot: &Slot, value: &str);
    fn bytes(&mut self, slot: &Slot, value: &[u8]);
    /// In microseconds, of the years 1 to 9999.
    fn timestamp(&mut self, slot: &Slot, micros: i64);
    fn date(&mut self, slot: &Slot, value: Date);
    fn time(&mut self, slot: &Slot, value: Time);
    fn datetime(&mut self, slot: &Slot, value: DateTime);
    /// JSON, as its text.
    fn json(&mut self, slot: &Slot, value: &str);
}

/// What a row needs on its way into a form.
#[derive(Debug)]
pub(super) struct Guide<F> {
    pub(super) form: F,
    /// Values that have no column are left out, and not refused.
    pub(super) ignore_unknown: bool,
    /// The row may lack REQUIRED columns, as one does that says what to delete.
    pub(super) partial: bool,
    /// For text that is not at hand as one, over and over.
    pub(super) scratch: String,
}

impl<F> Guide<F> {
    pub(super) fn new(form: F, ignore_unknown: bool) -> Self {
        Guide { form, ignore_unknown, partial: false, scratch: String::new() }
    }
}
