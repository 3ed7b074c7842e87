use std::sync::LazyLock;

use gcp_bigquery_client::model::table_row::TableRow;
use serde::Deserialize;
use serde_json::Value;

use super::Schema;
use super::decode::Rows;
use super::encode::{JsonRows, ProtoRows};
use super::name::Named;

/// A column of every type, alone and repeated, and a record of them.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let columns = "s:STRING, b:BYTES, i:INT64, f:FLOAT64, n:NUMERIC, m:BIGNUMERIC, l:BOOL, t:TIMESTAMP, d:DATE, h:TIME, \
                   e:DATETIME, j:JSON, g:GEOGRAPHY, r:INT64:REPEATED, u:STRING:REPEATED, q:TIMESTAMP:REQUIRED";
    let inner = Schema::parse(columns).expect("a schema").fields().to_vec();
    let record = super::Field::repeated("z", super::FieldType::Record(inner.clone()));
    Schema::new(inner.into_iter().chain([record]).collect()).expect("a schema")
});

/// A table that data names is in its dataset, and no name leads elsewhere.
pub fn table_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = Named::Whole(text.to_owned()).resolve(Some("home")) {
        assert_eq!(name.path().split('/').count(), 6, "{name}");
        assert!(!name.path().contains(['?', '#', '`', '\n', ' ']), "{name}");
    }
    if let Ok(name) = Named::In("shop.sales".to_owned(), text.to_owned()).resolve(None) {
        assert_eq!(
            (name.project.as_str(), name.dataset.as_str(), name.table.as_str()),
            ("shop", "sales", text)
        );
        assert_eq!(name.path(), format!("projects/shop/datasets/sales/tables/{text}"));
        assert!(!text.contains(['/', '.', '$', '*', '@', '`', '%']), "{text:?}");
    }
}

/// A schema that is read is printed as one that is read as the same.
pub fn schema(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(schema) = Schema::parse(text) {
        assert_eq!(Schema::parse(&schema.to_string()), Ok(schema));
    }
    if let Ok(schema) = Schema::from_json(text) {
        let json = serde_json::to_string(&schema).expect("a schema is written");
        assert_eq!(Schema::from_json(&json).as_ref(), Ok(&schema));
        assert_eq!(Schema::from_client(&schema.to_client()), Ok(schema));
    }
}

/// Rows of answers are read or refused, as JSON and as a type.
pub fn rows(data: &[u8]) {
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "it is read and dropped")]
    struct Row {
        s: Option<String>,
        b: Option<Vec<u8>>,
        i: Option<u8>,
        n: Option<f64>,
        t: Option<i64>,
        j: Option<Value>,
        g: Option<String>,
        u: Vec<String>,
    }
    let Ok(row) = serde_json::from_slice::<TableRow>(data) else { return };
    let rows = Rows::new(&SCHEMA);
    let _ = rows.decode::<Row>(&row);
    if let Ok(value) = rows.decode::<Value>(&row) {
        // What was read is written, unless the service gave what it would not take.
        let _ = JsonRows::new(&SCHEMA).encode(&value, &mut Vec::new());
    }
}

/// A row of any JSON is refused, or becomes one line of JSON and a message.
pub fn encoded_row(data: &[u8]) {
    let Ok(row) = serde_json::from_slice::<Value>(data) else { return };
    let mut line = Vec::new();
    if JsonRows::new(&SCHEMA).encode(&row, &mut line).is_ok() {
        assert!(!line.contains(&b'\n'));
        assert!(serde_json::from_slice::<Value>(&line).is_ok_and(|row| row.is_object()));
    }
    let unknown = JsonRows::new(&SCHEMA).ignore_unknown(true);
    let _ = unknown.encode(&row, &mut Vec::new());
    if let Ok(rows) = ProtoRows::new(&SCHEMA, false) {
        let _ = rows.encode(&row, None, &mut Vec::new());
    }
}
