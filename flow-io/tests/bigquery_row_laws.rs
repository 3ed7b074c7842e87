//! Random rows of random schemas: what is written is what an independent reading finds, and what is read was written.
#![cfg(feature = "bigquery")]

use flow_core::Timestamp;
use flow_io::bigquery::decode::Rows;
use flow_io::bigquery::encode::{JsonRows, ProtoRows};
use flow_io::bigquery::{Field, FieldType, Mode, Schema};
use proptest::prelude::*;
use prost::encoding::{WireType, decode_key, decode_varint};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Null,
    Text(String),
    Int(i64),
    /// As bits, so that all values are equal to themselves.
    Float(u64),
    Bool(bool),
    Bytes(Vec<u8>),
    Micros(i64),
    Days(i32),
    List(Vec<Plain>),
    /// A value for each of the columns.
    Record(Vec<Plain>),
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

fn day(days: i32) -> jiff::civil::Date {
    EPOCH.checked_add(jiff::Span::new().days(days)).expect("a day of the calendar")
}

fn kind(depth: u32) -> BoxedStrategy<FieldType> {
    let plain = prop_oneof![
        Just(FieldType::String),
        Just(FieldType::Int64),
        Just(FieldType::Float64),
        Just(FieldType::Bool),
        Just(FieldType::Bytes),
        Just(FieldType::Timestamp),
        Just(FieldType::Date),
    ];
    if depth == 0 {
        return plain.boxed();
    }
    prop_oneof![3 => plain, 1 => fields(depth - 1).prop_map(FieldType::Record)].boxed()
}

fn fields(depth: u32) -> BoxedStrategy<Vec<Field>> {
    let mode = prop_oneof![Just(Mode::Nullable), Just(Mode::Required), Just(Mode::Repeated)];
    let named = |columns: Vec<(FieldType, Mode)>| {
        let named = columns.into_iter().enumerate();
        named.map(|(at, (kind, mode))| Field { mode, ..Field::nullable(format!("Col_{at}"), kind) }).collect()
    };
    prop::collection::vec((kind(depth), mode), 1..8).prop_map(named).boxed()
}

fn single(kind: &FieldType) -> BoxedStrategy<Plain> {
    match kind {
        FieldType::Int64 => any::<i64>().prop_map(Plain::Int).boxed(),
        FieldType::Float64 => prop_oneof![any::<f64>(), Just(f64::NEG_INFINITY), Just(f64::INFINITY)]
            .prop_filter("one NaN of many", |float| !float.is_nan())
            .prop_map(|float| Plain::Float(float.to_bits()))
            .boxed(),
        FieldType::Bool => any::<bool>().prop_map(Plain::Bool).boxed(),
        FieldType::Bytes => prop::collection::vec(any::<u8>(), 0..200).prop_map(Plain::Bytes).boxed(),
        FieldType::Timestamp => {
            (-62_135_596_800_000_000..253_402_207_200_000_000_i64).prop_map(Plain::Micros).boxed()
        }
        FieldType::Date => (-719_162..=2_932_896).prop_map(Plain::Days).boxed(),
        FieldType::Record(fields) => record(fields),
        _ => any::<String>().prop_map(Plain::Text).boxed(),
    }
}

fn record(fields: &[Field]) -> BoxedStrategy<Plain> {
    let columns: Vec<_> = fields.iter().map(value).collect();
    columns.prop_map(Plain::Record).boxed()
}

fn value(field: &Field) -> BoxedStrategy<Plain> {
    let one = single(&field.kind);
    match field.mode {
        Mode::Required => one,
        Mode::Nullable => prop_oneof![1 => Just(Plain::Null), 3 => one].boxed(),
        Mode::Repeated => prop::collection::vec(one, 0..4).prop_map(Plain::List).boxed(),
    }
}

fn row() -> impl Strategy<Value = (Schema, Plain, usize)> {
    let row = |fields: Vec<Field>| {
        let schema = Schema::new(fields).expect("names are right and unique");
        let row = record(schema.fields());
        (Just(schema), row, 0..8_usize)
    };
    fields(3).prop_flat_map(row)
}

