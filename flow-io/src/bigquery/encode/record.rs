//! Structs, maps and lists on their way into a row.

use std::fmt::{self, Display, Write as _};

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
};

use super::RowError;
use super::byte::Byte;
use super::error::Fact;
use super::guide::{Form, Guide, Place};
use super::plan::{Plan, Seen, Slot};
use super::value::Value;

/// A struct or map, whose entries go into columns.
pub(super) struct Record<'g, 'p, F> {
    guide: &'g mut Guide<F>,
    plan: &'p Plan,
    place: Place,
    /// What the form wants to have at the end.
    start: usize,
    seen: Seen,
    /// Where the next entry's column probably is.
    next: usize,
    /// The last key of a map.
    key: String,
}

impl<'g, 'p, F: Form> Record<'g, 'p, F> {
    pub(super) fn begin(guide: &'g mut Guide<F>, slot: &'p Slot, place: Place) -> Self {
        guide.form.open(slot, place);
        let start = guide.form.begin_record(slot, place);
        Record { guide, plan: &slot.inner, place, start, seen: Seen::default(), next: 0, key: String::new() }
    }

    pub(super) fn entry<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), RowError> {
        let Some(at) = self.plan.find(name, self.next) else {
            let unknown = || Err(RowError::new(Fact::Unknown).within(name));
            return if self.guide.ignore_unknown { Ok(()) } else { unknown() };
        };
        let slot = &self.plan.slots[at];
        self.next = at + 1;
        if !self.seen.mark(at) {
            return Err(RowError::new(Fact::Twice).within(name));
        }
        Value::new(self.guide, slot, Place::Column).put(value).map_err(|error| error.within(&slot.name))
    }

    pub(super) fn finish(self) -> Result<(), RowError> {
        let partial = self.guide.partial && self.place == Place::Row;
        if let Some(slot) = self.plan.missing(&self.seen).filter(|_| !partial) {
            return Err(RowError::new(Fact::Missing).within(&slot.name));
        }
        self.guide.form.end_record(self.start, self.place);
        Ok(())
    }
}

impl<F: Form> SerializeStruct for Record<'_, '_, F> {
    type Ok = ();
    type Error = RowError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), RowError> {
        self.entry(name, value)
    }
    fn end(self) -> Result<(), RowError> {
        self.finish()
    }
}

impl<F: Form> SerializeMap for Record<'_, '_, F> {
    type Ok = ();
    type Error = RowError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), RowError> {
        self.key.clear();
        let not_text =
            |_| RowError::new(Fact::Other("the keys of a map must be text to be columns".to_owned()));
        write!(self.key, "{}", Shown(key)).map_err(not_text)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RowError> {
        let key = std::mem::take(&mut self.key);
        let done = self.entry(&key, value);
        self.key = key;
        done
    }
    fn end(self) -> Result<(), RowError> {
        self.finish()
    }
}

/// What serde writes as one piece of text.
struct Shown<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

/// A list: an array, or bytes.
pub(super) struct List<'g, 'p, F> {
    guide: &'g mut Guide<F>,
    slot: &'p Slot,
    place: Place,
    items: usize,
    /// `None` for an array.
    bytes: Option<Vec<u8>>,
}

impl<'g, 'p, F: Form> List<'g, 'p, F> {
    pub(super) fn array(guide: &'g mut Guide<F>, slot: &'p Slot) -> Self {
        guide.form.open(slot, Place::Column);
        guide.form.begin_list();
        List { guide, slot, place: Place::Column, items: 0, bytes: None }
    }

    pub(super) fn bytes(guide: &'g mut Guide<F>, slot: &'p Slot, place: Place, len: Option<usize>) -> Self {
        // A length that is wrong must not take all memory.
        let bytes = Some(Vec::with_capacity(len.unwrap_or(0).min(64 << 10)));
        List { guide, slot, place, items: 0, bytes }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RowError> {
        let done = match &mut self.bytes {
            Some(bytes) => value.serialize(Byte).map(|byte| bytes.push(byte)),
            None => Value::new(self.guide, self.slot, Place::Item).put(value),
        };
        done.map_err(|error| error.at(self.items))?;
        self.items += 1;
        Ok(())
    }

    fn finish(self) {
        match self.bytes {
            Some(bytes) => {
                self.guide.form.open(self.slot, self.place);
                self.guide.form.bytes(self.slot, &bytes);
            }
            None => self.guide.form.end_list(),
        }
    }
}

macro_rules! list {
    ($($like:ident $method:ident),+) => {
        $(impl<F: Form> $like for List<'_, '_, F> {
            type Ok = ();
            type Error = RowError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RowError> {
                self.item(value)
            }
            fn end(self) -> Result<(), RowError> {
                self.finish();
                Ok(())
            }
        })+
    };
}

list!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field);

/// Variants of several values have no column.
pub(super) type NoVariant = Impossible<(), RowError>;
