//! Rows of derived types: the schema that the derive makes is that of what serde writes.
#![cfg(feature = "bigquery")]

use std::collections::BTreeMap;

use flow_core::Timestamp;
use flow_io::bigquery::encode::{ChangeType, JsonColumns, JsonRows, ProtoRows, json_row};
use flow_io::bigquery::{Field, FieldType, Schema, TableRow};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Clone, Serialize, TableRow)]
#[serde(rename_all = "camelCase")]
struct Order {
    shop_id: String,
    placed_at: Timestamp,
    #[bigquery(type = "STRING")]
    status: Status,
    items: Vec<Item>,
    #[serde(flatten)]
    address: Address,
    #[bigquery(type = "NUMERIC", description = "in euros")]
    total: f64,
    note: Option<String>,
    raw: Vec<u8>,
    meta: Option<Value>,
    #[serde(skip)]
    #[expect(dead_code, reason = "left out")]
    cache: u8,
    #[serde(skip_serializing_if = "is_zero")]
    retries: u8,
    #[serde(rename = "type")]
    kind: Option<Box<str>>,
    #[bigquery(type = "JSON", nullable)]
    labels: BTreeMap<String, u8>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Shipped,
}

#[derive(Clone, Serialize, TableRow)]
struct Item {
    sku: String,
    quantity: i64,
    price: Option<f32>,
}

#[derive(Clone, Serialize, TableRow)]
struct Address {
    city: String,
    lines: [String; 2],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

fn order() -> Order {
    Order {
        shop_id: "o-1".to_owned(),
        placed_at: Timestamp::from_micros(1_740_455_813_060_650),
        status: Status::Shipped,
        items: vec![
            Item { sku: "tea".to_owned(), quantity: 2, price: Some(1.5) },
            Item { sku: "cup".to_owned(), quantity: -1, price: None },
        ],
        address: Address { city: "Köln \"am\" Rhein".to_owned(), lines: ["a".to_owned(), "b".to_owned()] },
        total: 0.1 + 0.2,
        note: None,
        raw: vec![0, 255, 16],
        meta: Some(json!({"a": [1, null]})),
        cache: 1,
        retries: 0,
        kind: Some("x".into()),
        labels: BTreeMap::from([("b".to_owned(), 1)]),
    }
}

#[test]
fn the_columns_are_what_serde_writes() {
    let schema = Schema::of::<Order>().unwrap();
    assert_eq!(
        schema.to_string(),
        "shopId:STRING:REQUIRED, placedAt:TIMESTAMP:REQUIRED, status:STRING:REQUIRED, \
         items:RECORD<sku:STRING:REQUIRED, quantity:INT64:REQUIRED, price:FLOAT64>:REPEATED, \
         city:STRING:REQUIRED, lines:STRING:REPEATED, total:NUMERIC:REQUIRED, note:STRING, raw:BYTES:REQUIRED, \
         meta:JSON, retries:INT64, type:STRING, labels:JSON"
    );
    assert_eq!(schema.field("TOTAL").and_then(|field| field.description.as_deref()), Some("in euros"));
}

#[test]
fn a_row_becomes_json_of_its_columns() {
    let row = json_row(&Schema::of::<Order>().unwrap(), &order()).unwrap();
    let wanted = r#"{"shopId":"o-1","placedAt":"2025-02-25T03:56:53.06065Z","status":"shipped","items":[{"sku":"tea","quantity":2,"price":1.5},{"sku":"cup","quantity":-1,"price":null}],"city":"Köln \"am\" Rhein","lines":["a","b"],"total":"0.300000000","note":null,"raw":"AP8Q","meta":"{\"a\":[1,null]}","type":"x","labels":"{\"b\":1}"}"#;
    assert_eq!(String::from_utf8(row).unwrap(), wanted);
}

#[test]
fn load_files_hold_json_as_it_is() {
    let rows = JsonRows::new(&Schema::of::<Order>().unwrap()).json_columns(JsonColumns::Plain);
    let mut line = Vec::new();
    rows.encode(&order(), &mut line).unwrap();
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["meta"], json!({"a": [1, null]}));
    assert_eq!(line["labels"], json!({"b": 1}));
}

#[test]
fn a_row_becomes_a_message_of_its_columns() {
    let rows = ProtoRows::new(&Schema::of::<Order>().unwrap(), false).unwrap();
    let mut message = b"before".to_vec();
    rows.encode(&order(), None, &mut message).unwrap();
    let mut wanted = b"before".to_vec();
    wanted.extend_from_slice(b"\x0a\x03o-1");
    // 1_740_455_813_060_650 as a varint.
    wanted.extend_from_slice(b"\x10\xaa\xb0\xf0\x93\xf7\xdd\x8b\x03");
    wanted.extend_from_slice(b"\x1a\x07shipped");
    wanted.extend_from_slice(b"\x22\x10\x0a\x03tea\x10\x02\x19\0\0\0\0\0\0\xf8\x3f");
    wanted.extend_from_slice(b"\x22\x10\x0a\x03cup\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    wanted.extend_from_slice("\x2a\x10Köln \"am\" Rhein".as_bytes());
    wanted.extend_from_slice(b"\x32\x01a\x32\x01b");
    wanted.extend_from_slice(b"\x3a\x0b0.300000000");
    wanted.extend_from_slice(b"\x4a\x03\x00\xff\x10");
    wanted.extend_from_slice(b"\x52\x0e{\"a\":[1,null]}");
    wanted.extend_from_slice(b"\x62\x01x");
    wanted.extend_from_slice(b"\x6a\x07{\"b\":1}");
    assert_eq!(message, wanted);
}