/// What a program would hand over. Columns come in another order than in the schema, and without regard to case.
struct Given<'a>(&'a FieldType, &'a Plain, usize);

impl Serialize for Given<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Given(kind, plain, turn) = *self;
        match plain {
            Plain::Null => serializer.serialize_none(),
            Plain::Text(text) => serializer.serialize_str(text),
            Plain::Int(int) => serializer.serialize_i64(*int),
            Plain::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Plain::Bool(bool) => serializer.serialize_bool(*bool),
            Plain::Bytes(bytes) if turn % 2 == 0 => serializer.serialize_bytes(bytes),
            Plain::Bytes(bytes) => bytes.serialize(serializer),
            Plain::Micros(micros) => Timestamp::from_micros(*micros).serialize(serializer),
            Plain::Days(days) => serializer.collect_str(&day(*days)),
            Plain::List(items) => serializer.collect_seq(items.iter().map(|item| Given(kind, item, turn))),
            Plain::Record(values) => {
                let mut map = serializer.serialize_map(None)?;
                for at in 0..values.len() {
                    let at = (at + turn) % values.len();
                    let field = &kind.fields()[at];
                    let name = if turn == 3 { field.name.to_uppercase() } else { field.name.clone() };
                    map.serialize_entry(&name, &Given(&field.kind, &values[at], turn))?;
                }
                map.end()
            }
        }
    }
}

/// Reads a message by hand.
fn read(fields: &[Field], mut wire: &[u8]) -> Plain {
    let empty = |field: &Field| match field.mode {
        Mode::Repeated => Plain::List(Vec::new()),
        _ => Plain::Null,
    };
    let mut values: Vec<Plain> = fields.iter().map(empty).collect();
    while !wire.is_empty() {
        let (number, wire_type) = decode_key(&mut wire).expect("a key");
        let at = number as usize - 1;
        let one = read_one(&fields[at].kind, wire_type, &mut wire);
        match &mut values[at] {
            Plain::List(items) => items.push(one),
            value => {
                assert_eq!(*value, Plain::Null, "a field twice");
                *value = one;
            }
        }
    }
    Plain::Record(values)
}

