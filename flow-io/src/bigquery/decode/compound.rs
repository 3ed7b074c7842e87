//! Records and arrays.

use std::iter::Zip;
use std::{slice, vec};

use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess};
use serde_json::Value;

use super::cell::Cell;
use crate::bigquery::encode::RowError;
use crate::bigquery::{Field, FieldType};

/// The columns of a record or row that are still to be read.
pub(super) struct Columns<'a> {
    left: Zip<slice::Iter<'a, Field>, vec::IntoIter<&'a Value>>,
    /// The column whose name was read last.
    next: Option<(&'a Field, &'a Value)>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(fields: &'a [Field], cells: Vec<&'a Value>) -> Result<Self, RowError> {
        if fields.len() != cells.len() {
            let (given, wanted) = (cells.len(), fields.len());
            return Err(RowError::custom(format_args!(
                "the service gave {given} values for {wanted} columns"
            )));
        }
        Ok(Columns { left: fields.iter().zip(cells), next: None })
    }

    /// Of `{"f": [{"v": ..}, ..]}`.
    pub(super) fn read(fields: &'a [Field], record: &'a Value) -> Result<Self, RowError> {
        let Some(Value::Array(cells)) = record.get("f") else {
            return Err(RowError::custom("the service gave no record"));
        };
        Columns::new(fields, cells.iter().map(unwrap).collect())
    }

    /// Names and values, without those that are NULL.
    pub(super) fn entries(self) -> Result<Vec<(&'a str, Cell<'a>)>, RowError> {
        let filled = self.left.filter(|(_, value)| !value.is_null());
        filled.map(|(field, value)| Ok((field.name.as_str(), Cell::of(field, value)?))).collect()
    }
}

/// The value in `{"v": ..}`.
fn unwrap(cell: &Value) -> &Value {
    cell.get("v").unwrap_or(&Value::Null)
}

impl<'de> MapAccess<'de> for Columns<'_> {
    type Error = RowError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, RowError> {
        self.next = self.left.next();
        let name = self.next.as_ref().map(|(field, _)| field.name.as_str());
        name.map(|name| seed.deserialize(IntoDeserializer::<RowError>::into_deserializer(name))).transpose()
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, RowError> {
        let (field, value) = self.next.take().expect("a name is read before its value");
        let read = Cell::of(field, value).and_then(|cell| seed.deserialize(cell));
        read.map_err(|error| error.within(&field.name))
    }
    fn size_hint(&self) -> Option<usize> {
        self.left.size_hint().1
    }
}

/// The items of an array that are still to be read.
pub(super) struct Items<'a> {
    kind: &'a FieldType,
    left: slice::Iter<'a, Value>,
    at: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(kind: &'a FieldType, items: &'a [Value]) -> Self {
        Items { kind, left: items.iter(), at: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = RowError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, RowError> {
        let Some(item) = self.left.next() else { return Ok(None) };
        let read = Cell::single(self.kind, unwrap(item)).and_then(|cell| seed.deserialize(cell));
        let read = read.map_err(|error| error.at(self.at))?;
        self.at += 1;
        Ok(Some(read))
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}
