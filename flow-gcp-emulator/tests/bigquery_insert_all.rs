//! Streaming inserts by insertAll, and reading rows back.

#[path = "common/bq.rs"]
mod bq;

use std::time::{Duration, SystemTime};

use bq::{call, client, refused, with_table};
use flow_gcp_emulator::{Clock, Emulator, Fault, When};
use gcp_bigquery_client::error::BQError;
use gcp_bigquery_client::model::table_data_insert_all_request::TableDataInsertAllRequest;
use gcp_bigquery_client::model::table_data_insert_all_response::TableDataInsertAllResponse;
use gcp_bigquery_client::tabledata::ListQueryParameters;
use serde_json::{Value, json};

fn numbers() -> Value {
    json!([{"name": "n", "type": "INT64", "mode": "REQUIRED"}, {"name": "name", "type": "STRING"}])
}

fn request(rows: impl IntoIterator<Item = (Option<&'static str>, Value)>) -> TableDataInsertAllRequest {
    let mut request = TableDataInsertAllRequest::new();
    for (id, row) in rows {
        request.add_row(id.map(String::from), row).unwrap();
    }
    request
}

/// Index, reason, location and message of each error.
fn errors(response: TableDataInsertAllResponse) -> Vec<(i32, String, String, String)> {
    let mut all = Vec::new();
    for row in response.insert_errors.unwrap_or_default() {
        for error in row.errors.unwrap_or_default() {
            let text = |text: Option<String>| text.unwrap_or_default();
            all.push((
                row.index.unwrap_or(-1),
                text(error.reason),
                text(error.location),
                text(error.message),
            ));
        }
    }
    all
}

#[tokio::test]
async fn rows_come_in_gzip_and_are_there_at_once() {
    let emulator = with_table("t", numbers());
    let client = client(&emulator).await;
    let rows = request([(None, json!({"n": 1, "name": "a"})), (None, json!({"n": "2"}))]);
    let response = client.tabledata().insert_all("p", "shop", "t", rows).await.unwrap();
    assert_eq!(errors(response), []);
    let wanted = [json!({"n": 1, "name": "a"}), json!({"n": 2, "name": null})];
    assert_eq!(emulator.bigquery().rows("p", "shop", "t"), wanted);
    assert_eq!(emulator.calls("bigquery.insertAll"), 1);
}

#[tokio::test]
async fn a_bad_row_stops_the_others_unless_it_is_to_be_skipped() {
    let emulator = with_table("t", numbers());
    let client = client(&emulator).await;
    let rows = || {
        request([
            (None, json!({"n": 1})),
            (None, json!({"n": "one"})),
            (None, json!({"name": "x"})),
            (None, json!({"n": 4, "more": true})),
        ])
    };
    let entry = |index, reason: &str, location: &str, message: &str| {
        (index, reason.to_string(), location.to_string(), message.to_string())
    };
    let bad = [
        entry(1, "invalid", "n", "Cannot convert value to integer (bad value): one"),
        entry(2, "invalid", "n", "Missing required field: n."),
        entry(3, "invalid", "more", "no such field: more."),
    ];
    let response = client.tabledata().insert_all("p", "shop", "t", rows()).await.unwrap();
    let mut wanted = vec![entry(0, "stopped", "", "")];
    wanted.extend(bad.clone());
    assert_eq!(errors(response), wanted);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t"), [Value::Null; 0]);

    let mut skipping = rows();
    skipping.skip_invalid_rows();
    let response = client.tabledata().insert_all("p", "shop", "t", skipping).await.unwrap();
    assert_eq!(errors(response), bad);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t"), [json!({"n": 1, "name": null})]);

    let mut ignoring = request([(None, json!({"n": 4, "more": true}))]);
    ignoring.ignore_unknown_values();
    let response = client.tabledata().insert_all("p", "shop", "t", ignoring).await.unwrap();
    assert_eq!(errors(response), []);
}

#[tokio::test]
async fn an_insert_id_counts_once_in_a_minute() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_hours(490_896));
    let emulator = Emulator::builder().clock(clock.clone()).start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    emulator.bigquery().create_table("p", "shop", "t", numbers()).unwrap();
    let client = client(&emulator).await;
    let insert = async |id| {
        let rows = request([(Some(id), json!({"n": 1}))]);
        client.tabledata().insert_all("p", "shop", "t", rows).await.unwrap();
        emulator.bigquery().rows("p", "shop", "t").len()
    };
    assert_eq!(insert("a").await, 1);
    assert_eq!(insert("a").await, 1);
    assert_eq!(insert("b").await, 2);
    clock.advance(Duration::from_mins(1));
    assert_eq!(insert("a").await, 3);
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let emulator = with_table("t", numbers());
    let client = client(&emulator).await;
    let rows = request((0..50_001).map(|n| (None, json!({"n": n}))));
    assert_eq!(refused(client.tabledata().insert_all("p", "shop", "t", rows).await), (400, "invalid".into()));
    let rows = request([(None, json!({"n": 1, "name": "x".repeat(11 << 20)}))]);
    assert_eq!(
        refused(client.tabledata().insert_all("p", "shop", "t", rows).await),
        (413, "uploadTooLarge".into())
    );
    let none = request([]);
    assert_eq!(refused(client.tabledata().insert_all("p", "shop", "t", none).await), (400, "invalid".into()));
}

