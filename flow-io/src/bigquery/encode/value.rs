//! One value on its way into its column.

use std::fmt::Write as _;

use serde::ser::{Serialize, Serializer};

use super::RowError;
use super::error::Fact;
use super::form;
use super::guide::{Form, Guide, Place};
use super::plan::Slot;
use super::record::{List, NoVariant, Record};
use crate::bigquery::{FieldType, Mode};

/// A value of a column, of an item of its array, or the row itself.
pub(super) struct Value<'g, 'p, F> {
    guide: &'g mut Guide<F>,
    slot: &'p Slot,
    place: Place,
}

impl<'g, 'p, F: Form> Value<'g, 'p, F> {
    pub(super) fn new(guide: &'g mut Guide<F>, slot: &'p Slot, place: Place) -> Self {
        Value { guide, slot, place }
    }

    /// The only way in: JSON columns take any value as it is, and so never come to the methods of the serializer.
    #[inline]
    pub(super) fn put<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RowError> {
        if self.slot.kind == FieldType::Json && !self.wants_array() {
            return self.json(value);
        }
        value.serialize(self)
    }

    fn wants_array(&self) -> bool {
        self.slot.mode == Mode::Repeated && self.place == Place::Column
    }

    fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RowError> {
        let mut text = std::mem::take(&mut self.guide.scratch).into_bytes();
        text.clear();
        serde_json::to_writer(&mut text, value)
            .map_err(|error| RowError::new(Fact::Other(error.to_string())))?;
        let text = String::from_utf8(text).expect("serde_json writes UTF-8");
        self.guide.form.open(self.slot, self.place);
        if text == "null" && self.place == Place::Column && self.slot.mode == Mode::Nullable {
            self.guide.form.null();
        } else {
            self.guide.form.json(self.slot, &text);
        }
        self.guide.scratch = text;
        Ok(())
    }

    /// Where a single value is to be written.
    #[inline]
    fn single(self, got: &'static str) -> Result<(&'g mut F, &'p Slot), RowError> {
        if self.wants_array() {
            return self.wrong(got);
        }
        self.guide.form.open(self.slot, self.place);
        Ok((&mut self.guide.form, self.slot))
    }

    fn wrong<T>(self, got: &'static str) -> Result<T, RowError> {
        let wanted = match self.place {
            Place::Row => "a row, for which a struct or a map is wanted",
            Place::Column if self.slot.mode == Mode::Repeated => "REPEATED: wanted an array",
            _ => self.slot.kind.name(),
        };
        Err(RowError::new(Fact::Sort { got, wanted }))
    }

    fn int(self, value: i64) -> Result<(), RowError> {
        match self.slot.kind {
            FieldType::Int64 => self.single("a number").map(|(form, slot)| form.int(slot, value)),
            FieldType::Float64 => self.single("a number").map(|(form, slot)| form.float(slot, value as f64)),
            FieldType::Timestamp => {
                let micros = form::moment(value)?;
                self.single("a number").map(|(form, slot)| form.timestamp(slot, micros))
            }
            FieldType::Numeric | FieldType::BigNumeric => self.shown(&value),
            _ => self.wrong("a number"),
        }
    }

    /// Integers that may be too large for INT64.
    fn wide(self, value: i128) -> Result<(), RowError> {
        match self.slot.kind {
            FieldType::Float64 => self.single("a number").map(|(form, slot)| form.float(slot, value as f64)),
            FieldType::Numeric | FieldType::BigNumeric => self.shown(&value),
            _ => match i64::try_from(value) {
                Ok(value) => self.int(value),
                Err(_) => Err(RowError::range(&self.slot.kind)),
            },
        }
    }

    fn float(self, value: f64) -> Result<(), RowError> {
        match &self.slot.kind {
            FieldType::Float64 => self.single("a float").map(|(form, slot)| form.float(slot, value)),
            kind @ (FieldType::Numeric | FieldType::BigNumeric) => {
                let text = form::decimal_of(value, kind)?;
                self.single("a float").map(|(form, slot)| form.text(slot, &text))
            }
            _ => self.wrong("a float"),
        }
    }

    fn bool(self, value: bool) -> Result<(), RowError> {
        match self.slot.kind {
            FieldType::Bool => self.single("a bool").map(|(form, slot)| form.bool(slot, value)),
            _ => self.wrong("a bool"),
        }
    }

    fn text(self, text: &str) -> Result<(), RowError> {
        if self.wants_array() {
            return self.wrong("text");
        }
        let no = || RowError::text(text, &self.slot.kind);
        match &self.slot.kind {
            FieldType::String | FieldType::Geography => {
                self.single("text").map(|(f, slot)| f.text(slot, text))
            }
            FieldType::Timestamp => {
                let micros = form::timestamp(text)?;
                self.single("text").map(|(form, slot)| form.timestamp(slot, micros))
            }
            FieldType::Date => {
                let date = form::date(text)?;
                self.single("text").map(|(form, slot)| form.date(slot, date))
            }
            FieldType::Time => {
                let time = form::time(text)?;
                self.single("text").map(|(form, slot)| form.time(slot, time))
            }
            FieldType::DateTime => {
                let datetime = form::datetime(text)?;
                self.single("text").map(|(form, slot)| form.datetime(slot, datetime))
            }
            kind @ (FieldType::Numeric | FieldType::BigNumeric) => {
                form::decimal(text, kind)?;
                self.single("text").map(|(form, slot)| form.text(slot, text))
            }
            FieldType::Int64 => {
                let value = text.parse().map_err(|_| no())?;
                self.single("text").map(|(form, slot)| form.int(slot, value))
            }
            FieldType::Float64 => {
                let value = form::float(text)?;
                self.single("text").map(|(form, slot)| form.float(slot, value))
            }
            FieldType::Bool => {
                let value = text.parse().map_err(|_| no())?;
                self.single("text").map(|(form, slot)| form.bool(slot, value))
            }
            FieldType::Bytes => {
                let bytes = form::base64(text)?;
                self.single("text").map(|(form, slot)| form.bytes(slot, &bytes))
            }
            FieldType::Json | FieldType::Record(_) => self.wrong("text"),
        }
    }

