use std::collections::BTreeMap;

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

use crate::bigquery::{Field, FieldType};

fn row<T: DeserializeOwned>(schema: &Schema, row: TableRow) -> Result<T, RowError> {
    Rows::new(schema).decode(&row)
}

fn schema() -> Schema {
    let scalars = "s:STRING, n:INT64, f:FLOAT64, b:BOOL, at:TIMESTAMP, d:DATE, total:NUMERIC, raw:BYTES, j:JSON, \
                   tags:STRING:REPEATED";
    let mut fields = Schema::parse(scalars).unwrap().fields().to_vec();
    let item = vec![Field::required("sku", FieldType::String), Field::repeated("n", FieldType::Int64)];
    fields.push(Field::repeated("items", FieldType::Record(item.clone())));
    fields.push(Field::nullable("one", FieldType::Record(item)));
    Schema::new(fields).unwrap()
}

fn given(cells: Vec<Value>) -> TableRow {
    serde_json::from_value(record(cells)).unwrap()
}

fn record(cells: Vec<Value>) -> Value {
    json!({"f": array(cells)})
}

fn array(cells: Vec<Value>) -> Value {
    cells.into_iter().map(|v| json!({"v": v})).collect()
}

fn full() -> TableRow {
    given(vec![
        json!("text"),
        json!("-7"),
        json!("1.5"),
        json!("true"),
        json!("1.74045581306065E9"),
        json!("2025-02-25"),
        json!("12345678901234567890.123456789"),
        json!("AP8Q"),
        json!("{\"a\":[1,\"x\"]}"),
        array(vec![json!("a"), json!("b")]),
        array(vec![
            record(vec![json!("tea"), array(vec![json!("1"), json!("2")])]),
            record(vec![json!("cup"), array(vec![])]),
        ]),
        record(vec![json!("one"), json!([])]),
    ])
}

#[test]
fn a_row_becomes_an_object_of_its_columns() {
    let read: Value = row(&schema(), full()).unwrap();
    let wanted = json!({
        "s": "text", "n": -7, "f": 1.5, "b": true, "at": "2025-02-25T03:56:53.06065Z", "d": "2025-02-25",
        "total": "12345678901234567890.123456789", "raw": "AP8Q", "j": {"a": [1, "x"]}, "tags": ["a", "b"],
        "items": [{"sku": "tea", "n": [1, 2]}, {"sku": "cup", "n": []}], "one": {"sku": "one", "n": []}
    });
    assert_eq!(read, wanted);
}

#[test]
fn a_row_becomes_a_struct() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        s: Option<String>,
        n: i8,
        f: f32,
        b: bool,
        at: Timestamp,
        total: f64,
        raw: Vec<u8>,
        j: BTreeMap<String, Value>,
        tags: Vec<String>,
        items: Vec<Item>,
        one: Option<Item>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        sku: String,
        n: Vec<u64>,
    }
    let item = |sku: &str, n: &[u64]| Item { sku: sku.to_owned(), n: n.to_vec() };
    let wanted = Row {
        s: Some("text".to_owned()),
        n: -7,
        f: 1.5,
        b: true,
        at: Timestamp::from_micros(1_740_455_813_060_650),
        total: 12_345_678_901_234_567_890.123,
        raw: vec![0, 255, 16],
        j: BTreeMap::from([("a".to_owned(), json!([1, "x"]))]),
        tags: vec!["a".to_owned(), "b".to_owned()],
        items: vec![item("tea", &[1, 2]), item("cup", &[])],
        one: Some(item("one", &[])),
    };
    assert_eq!(row::<Row>(&schema(), full()), Ok(wanted));
}

#[test]
fn nulls_are_none_and_missing_arrays_are_empty() {
    let read: Value = row(&schema(), given(vec![Value::Null; 12])).unwrap();
    let wanted = json!({
        "s": null, "n": null, "f": null, "b": null, "at": null, "d": null, "total": null, "raw": null, "j": null,
        "tags": [], "items": [], "one": null
    });
    assert_eq!(read, wanted);
    let error = row::<Values>(&Schema::parse("n:INT64").unwrap(), given(vec![Value::Null])).unwrap_err();
    assert_eq!(error.to_string(), "`n`: invalid type: unit value, expected i64");
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read for its errors")]
struct Values {
    n: i64,
}

#[test]
fn moments_are_microseconds_where_an_integer_is_asked_for() {
    let schema = Schema::parse("n:TIMESTAMP").unwrap();
    for text in ["1.74045581306065E9", "1740455813060650"] {
        let read: BTreeMap<String, i64> = row(&schema, given(vec![json!(text)])).unwrap();
        assert_eq!(read["n"], 1_740_455_813_060_650);
    }
}

#[test]
fn floats_that_json_has_not_are_floats_where_these_are_asked_for() {
    let schema = Schema::parse("f:FLOAT64").unwrap();
    let read: Value = row(&schema, given(vec![json!("-Infinity")])).unwrap();
    assert_eq!(read, json!({"f": "-Infinity"}));
    let read: BTreeMap<String, f64> = row(&schema, given(vec![json!("NaN")])).unwrap();
    assert!(read["f"].is_nan());
}

#[test]
fn enums_are_text_or_records_of_one_column() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Event {
        Placed,
        Moved(u8),
    }
    let moved = FieldType::Record(vec![
        Field::nullable("Lost", FieldType::String),
        Field::nullable("Moved", FieldType::Int64),
    ]);
    let schema = Schema::new(vec![
        Field::required("a", FieldType::String),
        Field::required("b", moved),
        Field::required("c", FieldType::Json),
    ]);
    let cells = vec![json!("Placed"), record(vec![Value::Null, json!("3")]), json!("{\"Moved\": 4}")];
    let read: BTreeMap<String, Event> = row(&schema.unwrap(), given(cells)).unwrap();
    let read: Vec<Event> = read.into_values().collect();
    assert_eq!(read, [Event::Placed, Event::Moved(3), Event::Moved(4)]);
}

#[test]
fn what_does_not_fit_is_said_with_its_path() {
    let item = FieldType::Record(vec![Field::required("n", FieldType::Int64)]);
    let schema = Schema::new(vec![Field::repeated("items", item)]).unwrap();
    let error = |cells| row::<Value>(&schema, given(cells)).unwrap_err().to_string();
    let items = array(vec![record(vec![json!("1")]), record(vec![json!("x")])]);
    assert_eq!(error(vec![items]), "`items[1].n` is \"x\", which is no INT64");
    assert_eq!(error(vec![json!("x")]), "`items`: the service gave no array");
    assert_eq!(error(vec![array(vec![json!("x")])]), "`items[0]`: the service gave no record");
    assert_eq!(error(Vec::new()), "the row: the service gave 0 values for 1 columns");
}

#[test]
fn what_a_type_writes_it_reads() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        at: Timestamp,
        raw: Vec<u8>,
    }
    let schema = Schema::parse("at:TIMESTAMP, raw:BYTES").unwrap();
    let written = Row { at: Timestamp::from_micros(-1), raw: vec![1, 2, 254] };
    let row_json = crate::bigquery::encode::json_row(&schema, &written).unwrap();
    let object: Value = serde_json::from_slice(&row_json).unwrap();
    let cells = vec![json!("-1"), object["raw"].clone()];
    assert_eq!(row::<Row>(&schema, given(cells)), Ok(written));
}