fn read_one(kind: &FieldType, wire_type: WireType, wire: &mut &[u8]) -> Plain {
    match wire_type {
        WireType::Varint => {
            let int = decode_varint(wire).expect("a varint") as i64;
            match kind {
                FieldType::Int64 => Plain::Int(int),
                FieldType::Bool => Plain::Bool(int == 1),
                FieldType::Timestamp => Plain::Micros(int),
                FieldType::Date => Plain::Days(int.try_into().expect("32 bits")),
                _ => panic!("{kind:?} is no varint"),
            }
        }
        WireType::SixtyFourBit => {
            assert_eq!(*kind, FieldType::Float64);
            let (bytes, rest) = wire.split_first_chunk::<8>().expect("eight bytes");
            *wire = rest;
            Plain::Float(u64::from_le_bytes(*bytes))
        }
        WireType::LengthDelimited => {
            let len = decode_varint(wire).expect("a length") as usize;
            let (bytes, rest) = wire.split_at(len);
            *wire = rest;
            match kind {
                FieldType::String => Plain::Text(String::from_utf8(bytes.to_vec()).expect("text")),
                FieldType::Bytes => Plain::Bytes(bytes.to_vec()),
                FieldType::Record(fields) => read(fields, bytes),
                _ => panic!("{kind:?} has no length"),
            }
        }
        other => panic!("{other:?} is not used"),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A value as serde_json has it, but where the service wants something else.
fn json_of(kind: &FieldType, plain: &Plain, for_insert: bool) -> Value {
    match plain {
        Plain::Null => Value::Null,
        Plain::Text(text) => json!(text),
        Plain::Int(int) if for_insert && int.unsigned_abs() > 9_007_199_254_740_991 => json!(int.to_string()),
        Plain::Int(int) => json!(int),
        Plain::Float(bits) => match f64::from_bits(*bits) {
            f64::INFINITY => json!("Infinity"),
            f64::NEG_INFINITY => json!("-Infinity"),
            float => json!(float),
        },
        Plain::Bool(bool) => json!(bool),
        Plain::Bytes(bytes) => json!(base64(bytes)),
        Plain::Micros(micros) => json!(Timestamp::from_micros(*micros).to_string()),
        Plain::Days(days) => json!(day(*days).to_string()),
        Plain::List(items) => items.iter().map(|item| json_of(kind, item, for_insert)).collect(),
        Plain::Record(values) => {
            let of = |(field, value): (&Field, &Plain)| {
                (field.name.clone(), json_of(&field.kind, value, for_insert))
            };
            Value::Object(kind.fields().iter().zip(values).map(of).collect::<Map<_, _>>())
        }
    }
}

/// A value as the service gives it.
fn cell(kind: &FieldType, plain: &Plain) -> Value {
    match plain {
        Plain::Null => Value::Null,
        Plain::Int(int) => json!(int.to_string()),
        Plain::Float(bits) => match f64::from_bits(*bits) {
            f64::INFINITY => json!("Infinity"),
            f64::NEG_INFINITY => json!("-Infinity"),
            float => json!(format!("{float:e}")),
        },
        Plain::Bool(bool) => json!(bool.to_string()),
        Plain::Micros(micros) => json!(micros.to_string()),
        Plain::List(items) => items.iter().map(|item| json!({"v": cell(kind, item)})).collect(),
        Plain::Record(values) => {
            let cells =
                kind.fields().iter().zip(values).map(|(field, value)| json!({"v": cell(&field.kind, value)}));
            json!({"f": cells.collect::<Vec<_>>()})
        }
        other => json_of(kind, other, false),
    }
}

proptest! {
    #[test]
    fn a_message_holds_what_was_written((schema, plain, turn) in row()) {
        let kind = FieldType::Record(schema.fields().to_vec());
        let mut wire = Vec::new();
        let rows = ProtoRows::new(&schema, false).expect("plain names");
        rows.encode(&Given(&kind, &plain, turn), None, &mut wire).expect("a row of the schema");
        prop_assert_eq!(read(schema.fields(), &wire), plain);
    }

    #[test]
    fn json_holds_what_serde_json_would_write((schema, plain, turn) in row()) {
        let kind = FieldType::Record(schema.fields().to_vec());
        let mut text = Vec::new();
        JsonRows::new(&schema).encode(&Given(&kind, &plain, turn), &mut text).expect("a row of the schema");
        // Both are read, since serde_json reads a float with an error in its last digit.
        let wanted = json_of(&kind, &plain, true).to_string();
        let read = |text: &[u8]| serde_json::from_slice::<Value>(text).expect("JSON");
        prop_assert_eq!(read(&text), read(wanted.as_bytes()));
    }

    #[test]
    fn what_the_service_gives_is_read((schema, plain, _) in row()) {
        let kind = FieldType::Record(schema.fields().to_vec());
        let given = serde_json::from_value(cell(&kind, &plain)).expect("a row");
        let read: Value = Rows::new(&schema).decode(&given).expect("a row of the schema");
        prop_assert_eq!(read, json_of(&kind, &plain, false));
    }

    #[test]
    fn any_json_is_a_row_or_refused_but_never_a_panic(text in ".{0,40}", number in any::<f64>(), schema in fields(2)) {
        let schema = Schema::new(schema).expect("names are right and unique");
        let rows = ProtoRows::new(&schema, false).expect("plain names");
        for value in [json!(text), json!(number), json!([text]), json!({"Col_0": text}), json!(null)] {
            let row: Map<String, Value> =
                schema.fields().iter().map(|field| (field.name.clone(), value.clone())).collect();
            let (mut wire, mut line) = (Vec::new(), Vec::new());
            let message = rows.encode(&row, None, &mut wire);
            prop_assert_eq!(&message, &JsonRows::new(&schema).encode(&row, &mut line));
            prop_assert_eq!(message.is_err(), line.is_empty());
            prop_assert!(message.is_ok() || wire.is_empty());
        }
    }
}
