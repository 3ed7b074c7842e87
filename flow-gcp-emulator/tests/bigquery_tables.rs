//! Datasets and tables: made, looked at, changed, deleted.

#[path = "common/bq.rs"]
mod bq;

use bq::{call, client, refused, with_table};
use flow_gcp_emulator::Emulator;
use gcp_bigquery_client::model::clustering::Clustering;
use gcp_bigquery_client::model::dataset::Dataset;
use gcp_bigquery_client::model::field_type::FieldType;
use gcp_bigquery_client::model::table::Table;
use gcp_bigquery_client::model::table_field_schema::TableFieldSchema;
use gcp_bigquery_client::model::table_schema::TableSchema;
use gcp_bigquery_client::model::time_partitioning::TimePartitioning;
use gcp_bigquery_client::table::ListOptions;
use serde_json::json;

fn field(name: &str, ty: FieldType, mode: &str) -> TableFieldSchema {
    let mut field = TableFieldSchema::new(name, ty);
    field.mode = Some(mode.into());
    field
}

#[tokio::test]
async fn a_dataset_is_made_once_and_deleted_with_what_is_in_it() {
    let emulator = Emulator::start().unwrap();
    let client = client(&emulator).await;
    let made = client.dataset().create(Dataset::new("p", "shop")).await.unwrap();
    assert_eq!(made.id.as_deref(), Some("p:shop"));
    assert_eq!(refused(client.dataset().create(Dataset::new("p", "shop")).await), (409, "duplicate".into()));
    assert_eq!(refused(client.dataset().get("p", "other").await), (404, "notFound".into()));
    assert_eq!(refused(client.dataset().create(Dataset::new("p", "a-b")).await), (400, "invalid".into()));

    emulator.bigquery().create_table("p", "shop", "orders", json!([{"name": "n", "type": "INT64"}])).unwrap();
    assert_eq!(refused(client.dataset().delete("p", "shop", false).await), (400, "resourceInUse".into()));
    client.dataset().delete("p", "shop", true).await.unwrap();
    assert_eq!(emulator.bigquery().tables(), [""; 0]);
    assert_eq!(emulator.calls("bigquery.datasets.insert"), 3);
}

#[tokio::test]
async fn a_table_keeps_its_layout_and_its_nested_schema() {
    let emulator = Emulator::start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    let client = client(&emulator).await;
    let mut items = TableFieldSchema::record("items", vec![field("price", FieldType::Float64, "REQUIRED")]);
    items.mode = Some("REPEATED".into());
    let schema = TableSchema::new(vec![
        field("id", FieldType::Int64, "REQUIRED"),
        items,
        TableFieldSchema::timestamp("ts"),
    ]);
    let table = Table::new("p", "shop", "orders", schema)
        .time_partitioning(TimePartitioning::per_day().field("ts"))
        .clustering(Clustering { fields: Some(vec!["id".into()]) });
    client.table().create(table.clone()).await.unwrap();

    let got = client.table().get("p", "shop", "orders", None).await.unwrap();
    assert_eq!(got.time_partitioning.unwrap().field.as_deref(), Some("ts"));
    assert_eq!(got.clustering.unwrap().fields.unwrap(), ["id"]);
    let fields = emulator.bigquery().table("p", "shop", "orders").unwrap()["schema"]["fields"].clone();
    assert_eq!(fields[0], json!({"name": "id", "type": "INTEGER", "mode": "REQUIRED"}));
    let price = json!({"name": "price", "type": "FLOAT", "mode": "REQUIRED"});
    assert_eq!(fields[1], json!({"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": [price]}));

    assert_eq!(refused(client.table().create(table).await), (409, "duplicate".into()));
    let list = client.table().list("p", "shop", ListOptions::default()).await.unwrap();
    assert_eq!(list.tables.unwrap()[0].table_reference.table_id, "orders");
    client.table().delete("p", "shop", "orders").await.unwrap();
    assert_eq!(refused(client.table().get("p", "shop", "orders", None).await), (404, "notFound".into()));
}

#[tokio::test]
async fn what_cannot_be_a_table_is_refused_with_its_reason() {
    let emulator = Emulator::start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    let fields = json!([{"name": "n", "type": "INT64"}, {"name": "at", "type": "DATE"}]);
    let cases = [
        (json!({"schema": {"fields": [{"name": "a b", "type": "STRING"}]}}), "Invalid field name"),
        (json!({"schema": {"fields": [{"name": "_PARTITIONTIME", "type": "STRING"}]}}), "Invalid field name"),
        (json!({"schema": {"fields": [{"name": "a", "type": "TEXT"}]}}), "TEXT is not a valid value"),
        (
            json!({"schema": {"fields": [{"name": "a", "type": "DATE"}, {"name": "A", "type": "DATE"}]}}),
            "Duplicate",
        ),
        (json!({"schema": {"fields": [{"name": "a", "type": "RECORD"}]}}), "has no schema"),
        (
            json!({"schema": {"fields": fields}, "timePartitioning": {"type": "DAY", "field": "x"}}),
            "cannot be found",
        ),
        (
            json!({"schema": {"fields": fields}, "timePartitioning": {"type": "DAY", "field": "n"}}),
            "can only be of type",
        ),
        (
            json!({"schema": {"fields": fields}, "timePartitioning": {"type": "HOUR", "field": "at"}}),
            "by HOUR",
        ),
        (json!({"schema": {"fields": fields}, "clustering": {"fields": ["x"]}}), "Invalid field: x"),
        (
            json!({"schema": {"fields": fields}, "clustering": {"fields": ["n", "n", "n", "n", "n"]}}),
            "at most 4",
        ),
        (
            json!({"schema": {"fields": fields}, "tableConstraints": {"primaryKey": {"columns": ["x"]}}}),
            "Primary key",
        ),
    ];
    for (mut table, wanted) in cases {
        table["tableReference"] = json!({"tableId": "t"});
        let (status, answer) = call(&emulator, "POST", "datasets/shop/tables", table).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(wanted), "{status} {message}, wanted: {wanted}");
    }
}