    /// Text that is not at hand as one.
    fn shown<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), RowError> {
        let mut text = std::mem::take(&mut self.guide.scratch);
        text.clear();
        let written = write!(text, "{value}");
        written.map_err(|_| RowError::new(Fact::Other("its text cannot be written".to_owned())))?;
        let Value { guide, slot, place } = self;
        let done = Value::new(guide, slot, place).text(&text);
        guide.scratch = text;
        done
    }

    fn null(self) -> Result<(), RowError> {
        match (self.place, self.slot.mode) {
            (Place::Row, _) => self.wrong("NULL"),
            (Place::Item, _) => Err(RowError::new(Fact::NullItem)),
            (Place::Column, Mode::Required) => Err(RowError::new(Fact::Null)),
            // An array that is missing is empty.
            (Place::Column, Mode::Repeated) => Ok(()),
            (Place::Column, Mode::Nullable) => {
                self.guide.form.open(self.slot, self.place);
                self.guide.form.null();
                Ok(())
            }
        }
    }

    fn record(self, got: &'static str) -> Result<Record<'g, 'p, F>, RowError> {
        if self.wants_array() || !matches!(self.slot.kind, FieldType::Record(_)) {
            return self.wrong(got);
        }
        Ok(Record::begin(self.guide, self.slot, self.place))
    }

    fn list(self, len: Option<usize>) -> Result<List<'g, 'p, F>, RowError> {
        if self.wants_array() {
            return Ok(List::array(self.guide, self.slot));
        }
        match self.slot.kind {
            FieldType::Bytes => Ok(List::bytes(self.guide, self.slot, self.place, len)),
            _ => self.wrong("an array"),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $of:ty => $with:ident),+) => {
        $(#[inline]
        fn $method(self, value: $of) -> Result<(), RowError> {
            self.$with(value.into())
        })+
    };
}

impl<'g, 'p, F: Form> Serializer for Value<'g, 'p, F> {
    type Ok = ();
    type Error = RowError;
    type SerializeSeq = List<'g, 'p, F>;
    type SerializeTuple = List<'g, 'p, F>;
    type SerializeTupleStruct = List<'g, 'p, F>;
    type SerializeTupleVariant = NoVariant;
    type SerializeMap = Record<'g, 'p, F>;
    type SerializeStruct = Record<'g, 'p, F>;
    type SerializeStructVariant = NoVariant;

    numbers!(
        serialize_i8 i8 => int, serialize_i16 i16 => int, serialize_i32 i32 => int, serialize_i64 i64 => int,
        serialize_u8 u8 => int, serialize_u16 u16 => int, serialize_u32 u32 => int, serialize_u64 u64 => wide,
        serialize_i128 i128 => wide, serialize_f32 f32 => float, serialize_f64 f64 => float
    );

    fn serialize_u128(self, value: u128) -> Result<(), RowError> {
        match i128::try_from(value) {
            Ok(value) => self.wide(value),
            Err(_) => Err(RowError::range(&self.slot.kind)),
        }
    }
    fn serialize_bool(self, value: bool) -> Result<(), RowError> {
        self.bool(value)
    }
    fn serialize_char(self, value: char) -> Result<(), RowError> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }
    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), RowError> {
        self.text(text)
    }
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), RowError> {
        self.shown(value)
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), RowError> {
        match self.slot.kind {
            FieldType::Bytes => self.single("bytes").map(|(form, slot)| form.bytes(slot, bytes)),
            _ => self.wrong("bytes"),
        }
    }
    fn serialize_none(self) -> Result<(), RowError> {
        self.null()
    }
    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RowError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), RowError> {
        self.null()
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), RowError> {
        self.null()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), RowError> {
        self.text(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), RowError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), RowError> {
        let mut record = self.record("a variant with a value")?;
        record.entry(variant, value)?;
        record.finish()
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<List<'g, 'p, F>, RowError> {
        self.list(len)
    }
    fn serialize_tuple(self, len: usize) -> Result<List<'g, 'p, F>, RowError> {
        self.list(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List<'g, 'p, F>, RowError> {
        self.list(Some(len))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Record<'g, 'p, F>, RowError> {
        self.record("a map")
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Record<'g, 'p, F>, RowError> {
        self.record("a struct")
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<NoVariant, RowError> {
        Err(RowError::new(Fact::Variant))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<NoVariant, RowError> {
        Err(RowError::new(Fact::Variant))
    }
}