#[tokio::test]
async fn a_new_table_may_not_be_there_for_some_calls() {
    let emulator = Emulator::start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    emulator.bigquery().hide_new_tables(2);
    emulator.bigquery().create_table("p", "shop", "t", numbers()).unwrap();
    let client = client(&emulator).await;
    for _ in 0..2 {
        let rows = request([(None, json!({"n": 1}))]);
        assert_eq!(
            refused(client.tabledata().insert_all("p", "shop", "t", rows).await),
            (404, "notFound".into())
        );
    }
    client.tabledata().insert_all("p", "shop", "t", request([(None, json!({"n": 1}))])).await.unwrap();
    assert_eq!(emulator.bigquery().rows("p", "shop", "t").len(), 1);
}

#[tokio::test]
async fn planned_faults_meet_inserts() {
    let emulator = with_table("t", numbers());
    let client = client(&emulator).await;
    emulator.faults().add("bigquery.insertAll.rows", When::Nth(1), Fault::RowErrors);
    let insert = async || {
        client.tabledata().insert_all("p", "shop", "t", request([(Some("a"), json!({"n": 1}))])).await
    };
    assert_eq!(errors(insert().await.unwrap())[0].1, "invalid");
    assert_eq!(emulator.bigquery().rows("p", "shop", "t").len(), 0);

    emulator.faults().add("bigquery.insertAll", When::Nth(1), Fault::LostAnswer);
    assert!(matches!(insert().await, Err(BQError::RequestError(_))));
    assert_eq!(errors(insert().await.unwrap()), []);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t").len(), 1);
}

#[tokio::test]
async fn rows_are_listed_by_pages_as_the_service_writes_them() {
    let fields = json!([
        {"name": "id", "type": "INT64"},
        {"name": "ok", "type": "BOOL"},
        {"name": "x", "type": "FLOAT64"},
        {"name": "ts", "type": "TIMESTAMP"},
        {"name": "day", "type": "DATE"},
        {"name": "at", "type": "DATETIME"},
        {"name": "t", "type": "TIME"},
        {"name": "n", "type": "NUMERIC"},
        {"name": "big", "type": "BIGNUMERIC"},
        {"name": "raw", "type": "BYTES"},
        {"name": "j", "type": "JSON"},
        {"name": "to", "type": "RECORD", "fields": [{"name": "city", "type": "STRING"}]},
        {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    ]);
    let emulator = with_table("t", fields);
    let client = client(&emulator).await;
    let full = json!({"id": 1, "ok": true, "x": 1.5, "ts": "2026-01-01T00:00:00.5Z", "day": "2026-01-31",
        "at": "2026-01-31 01:02:03", "t": "01:02:03.25", "n": "12.50", "big": "-0.1", "raw": "aGk=", "j": "{\"a\": [1]}",
        "to": {"city": "Bonn"}, "tags": ["a", "b"]});
    client
        .tabledata()
        .insert_all("p", "shop", "t", request([(None, full), (None, json!({"id": 2}))]))
        .await
        .unwrap();

    let ask = |start: Option<&str>, token: Option<String>| ListQueryParameters {
        start_index: start.map(String::from),
        max_results: Some(1),
        page_token: token,
        selected_fields: None,
        format_options: None,
    };
    let first = client.tabledata().list("p", "shop", "t", ask(None, None)).await.unwrap();
    assert_eq!(first.total_rows.as_deref(), Some("2"));
    let rows = serde_json::to_value(first.rows).unwrap();
    let values: Vec<Value> = rows[0]["f"].as_array().unwrap().iter().map(|cell| cell["v"].clone()).collect();
    let wanted = json!(["1", "true", "1.5", "1.7672256005E9", "2026-01-31", "2026-01-31T01:02:03", "01:02:03.25", "12.5",
        "-0.1", "aGk=", "{\"a\":[1]}", {"f": [{"v": "Bonn"}]}, [{"v": "a"}, {"v": "b"}]]);
    assert_eq!(Value::Array(values), wanted);
    let second = client.tabledata().list("p", "shop", "t", ask(None, first.page_token)).await.unwrap();
    assert_eq!((second.rows.unwrap().len(), second.page_token), (1, None));

    let path =
        "datasets/shop/tables/t/data?startIndex=0&selectedFields=ts&formatOptions.useInt64Timestamp=true";
    let (_, answer) = call(&emulator, "GET", path, Value::Null).await;
    assert_eq!(answer["rows"], json!([{"f": [{"v": "1767225600500000"}]}, {"f": [{"v": null}]}]));

    let wanted = json!({"id": 1, "ok": true, "x": 1.5, "ts": "2026-01-01T00:00:00.5Z", "day": "2026-01-31",
        "at": "2026-01-31T01:02:03", "t": "01:02:03.25", "n": "12.5", "big": "-0.1", "raw": "aGk=", "j": {"a": [1]},
        "to": {"city": "Bonn"}, "tags": ["a", "b"]});
    assert_eq!(emulator.bigquery().rows("p", "shop", "t")[0], wanted);
}