#[tokio::test]
async fn a_schema_may_grow_and_relax_but_not_shrink_or_change() {
    let old = json!([
        {"name": "id", "type": "INT64", "mode": "REQUIRED"},
        {"name": "to", "type": "RECORD", "fields": [{"name": "city", "type": "STRING"}]},
    ]);
    let emulator = with_table("orders", old);
    let patch = async |fields: serde_json::Value| {
        let body = json!({"schema": {"fields": fields}});
        let (status, answer) = call(&emulator, "PATCH", "datasets/shop/tables/orders", body).await;
        (status, answer["error"]["message"].as_str().unwrap_or_default().to_string())
    };
    let record = json!({"name": "to", "type": "RECORD", "fields": [{"name": "city", "type": "STRING"}]});
    let id = |ty: &str, mode: &str| json!({"name": "id", "type": ty, "mode": mode});

    assert!(patch(json!([id("INT64", "REQUIRED")])).await.1.contains("Field to is missing in new schema"));
    assert!(patch(json!([id("STRING", "REQUIRED"), record])).await.1.contains("from INTEGER to STRING"));
    let required = json!({"name": "more", "type": "STRING", "mode": "REQUIRED"});
    assert!(
        patch(json!([id("INT64", "REQUIRED"), record, required]))
            .await
            .1
            .contains("Cannot add required fields")
    );
    assert_eq!(
        emulator.bigquery().table("p", "shop", "orders").unwrap()["schema"]["fields"][0]["mode"],
        "REQUIRED"
    );

    let wider = json!({"name": "to", "type": "RECORD",
        "fields": [{"name": "city", "type": "STRING"}, {"name": "tags", "type": "STRING", "mode": "REPEATED"}]});
    let more = json!({"name": "more", "type": "DATE"});
    assert_eq!(patch(json!([id("INT64", "NULLABLE"), more, wider])).await, (200, String::new()));
    let table = emulator.bigquery().table("p", "shop", "orders").unwrap();
    let names: Vec<_> =
        table["schema"]["fields"].as_array().unwrap().iter().map(|f| f["name"].clone()).collect();
    assert_eq!(names, ["id", "to", "more"]);
    assert_eq!(table["schema"]["fields"][0]["mode"], "NULLABLE");
    assert!(
        patch(json!([id("INT64", "REQUIRED"), wider, more])).await.1.contains("from NULLABLE to REQUIRED")
    );
}

#[tokio::test]
async fn rows_from_before_a_new_field_have_null_in_it() {
    let emulator = with_table("t", json!([{"name": "a", "type": "INT64"}]));
    let rows = json!({"rows": [{"json": {"a": 1}}]});
    assert_eq!(call(&emulator, "POST", "datasets/shop/tables/t/insertAll", rows).await.0, 200);
    let fields = json!([{"name": "a", "type": "INT64"}, {"name": "b", "type": "STRING", "mode": "REPEATED"},
        {"name": "c", "type": "STRING"}]);
    let patch = json!({"schema": {"fields": fields}, "description": "grown"});
    assert_eq!(call(&emulator, "PATCH", "datasets/shop/tables/t", patch).await.0, 200);
    assert_eq!(emulator.bigquery().rows("p", "shop", "t"), [json!({"a": 1, "b": [], "c": null})]);
    assert_eq!(emulator.bigquery().table("p", "shop", "t").unwrap()["description"], "grown");
}

#[test]
fn tables_and_rows_outlive_the_emulator_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Emulator::builder().folder(folder.path()).start().unwrap();
    let emulator = start();
    emulator.bigquery().create_dataset("p", "d").unwrap();
    emulator.bigquery().create_table("p", "d", "t", json!([{"name": "n", "type": "INT64"}])).unwrap();
    drop(emulator);
    let emulator = start();
    assert_eq!(emulator.bigquery().tables(), ["p:d.t"]);
    assert_eq!(emulator.bigquery().query("SELECT COUNT(*) AS n FROM p.d.t").unwrap(), [json!({"n": 0})]);
    emulator.bigquery().create_table("p", "d", "u", json!([{"name": "n", "type": "INT64"}])).unwrap();
}