#[test]
fn a_deletion_needs_its_key_alone() {
    let schema = Schema::parse("id:INT64:REQUIRED, name:STRING:REQUIRED").unwrap();
    let rows = ProtoRows::new(&schema, true).unwrap();
    let mut message = Vec::new();
    rows.encode(&json!({"id": 7}), Some(ChangeType::Delete), &mut message).unwrap();
    assert_eq!(message, b"\x08\x07\x1a\x06DELETE");
    let error = rows.encode(&json!({"id": 7}), Some(ChangeType::Upsert), &mut message).unwrap_err();
    assert_eq!(error.to_string(), "`name` is missing, and the column is REQUIRED");
    assert_eq!(message, b"\x08\x07\x1a\x06DELETE");
}

fn refused(schema: &str, row: &Value) -> String {
    let schema = if schema.starts_with('[') { Schema::from_json(schema) } else { Schema::parse(schema) };
    let schema = schema.unwrap();
    let error = json_row(&schema, row).unwrap_err().to_string();
    let rows = ProtoRows::new(&schema, false).unwrap();
    let mut message = b"before".to_vec();
    assert_eq!(rows.encode(row, None, &mut message).unwrap_err().to_string(), error);
    assert_eq!(message, b"before");
    error
}

#[test]
fn what_does_not_fit_is_said_with_its_path() {
    let items = r#"[{"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": [
        {"name": "price", "type": "FLOAT", "mode": "REQUIRED"}, {"name": "tags", "type": "STRING", "mode": "REPEATED"},
        {"name": "raw", "type": "BYTES"}
    ]}]"#;
    let item = |item| json!({"items": [{"price": 1}, {"price": 2.5, "tags": ["a"]}, item]});
    let cases = [
        (items, item(json!({})), "`items[2].price` is missing, and the column is REQUIRED"),
        (items, item(json!({"price": null})), "`items[2].price` is NULL, and the column is REQUIRED"),
        (items, item(json!({"price": "x"})), "`items[2].price` is \"x\", which is no FLOAT64"),
        (items, item(json!({"price": true})), "`items[2].price` is a bool, and the column is FLOAT64"),
        (items, item(json!({"price": 1, "PRICE": 1})), "`items[2].price` is given twice"),
        (items, item(json!({"tags": ["a", null]})), "`items[2].tags[1]` is NULL, which an array cannot hold"),
        (
            items,
            item(json!({"tags": "a"})),
            "`items[2].tags` is text, and the column is REPEATED: wanted an array",
        ),
        (items, item(json!({"tags": [["a"]]})), "`items[2].tags[0]` is an array, and the column is STRING"),
        (
            items,
            item(json!({"raw": [1, 256]})),
            "`items[2].raw[1]` is an integer above 255 or below 0, and the column is BYTES, of which this is an item",
        ),
        (items, item(json!({"raw": "?"})), "`items[2].raw` is \"?\", which is no BYTES: wanted base64"),
        (items, item(Value::Null), "`items[2]` is NULL, which an array cannot hold"),
        (items, item(json!(5)), "`items[2]` is a number, and the column is RECORD"),
        (
            items,
            json!([1]),
            "the row is an array, and the column is a row, for which a struct or a map is wanted",
        ),
        ("a:STRING", json!({"b": 1}), "`b` is no column of the table"),
        ("a:STRING", json!({"a": 1}), "`a` is a number, and the column is STRING"),
        ("a:STRING", json!({"a": {}}), "`a` is a map, and the column is STRING"),
        ("a:INT64", json!({"a": 1.5}), "`a` is a float, and the column is INT64"),
        ("a:INT64", json!({"a": u64::MAX}), "`a` is outside of the range of INT64"),
        ("a:TIMESTAMP", json!({"a": i64::MAX}), "`a` is outside of the range of TIMESTAMP"),
        (
            "a:DATE",
            json!({"a": "2025-02-30"}),
            "`a` is \"2025-02-30\", which is no DATE: wanted a day, as 2025-02-25",
        ),
        ("a:JSON:REPEATED", json!({"a": {}}), "`a` is a map, and the column is REPEATED: wanted an array"),
    ];
    for (schema, row, wanted) in cases {
        assert_eq!(refused(schema, &row), wanted, "{row}");
    }
}

