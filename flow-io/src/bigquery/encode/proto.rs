//! Rows in protobuf, for the Storage Write API.

use jiff::civil::{Date, DateTime, Time};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use prost_types::DescriptorProto;
use serde::Serialize;

use super::guide::{Form, Guide, Place};
use super::plan::{Plan, Slot};
use super::value::Value;
use super::{RowError, form, message};
use crate::bigquery::{Schema, SchemaError};

/// What a row does to the row of the table with the same primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    /// Takes its place, or is new.
    Upsert,
    /// Removes it. Only the columns of the key are looked at; others may be missing, if they are not NULL explicitly.
    Delete,
}

impl ChangeType {
    /// Its name in the pseudo column `_CHANGE_TYPE`.
    pub fn name(self) -> &'static str {
        match self {
            ChangeType::Upsert => "UPSERT",
            ChangeType::Delete => "DELETE",
        }
    }
}

/// Writes rows of a table as messages of protobuf.
///
/// The message has a field for each column, of its name, numbered from 1 in their order. Moments are microseconds, days
/// are days since the epoch, and what else protobuf has no type for is text.
///
/// ```
/// use flow_io::bigquery::Schema;
/// use flow_io::bigquery::encode::ProtoRows;
///
/// let rows = ProtoRows::new(&Schema::parse("id:STRING, n:INT64")?, false)?;
/// let mut message = Vec::new();
/// rows.encode(&serde_json::json!({"id": "a", "n": 300}), None, &mut message)?;
/// assert_eq!(message, b"\x0a\x01a\x10\xac\x02");
/// assert_eq!(rows.descriptor().field[1].name(), "n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProtoRows {
    row: Slot,
    descriptor: DescriptorProto,
    /// The number of the pseudo column.
    change_type: u32,
    ignore_unknown: bool,
}

impl ProtoRows {
    /// For a table of this schema. With `change_type`, rows may say what they do to the row with the same key.
    ///
    /// # Errors
    /// If a column of a table that exists has a name that messages cannot have.
    pub fn new(schema: &Schema, change_type: bool) -> Result<Self, SchemaError> {
        let descriptor = message::descriptor(schema.fields(), change_type)?;
        let number = schema.fields().len() as u32 + 1;
        let row = Slot::row(Plan::of(schema.fields()));
        Ok(ProtoRows { row, descriptor, change_type: number, ignore_unknown: false })
    }

    /// Whether values that have no column are left out, and not refused.
    #[must_use]
    pub fn ignore_unknown(self, ignore_unknown: bool) -> Self {
        ProtoRows { ignore_unknown, ..self }
    }

    /// The message, with those of its records within. It is of proto2.
    pub fn descriptor(&self) -> &DescriptorProto {
        &self.descriptor
    }

    /// Adds a row to the buffer, without its length.
    ///
    /// A change is only for rows made with `change_type`; the service refuses it otherwise.
    ///
    /// # Errors
    /// If the row does not fit the table. The buffer is then as before.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        row: &T,
        change: Option<ChangeType>,
        to: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let before = to.len();
        let mut guide = Guide::new(Message(to), self.ignore_unknown);
        guide.partial = change == Some(ChangeType::Delete);
        let done = Value::new(&mut guide, &self.row, Place::Row).put(row);
        if done.is_err() {
            to.truncate(before);
        } else if let Some(change) = change {
            delimited(self.change_type, change.name().as_bytes(), to);
        }
        done
    }
}

/// The wire's bytes of a message.
struct Message<'a>(&'a mut Vec<u8>);

impl Message<'_> {
    fn varint(&mut self, slot: &Slot, value: i64) {
        encode_key(slot.number, WireType::Varint, self.0);
        encode_varint(value as u64, self.0);
    }

    /// Text whose length shows when it is written; less than 128 bytes.
    fn short(&mut self, slot: &Slot, text: std::fmt::Arguments<'_>) {
        encode_key(slot.number, WireType::LengthDelimited, self.0);
        let start = begin(self.0);
        std::io::Write::write_fmt(self.0, text).expect("a vector takes all bytes");
        end(start, self.0);
    }
}

fn delimited(number: u32, bytes: &[u8], to: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, to);
    encode_varint(bytes.len() as u64, to);
    to.extend_from_slice(bytes);
}

/// Leaves room for a length of one byte, as most are.
fn begin(to: &mut Vec<u8>) -> usize {
    to.push(0);
    to.len()
}

/// Writes the length of what begins at `start` in front of it, and makes room where it needs more.
fn end(start: usize, to: &mut Vec<u8>) {
    let len = to.len() - start;
    let more = encoded_len_varint(len as u64) - 1;
    if more > 0 {
        to.resize(to.len() + more, 0);
        to.copy_within(start..start + len, start + more);
    }
    encode_varint(len as u64, &mut &mut to[start - 1..start + more]);
}

impl Form for Message<'_> {
    fn open(&mut self, _: &Slot, _: Place) {}
    fn null(&mut self) {}
    fn begin_list(&mut self) {}
    fn end_list(&mut self) {}
    fn begin_record(&mut self, slot: &Slot, place: Place) -> usize {
        if place == Place::Row {
            return 0;
        }
        encode_key(slot.number, WireType::LengthDelimited, self.0);
        begin(self.0)
    }
    fn end_record(&mut self, start: usize, place: Place) {
        if place != Place::Row {
            end(start, self.0);
        }
    }
    fn int(&mut self, slot: &Slot, value: i64) {
        self.varint(slot, value);
    }
    fn float(&mut self, slot: &Slot, value: f64) {
        encode_key(slot.number, WireType::SixtyFourBit, self.0);
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn bool(&mut self, slot: &Slot, value: bool) {
        self.varint(slot, value.into());
    }
    fn text(&mut self, slot: &Slot, value: &str) {
        delimited(slot.number, value.as_bytes(), self.0);
    }
    fn bytes(&mut self, slot: &Slot, value: &[u8]) {
        delimited(slot.number, value, self.0);
    }
    fn timestamp(&mut self, slot: &Slot, micros: i64) {
        self.varint(slot, micros);
    }
    fn date(&mut self, slot: &Slot, value: Date) {
        self.varint(slot, form::days(value));
    }
    fn time(&mut self, slot: &Slot, value: Time) {
        self.short(slot, format_args!("{value}"));
    }
    fn datetime(&mut self, slot: &Slot, value: DateTime) {
        self.short(slot, format_args!("{value}"));
    }
    fn json(&mut self, slot: &Slot, value: &str) {
        self.text(slot, value);
    }
}
