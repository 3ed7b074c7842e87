//! The items of a list that is bytes.

use serde::ser::{Impossible, Serialize, Serializer};

use super::RowError;
use super::error::Fact;

/// Takes integers of a byte.
pub(super) struct Byte;

macro_rules! integers {
    ($($method:ident $of:ty),+) => {
        $(fn $method(self, value: $of) -> Result<u8, RowError> {
            u8::try_from(value).map_err(|_| wrong("an integer above 255 or below 0"))
        })+
    };
}

macro_rules! refused {
    ($($method:ident($($of:ty),*) $got:literal),+) => {
        $(fn $method(self, $(_: $of),*) -> Result<u8, RowError> {
            Err(wrong($got))
        })+
    };
}

macro_rules! refused_compound {
    ($($method:ident($($of:ty),*) -> $compound:ident),+) => {
        $(fn $method(self, $(_: $of),*) -> Result<Self::$compound, RowError> {
            Err(wrong("a compound"))
        })+
    };
}

fn wrong(got: &'static str) -> RowError {
    RowError::new(Fact::Sort { got, wanted: "BYTES, of which this is an item" })
}

impl Serializer for Byte {
    type Ok = u8;
    type Error = RowError;
    type SerializeSeq = Impossible<u8, RowError>;
    type SerializeTuple = Impossible<u8, RowError>;
    type SerializeTupleStruct = Impossible<u8, RowError>;
    type SerializeTupleVariant = Impossible<u8, RowError>;
    type SerializeMap = Impossible<u8, RowError>;
    type SerializeStruct = Impossible<u8, RowError>;
    type SerializeStructVariant = Impossible<u8, RowError>;

    fn serialize_u8(self, value: u8) -> Result<u8, RowError> {
        Ok(value)
    }

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64
    );
    refused!(
        serialize_bool(bool) "a bool", serialize_f32(f32) "a float", serialize_f64(f64) "a float",
        serialize_char(char) "text", serialize_str(&str) "text", serialize_bytes(&[u8]) "bytes",
        serialize_none() "NULL", serialize_unit() "NULL", serialize_unit_struct(&'static str) "NULL",
        serialize_unit_variant(&'static str, u32, &'static str) "text"
    );
    refused_compound!(
        serialize_seq(Option<usize>) -> SerializeSeq,
        serialize_tuple(usize) -> SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant,
        serialize_map(Option<usize>) -> SerializeMap,
        serialize_struct(&'static str, usize) -> SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant
    );

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u8, RowError> {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u8, RowError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8, RowError> {
        Err(wrong("a compound"))
    }
}
