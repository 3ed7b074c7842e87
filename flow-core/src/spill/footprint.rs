//! About how much memory a value takes, with what it points to.
//!
//! There is no way to ask a value for it, but one that is serialized shows what it is made of. Its encoding alone would tell
//! too little: a small number takes one byte there, and eight in memory.

use std::cell::Cell;
use std::fmt;
use std::mem::size_of;

use serde::ser::{self, Serialize, Serializer};

thread_local! {
    static ESTIMATING: Cell<bool> = const { Cell::new(false) };
}

/// About how many bytes of memory a value takes, with what it points to.
pub(crate) fn footprint<T: Serialize>(value: &T) -> usize {
    let mut sum = Sum(0);
    // A value that does not serialize takes what was seen of it.
    let _ = without_scratch(|| value.serialize(&mut sum));
    sum.0.max(size_of::<T>())
}

/// Serializes something only to see how large it is: groups in scratch, which take no memory, show nothing then.
pub(crate) fn without_scratch<R>(body: impl FnOnce() -> R) -> R {
    let _restored = Restore(ESTIMATING.replace(true));
    body()
}

/// Also when the body panics.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        ESTIMATING.set(self.0);
    }
}

/// Whether this is [`without_scratch`].
pub(crate) fn is_estimating() -> bool {
    ESTIMATING.get()
}

/// What the allocator adds to each piece of memory, and the place that points to it.
const POINTED_TO: usize = size_of::<Vec<u8>>() + 16;

struct Sum(usize);

type Seen = Result<(), fmt::Error>;

macro_rules! plain {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Seen {
            self.0 += size_of::<$type>();
            Ok(())
        })*
    };
}

impl<'a> Serializer for &'a mut Sum {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char
    );

    fn serialize_str(self, text: &str) -> Seen {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Seen {
        self.0 += POINTED_TO + bytes.len();
        Ok(())
    }

    fn serialize_none(self) -> Seen {
        self.0 += size_of::<usize>();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Seen {
        self.0 += size_of::<usize>();
        value.serialize(self)
    }

    fn serialize_unit(self) -> Seen {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Seen {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Seen {
        self.0 += 1;
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Seen {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Seen {
        self.0 += size_of::<usize>();
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<&'a mut Sum, fmt::Error> {
        self.0 += POINTED_TO;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<&'a mut Sum, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<&'a mut Sum, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<&'a mut Sum, fmt::Error> {
        self.0 += size_of::<usize>();
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<&'a mut Sum, fmt::Error> {
        self.0 += POINTED_TO;
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<&'a mut Sum, fmt::Error> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<&'a mut Sum, fmt::Error> {
        self.0 += size_of::<usize>();
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, text: &T) -> Seen {
        self.serialize_str(&text.to_string())
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($trait:ident::$method:ident($($name:ty),*)),*) => {
        $(impl ser::$trait for &mut Sum {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)* value: &T) -> Seen {
                value.serialize(&mut **self)
            }

            fn end(self) -> Seen {
                Ok(())
            }
        })*
    };
}

parts!(
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str)
);

impl ser::SerializeMap for &mut Sum {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Seen {
        self.0 += size_of::<usize>();
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Seen {
        value.serialize(&mut **self)
    }

    fn end(self) -> Seen {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_what_they_are_and_texts_what_they_point_to() {
        assert_eq!(footprint(&7_u64), 8);
        assert_eq!(footprint(&(1_u8, 7_u64)), 16);
        assert_eq!(footprint(&"word".to_string()), 44);
        assert_eq!(footprint(&vec![1_u32; 100]), 440);
        assert_eq!(footprint(&Some("word".to_string())), 52);
    }
}
