//! Load jobs from Cloud Storage, and jobs as such.

#[path = "common/bq.rs"]
mod bq;

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int64Type;
use bq::{call, client, refused, with_table};
use flate2::Compression;
use flate2::write::GzEncoder;
use flow_gcp_emulator::Emulator;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::job_configuration::JobConfiguration;
use gcp_bigquery_client::model::job_configuration_load::JobConfigurationLoad;
use gcp_bigquery_client::model::job_reference::JobReference;
use gcp_bigquery_client::model::table_reference::TableReference;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

fn numbers() -> Value {
    json!([{"name": "n", "type": "INT64", "mode": "REQUIRED"}, {"name": "name", "type": "STRING"}])
}

/// With the table `t` and these files in the bucket `files`.
fn with_files(files: &[(&str, &[u8])]) -> Emulator {
    let emulator = with_table("t", numbers());
    emulator.gcs().create_bucket("files").unwrap();
    for (name, bytes) in files {
        emulator.gcs().write("files", name, bytes.to_vec()).unwrap();
    }
    emulator
}

/// Loads, waits for the end, and tells the status and the statistics.
async fn load(emulator: &Emulator, id: &str, load: Value) -> (Value, Value) {
    let mut configuration = json!({
        "destinationTable": {"projectId": "p", "datasetId": "shop", "tableId": "t"},
        "sourceFormat": "NEWLINE_DELIMITED_JSON",
    });
    for (key, value) in load.as_object().unwrap() {
        configuration[key] = value.clone();
    }
    let body =
        json!({"jobReference": {"projectId": "p", "jobId": id}, "configuration": {"load": configuration}});
    let (status, answer) = call(emulator, "POST", "jobs", body).await;
    assert_eq!((status, answer["status"]["state"].as_str()), (200, Some("RUNNING")), "{answer}");
    let (_, job) = call(emulator, "GET", &format!("jobs/{id}"), Value::Null).await;
    assert_eq!(job["status"]["state"], "DONE");
    (job["status"]["errorResult"].clone(), job["statistics"]["load"].clone())
}

fn rows(emulator: &Emulator) -> Vec<Value> {
    emulator
        .bigquery()
        .query("SELECT n FROM p.shop.t ORDER BY n")
        .unwrap()
        .iter()
        .map(|row| row["n"].clone())
        .collect()
}

#[tokio::test]
async fn json_is_loaded_plain_and_in_gzip_by_a_pattern() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"{\"n\": 3}\n\n{\"n\": 4, \"name\": \"d\"}").unwrap();
    let packed = packed.finish().unwrap();
    let emulator = with_files(&[
        ("in/a.json", b"{\"n\": 1}\n{\"n\": 2}\n"),
        ("in/b.json", &packed),
        ("in/c.txt", b"not this one"),
    ]);
    let (error, statistics) = load(&emulator, "one", json!({"sourceUris": ["gs://files/in/*.json"]})).await;
    assert_eq!(error, Value::Null);
    assert_eq!((&statistics["outputRows"], &statistics["inputFiles"]), (&json!("4"), &json!("2")));
    assert_eq!(rows(&emulator), [1, 2, 3, 4]);
    assert_eq!(emulator.calls("bigquery.jobs.insert"), 1);
}

#[tokio::test]
async fn a_job_id_is_taken_once() {
    let emulator = with_files(&[("a.json", b"{\"n\": 1}")]);
    let client = client(&emulator).await;
    let job = || Job {
        configuration: Some(JobConfiguration {
            load: Some(JobConfigurationLoad {
                source_uris: Some(vec!["gs://files/a.json".into()]),
                source_format: Some("NEWLINE_DELIMITED_JSON".into()),
                destination_table: Some(TableReference::new("p", "shop", "t")),
                ..Default::default()
            }),
            ..Default::default()
        }),
        job_reference: Some(JobReference {
            job_id: Some("bundle-7".into()),
            location: None,
            project_id: Some("p".into()),
        }),
        ..Default::default()
    };
    client.job().insert("p", job()).await.unwrap();
    assert_eq!(refused(client.job().insert("p", job()).await), (409, "duplicate".into()));
    let done = client.job().get_job("p", "bundle-7", None).await.unwrap();
    assert_eq!(done.status.unwrap().state.as_deref(), Some("DONE"));
    assert_eq!(done.statistics.unwrap().load.unwrap().output_rows.as_deref(), Some("1"));
    assert_eq!(rows(&emulator), [1]);
    assert_eq!(refused(client.job().get_job("p", "other", None).await), (404, "notFound".into()));
}

#[tokio::test]
async fn a_bad_row_fails_the_whole_job_unless_some_may_be_bad() {
    let emulator = with_files(&[("a.json", b"{\"n\": 1}\n{\"n\": \"x\"}\n{\"n\": 3}\n")]);
    let uris = json!(["gs://files/a.json"]);
    let (error, _) = load(&emulator, "strict", json!({"sourceUris": uris})).await;
    assert_eq!(error["reason"], "invalid");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("row 2: field n:") && message.contains("gs://files/a.json"), "{message}");
    assert_eq!(rows(&emulator), [Value::Null; 0]);

    let (error, statistics) = load(&emulator, "lax", json!({"sourceUris": uris, "maxBadRecords": 1})).await;
    assert_eq!((error, statistics["badRecords"].clone()), (Value::Null, json!("1")));
    assert_eq!(rows(&emulator), [1, 3]);
}