#[test]
fn what_has_no_column_is_left_out_if_told_to() {
    let schema = Schema::parse("a:INT64").unwrap();
    let row = json!({"0": {"deep": [1]}, "a": 1, "b": "x"});
    let mut line = Vec::new();
    JsonRows::new(&schema).ignore_unknown(true).encode(&row, &mut line).unwrap();
    assert_eq!(line, br#"{"a":1}"#);
    let mut message = Vec::new();
    ProtoRows::new(&schema, false).unwrap().ignore_unknown(true).encode(&row, None, &mut message).unwrap();
    assert_eq!(message, b"\x08\x01");
}

#[test]
fn values_take_the_form_of_their_column() {
    let schema = "a:TIMESTAMP, b:DATE, c:TIME, d:DATETIME, e:NUMERIC, f:FLOAT64, g:INT64, h:JSON, i:JSON:REPEATED, \
                  j:BOOL, k:BYTES, l:TIMESTAMP, m:INT64, n:FLOAT64, o:STRING:REPEATED, p:GEOGRAPHY, q:BIGNUMERIC";
    let row = json!({
        "a": "2025-02-25 03:56:53.060650", "b": "1969-12-31", "c": "03:56:53.5", "d": "2025-02-25 03:56:53",
        "e": 7, "f": "-Infinity", "g": "9007199254740993", "h": "text", "i": [null, "x"], "j": "true", "k": "_w",
        "l": -1, "m": 9_007_199_254_740_991_i64, "n": 3, "o": null, "p": "POINT(1 2)", "q": "-0.5"
    });
    let schema = Schema::parse(schema).unwrap();
    let wanted = json!({
        "a": "2025-02-25T03:56:53.06065Z", "b": "1969-12-31", "c": "03:56:53.5", "d": "2025-02-25T03:56:53",
        "e": "7", "f": "-Infinity", "g": "9007199254740993", "h": "\"text\"", "i": ["null", "\"x\""], "j": true,
        "k": "/w==", "l": "1969-12-31T23:59:59.999999Z", "m": 9_007_199_254_740_991_i64, "n": 3.0,
        "p": "POINT(1 2)", "q": "-0.5"
    });
    let made: Value = serde_json::from_slice(&json_row(&schema, &row).unwrap()).unwrap();
    assert_eq!(made, wanted);
    let mut message = Vec::new();
    ProtoRows::new(&schema, false)
        .unwrap()
        .encode(&json!({"b": "1969-12-31", "l": -1}), None, &mut message)
        .unwrap();
    assert_eq!(
        message,
        b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x60\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    );
}

#[test]
fn a_variant_with_a_value_is_a_record_of_one_column() {
    #[derive(Serialize)]
    struct Row {
        event: Event,
    }
    #[derive(Serialize)]
    enum Event {
        Moved(u8),
    }
    let event = FieldType::Record(vec![
        Field::nullable("Placed", FieldType::String),
        Field::nullable("Moved", FieldType::Int64),
    ]);
    let schema = Schema::new(vec![Field::required("event", event)]).unwrap();
    assert_eq!(json_row(&schema, &Row { event: Event::Moved(3) }).unwrap(), br#"{"event":{"Moved":3}}"#);
}

#[test]
fn long_records_have_long_lengths() {
    let inner = FieldType::Record(vec![Field::nullable("s", FieldType::String)]);
    let outer = FieldType::Record(vec![Field::nullable("i", inner)]);
    let rows = ProtoRows::new(&Schema::new(vec![Field::repeated("o", outer)]).unwrap(), false).unwrap();
    for len in [0_usize, 120, 123, 124, 125, 126, 127, 128, 16_370, 16_384, 3_000_000] {
        let mut message = Vec::new();
        rows.encode(&json!({"o": [{"i": {"s": "x".repeat(len)}}, {}]}), None, &mut message).unwrap();
        let wrapped = |body: Vec<u8>| {
            let mut whole = vec![0x0a];
            prost::encoding::encode_varint(body.len() as u64, &mut whole);
            whole.extend(body);
            whole
        };
        let mut wanted = wrapped(wrapped(wrapped(vec![b'x'; len])));
        wanted.extend_from_slice(b"\x0a\x00");
        assert!(message == wanted, "{len}");
    }
}

#[derive(Serialize, TableRow)]
struct Generic<'a, T> {
    value: T,
    values: &'a [T],
}

#[test]
fn rows_may_be_generic_and_borrow() {
    let schema = Schema::of::<Generic<'_, Item>>().unwrap();
    assert_eq!(
        schema.to_string(),
        "value:RECORD<sku:STRING:REQUIRED, quantity:INT64:REQUIRED, price:FLOAT64>:REQUIRED, \
         values:RECORD<sku:STRING:REQUIRED, quantity:INT64:REQUIRED, price:FLOAT64>:REPEATED"
    );
}
