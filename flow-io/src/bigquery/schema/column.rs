//! Rust's types as types of columns.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
};
use std::rc::Rc;
use std::sync::Arc;

use super::{FieldType, Mode};

/// A type that a field of a row may have.
///
/// | Rust | column |
/// | --- | --- |
/// | `String`, `&str`, `char`, IP addresses | STRING |
/// | `bool`, integers, floats | BOOL, INT64, FLOAT64 |
/// | [`flow_core::Timestamp`], [`jiff::Timestamp`] | TIMESTAMP |
/// | [`jiff::civil`]'s `Date`, `Time`, `DateTime` | DATE, TIME, DATETIME |
/// | `serde_json::Value` | JSON |
/// | `Vec<u8>`, `bytes::Bytes` | BYTES |
/// | a struct with [`TableRow`](super::TableRow) | RECORD |
/// | `Option<T>` | the same, NULLABLE |
/// | `Vec<T>`, arrays, sets | the same, REPEATED |
/// | `Box<T>`, `Arc<T>` | the same |
///
/// All other types say their column in the row: `#[bigquery(type = "NUMERIC")]`. What has no column does not compile:
///
/// ```compile_fail,E0277
/// # use flow_io::bigquery::TableRow;
/// #[derive(TableRow)]
/// struct Order { status: Status } // #[bigquery(type = "STRING")] is missing
/// enum Status { Placed, Shipped }
/// ```
///
/// Nor does an array of arrays or of what may be NULL, which BigQuery does not know:
///
/// ```compile_fail,E0080
/// # use flow_io::bigquery::{Schema, TableRow};
/// #[derive(TableRow)]
/// struct Matrix { rows: Vec<Vec<f64>> }
/// Schema::of::<Matrix>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no type of a BigQuery column",
    label = "no column holds this",
    note = "say the column's type with #[bigquery(type = \"STRING\")] at the field, as for an enum or a decimal",
    note = "or derive TableRow for a struct that is to become a RECORD, or leave the field out with #[serde(skip)]"
)]
pub trait Column {
    /// Whether it may be NULL, or is an array.
    const MODE: Mode = Mode::Required;

    /// What its values are.
    fn kind() -> FieldType;

    /// Whether a list of it may be NULL, or is an array: a list of `u8` is neither, but bytes.
    #[doc(hidden)]
    const LIST_MODE: Mode = Mode::Repeated;

    /// What the values of a list of it are.
    #[doc(hidden)]
    fn list_kind() -> FieldType {
        const {
            assert!(
                matches!(Self::MODE, Mode::Required),
                "an array in BigQuery holds neither arrays nor NULL: give the items a struct with TableRow"
            );
        }
        Self::kind()
    }
}

macro_rules! columns {
    ($($kind:ident: $($of:ty),+;)+) => {
        $($(impl Column for $of {
            fn kind() -> FieldType {
                FieldType::$kind
            }
        })+)+
    };
}

columns! {
    String: String, str, char, IpAddr, Ipv4Addr, Ipv6Addr;
    Int64: i8, i16, i32, i64, isize, u16, u32, u64, usize;
    Int64: NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64;
    Float64: f32, f64;
    Bool: bool;
    Timestamp: flow_core::Timestamp, jiff::Timestamp;
    Date: jiff::civil::Date;
    Time: jiff::civil::Time;
    DateTime: jiff::civil::DateTime;
    Json: serde_json::Value, serde_json::Map<String, serde_json::Value>;
    Bytes: bytes::Bytes;
}

impl Column for u8 {
    const LIST_MODE: Mode = Mode::Required;

    fn kind() -> FieldType {
        FieldType::Int64
    }
    fn list_kind() -> FieldType {
        FieldType::Bytes
    }
}

impl<T: Column> Column for Option<T> {
    const MODE: Mode = T::MODE.optional();

    fn kind() -> FieldType {
        T::kind()
    }
}

macro_rules! lists {
    ($($of:ty),+) => {
        $(impl<T: Column> Column for $of {
            const MODE: Mode = T::LIST_MODE;

            fn kind() -> FieldType {
                T::list_kind()
            }
        })+
    };
}

lists!(Vec<T>, [T], VecDeque<T>, BTreeSet<T>);

impl<T: Column, const N: usize> Column for [T; N] {
    const MODE: Mode = T::LIST_MODE;

    fn kind() -> FieldType {
        T::list_kind()
    }
}

macro_rules! same {
    ($($of:ty),+) => {
        $(impl<T: Column + ?Sized> Column for $of {
            const MODE: Mode = T::MODE;
            const LIST_MODE: Mode = T::LIST_MODE;

            fn kind() -> FieldType {
                T::kind()
            }
            fn list_kind() -> FieldType {
                T::list_kind()
            }
        })+
    };
}

same!(&T, Box<T>, Arc<T>, Rc<T>);

impl<T: Column + ToOwned + ?Sized> Column for Cow<'_, T> {
    const MODE: Mode = T::MODE;

    fn kind() -> FieldType {
        T::kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column<T: Column>() -> (FieldType, Mode) {
        (T::kind(), T::MODE)
    }

    #[test]
    fn a_plain_type_is_required() {
        assert_eq!(column::<String>(), (FieldType::String, Mode::Required));
        assert_eq!(column::<&str>(), (FieldType::String, Mode::Required));
        assert_eq!(column::<Cow<'_, str>>(), (FieldType::String, Mode::Required));
        assert_eq!(column::<u8>(), (FieldType::Int64, Mode::Required));
        assert_eq!(column::<f32>(), (FieldType::Float64, Mode::Required));
        assert_eq!(column::<Arc<flow_core::Timestamp>>(), (FieldType::Timestamp, Mode::Required));
        assert_eq!(column::<jiff::civil::Date>(), (FieldType::Date, Mode::Required));
        assert_eq!(column::<serde_json::Value>(), (FieldType::Json, Mode::Required));
    }

    #[test]
    fn options_are_nullable_and_lists_repeated() {
        assert_eq!(column::<Option<Box<i64>>>(), (FieldType::Int64, Mode::Nullable));
        assert_eq!(column::<Vec<String>>(), (FieldType::String, Mode::Repeated));
        assert_eq!(column::<Option<Vec<bool>>>(), (FieldType::Bool, Mode::Repeated));
        assert_eq!(column::<[f64; 3]>(), (FieldType::Float64, Mode::Repeated));
        assert_eq!(column::<Arc<[i32]>>(), (FieldType::Int64, Mode::Repeated));
    }

    #[test]
    fn a_list_of_bytes_is_bytes() {
        assert_eq!(column::<Vec<u8>>(), (FieldType::Bytes, Mode::Required));
        assert_eq!(column::<[u8; 16]>(), (FieldType::Bytes, Mode::Required));
        assert_eq!(column::<Option<Box<[u8]>>>(), (FieldType::Bytes, Mode::Nullable));
        assert_eq!(column::<Vec<Vec<u8>>>(), (FieldType::Bytes, Mode::Repeated));
    }
}