#[tokio::test]
async fn dispositions_decide_what_becomes_of_the_table() {
    let emulator = with_files(&[("a.json", b"{\"n\": 1}"), ("b.json", b"{\"n\": 2}")]);
    let of = |file: &str, disposition: &str| json!({"sourceUris": [format!("gs://files/{file}")], "writeDisposition": disposition});
    assert_eq!(load(&emulator, "1", of("a.json", "WRITE_EMPTY")).await.0, Value::Null);
    assert_eq!(load(&emulator, "2", of("b.json", "WRITE_EMPTY")).await.0["reason"], "duplicate");
    assert_eq!(load(&emulator, "3", of("b.json", "WRITE_APPEND")).await.0, Value::Null);
    assert_eq!(rows(&emulator), [1, 2]);
    assert_eq!(load(&emulator, "4", of("b.json", "WRITE_TRUNCATE")).await.0, Value::Null);
    assert_eq!(rows(&emulator), [2]);

    let other = json!({"projectId": "p", "datasetId": "shop", "tableId": "made"});
    let mut new = of("a.json", "WRITE_APPEND");
    new["destinationTable"] = other;
    new["createDisposition"] = json!("CREATE_NEVER");
    assert_eq!(load(&emulator, "5", new.clone()).await.0["reason"], "notFound");
    new["createDisposition"] = json!("CREATE_IF_NEEDED");
    new["schema"] = json!({"fields": numbers()});
    new["clustering"] = json!({"fields": ["n"]});
    assert_eq!(load(&emulator, "6", new).await.0, Value::Null);
    let made = emulator.bigquery().table("p", "shop", "made").unwrap();
    assert_eq!((&made["numRows"], &made["clustering"]["fields"]), (&json!("1"), &json!(["n"])));

    let missing = json!({"sourceUris": ["gs://files/none*"]});
    assert_eq!(load(&emulator, "7", missing).await.0["reason"], "notFound");
}

#[tokio::test]
async fn new_fields_come_in_only_if_they_may() {
    let emulator = with_files(&[("a.json", b"{\"n\": 1, \"more\": 2}")]);
    let mut fields = numbers();
    fields.as_array_mut().unwrap().push(json!({"name": "more", "type": "INT64"}));
    let mut job = json!({"sourceUris": ["gs://files/a.json"], "schema": {"fields": fields}});
    let (error, _) = load(&emulator, "1", job.clone()).await;
    assert!(error["message"].as_str().unwrap().contains("Cannot add fields (field: more)"), "{error}");
    job["schemaUpdateOptions"] = json!(["ALLOW_FIELD_ADDITION"]);
    assert_eq!(load(&emulator, "2", job).await.0, Value::Null);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t"), [json!({"n": 1, "name": null, "more": 2})]);
}

#[tokio::test]
async fn csv_is_loaded() {
    let emulator = with_files(&[("a.csv", b"n,name\n1,\"a, b\"\n2,\n")]);
    let job = json!({"sourceUris": ["gs://files/a.csv"], "sourceFormat": "CSV", "skipLeadingRows": 1});
    assert_eq!(load(&emulator, "1", job).await.0, Value::Null);
    assert_eq!(
        emulator.bigquery().rows("p", "shop", "t"),
        [json!({"n": 1, "name": "a, b"}), json!({"n": 2, "name": ""})]
    );
}

#[tokio::test]
async fn parquet_brings_its_schema() {
    let columns: [(&str, ArrayRef); 5] = [
        ("name", Arc::new(StringArray::from(vec![Some("a"), None]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2]))),
        ("x", Arc::new(Float64Array::from(vec![0.5, 1.0]))),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from(vec![1_767_225_600_000_001; 2]).with_timezone("UTC")),
        ),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
                Some(vec![Some(1), Some(2)]),
                None,
            ])),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let emulator = with_files(&[("a.parquet", &file)]);
    let job = json!({"sourceUris": ["gs://files/a.parquet"], "sourceFormat": "PARQUET",
        "destinationTable": {"projectId": "p", "datasetId": "shop", "tableId": "new"}});
    assert_eq!(load(&emulator, "1", job).await.0, Value::Null);
    let ts = "2026-01-01T00:00:00.000001Z";
    assert_eq!(
        emulator.bigquery().rows("p", "shop", "new"),
        [
            json!({"name": "a", "n": 1, "x": 0.5, "ts": ts, "list": [1, 2]}),
            json!({"name": null, "n": 2, "x": 1.0, "ts": ts, "list": []}),
        ]
    );
}

#[tokio::test]
async fn a_query_can_be_a_job() {
    let emulator = with_files(&[]);
    let body = json!({"jobReference": {"jobId": "q"}, "configuration": {"query": {"query": "SELECT 1 AS a", "useLegacySql": false}}});
    assert_eq!(call(&emulator, "POST", "jobs", body.clone()).await.0, 200);
    assert_eq!(call(&emulator, "POST", "jobs", body).await.0, 409);
    let (_, answer) = call(&emulator, "GET", "queries/q", Value::Null).await;
    assert_eq!((&answer["jobComplete"], &answer["rows"]), (&json!(true), &json!([{"f": [{"v": "1"}]}])));
}
