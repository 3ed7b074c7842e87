//! The Storage Write API, by BigQuery's client.

#[path = "common/bq.rs"]
mod bq;

use bq::{call, with_table};
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::append_rows_request::{ProtoData, Rows};
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::append_rows_response::Response;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::big_query_write_client::BigQueryWriteClient;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::write_stream::Type;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::{
    AppendRowsRequest, AppendRowsResponse, BatchCommitWriteStreamsRequest, CreateWriteStreamRequest,
    FinalizeWriteStreamRequest, FlushRowsRequest, GetWriteStreamRequest, ProtoRows, ProtoSchema, WriteStream,
};
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type as Kind};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::Channel;

type Client = BigQueryWriteClient<Channel>;

const TABLE: &str = "projects/p/datasets/shop/tables/t";
const DEFAULT: &str = "projects/p/datasets/shop/tables/t/streams/_default";

#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(double, optional, tag = "1")]
    price: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(int64, optional, tag = "1")]
    n: Option<i64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(int64, optional, tag = "3")]
    ts: Option<i64>,
    #[prost(int32, optional, tag = "4")]
    day: Option<i32>,
    #[prost(string, optional, tag = "5")]
    fee: Option<String>,
    #[prost(message, repeated, tag = "6")]
    items: Vec<Item>,
    #[prost(string, repeated, tag = "7")]
    tags: Vec<String>,
    #[prost(string, optional, tag = "8")]
    change: Option<String>,
}

fn row(n: i64) -> Row {
    Row { n: Some(n), ..Row::default() }
}

fn field(name: &str, number: i32, kind: Kind, label: Label) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(label as i32),
        r#type: Some(kind as i32),
        ..FieldDescriptorProto::default()
    }
}

fn descriptor(change: &str) -> DescriptorProto {
    let item = DescriptorProto {
        name: Some("Item".into()),
        field: vec![field("price", 1, Kind::Double, Label::Optional)],
        ..DescriptorProto::default()
    };
    let mut items = field("items", 6, Kind::Message, Label::Repeated);
    items.type_name = Some("Item".into());
    let mut fields = vec![
        field("n", 1, Kind::Int64, Label::Optional),
        field("name", 2, Kind::String, Label::Optional),
        field("ts", 3, Kind::Int64, Label::Optional),
        field("day", 4, Kind::Int32, Label::Optional),
        field("fee", 5, Kind::String, Label::Optional),
        items,
        field("tags", 7, Kind::String, Label::Repeated),
    ];
    if !change.is_empty() {
        fields.push(field(change, 8, Kind::String, Label::Optional));
    }
    DescriptorProto {
        name: Some("Row".into()),
        field: fields,
        nested_type: vec![item],
        ..DescriptorProto::default()
    }
}

fn fields() -> Value {
    json!([
        {"name": "n", "type": "INT64", "mode": "REQUIRED"},
        {"name": "name", "type": "STRING"},
        {"name": "ts", "type": "TIMESTAMP"},
        {"name": "day", "type": "DATE"},
        {"name": "fee", "type": "NUMERIC"},
        {"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "price", "type": "FLOAT64"}]},
        {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    ])
}

fn append(stream: &str, offset: Option<i64>, rows: &[Row]) -> AppendRowsRequest {
    described(stream, offset, rows, descriptor(""))
}

fn described(
    stream: &str,
    offset: Option<i64>,
    rows: &[Row],
    descriptor: DescriptorProto,
) -> AppendRowsRequest {
    let rows = ProtoRows { serialized_rows: rows.iter().map(Message::encode_to_vec).collect() };
    let writer_schema = Some(ProtoSchema { proto_descriptor: Some(descriptor) });
    AppendRowsRequest {
        write_stream: stream.into(),
        offset,
        rows: Some(Rows::ProtoRows(ProtoData { writer_schema, rows: Some(rows) })),
        ..AppendRowsRequest::default()
    }
}

async fn client(emulator: &Emulator) -> Client {
    BigQueryWriteClient::connect(emulator.endpoint()).await.unwrap()
}

/// All answers of one connection, and how it ended.
async fn send(
    client: &mut Client,
    requests: Vec<AppendRowsRequest>,
) -> (Vec<AppendRowsResponse>, Option<Status>) {
    let mut answers = match client.append_rows(futures::stream::iter(requests)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (Vec::new(), Some(status)),
    };
    let mut all = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => all.push(answer),
            Ok(None) => return (all, None),
            Err(status) => return (all, Some(status)),
        }
    }
}

/// The offset of an answer, or the code of the error in it.
fn outcome(answer: &AppendRowsResponse) -> Result<Option<i64>, Code> {
    match answer.response.as_ref().unwrap() {
        Response::AppendResult(result) => Ok(result.offset),
        Response::Error(status) => Err(Code::from(status.code)),
    }
}

async fn create(client: &mut Client, kind: Type) -> String {
    let write_stream = Some(WriteStream { r#type: kind as i32, ..WriteStream::default() });
    let request = CreateWriteStreamRequest { parent: TABLE.into(), write_stream };
    client.create_write_stream(request).await.unwrap().into_inner().name
}

fn numbers(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.bigquery().rows("p", "shop", "t");
    rows.iter().map(|row| row["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn the_default_stream_shows_rows_at_once_with_all_types() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let full = Row {
        n: Some(1),
        name: Some("a".into()),
        ts: Some(1_767_225_600_000_001),
        day: Some(20_454),
        fee: Some("1.50".into()),
        items: vec![Item { price: Some(2.5) }, Item { price: None }],
        tags: vec!["x".into(), "y".into()],
        change: None,
    };
    let mut second = append("", None, &[row(2)]);
    if let Some(Rows::ProtoRows(data)) = &mut second.rows {
        data.writer_schema = None;
    }
    let (answers, end) = send(&mut client, vec![append(DEFAULT, None, &[full]), second]).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(answers.iter().map(outcome).collect::<Vec<_>>(), [Ok(None), Ok(None)]);
    assert_eq!(
        emulator.bigquery().rows("p", "shop", "t"),
        [
            json!({"n": 1, "name": "a", "ts": "2026-01-01T00:00:00.000001Z", "day": "2026-01-01", "fee": "1.5",
            "items": [{"price": 2.5}, {"price": null}], "tags": ["x", "y"]}),
            json!({"n": 2, "name": null, "ts": null, "day": null, "fee": null, "items": [], "tags": []}),
        ]
    );
    assert_eq!(emulator.calls("bigquery.AppendRows"), 1);
}

#[tokio::test]
async fn offsets_of_a_committed_stream_are_checked_in_the_stream() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let stream = create(&mut client, Type::Committed).await;
    let requests = vec![
        append(&stream, Some(0), &[row(1), row(2)]),
        append(&stream, Some(2), &[row(3)]),
        append(&stream, Some(2), &[row(3)]),
        append(&stream, Some(9), &[row(9)]),
        append(&stream, None, &[row(4)]),
    ];
    let (answers, end) = send(&mut client, requests).await;
    assert!(end.is_none(), "{end:?}");
    let wanted = [Ok(Some(0)), Ok(Some(2)), Err(Code::AlreadyExists), Err(Code::OutOfRange), Ok(Some(3))];
    assert_eq!(answers.iter().map(outcome).collect::<Vec<_>>(), wanted);
    assert_eq!(numbers(&emulator), [1, 2, 3, 4]);

    let request = GetWriteStreamRequest { name: stream.clone(), ..GetWriteStreamRequest::default() };
    let found = client.get_write_stream(request).await.unwrap().into_inner();
    assert_eq!(found.r#type, Type::Committed as i32);
    let finalized =
        client.finalize_write_stream(FinalizeWriteStreamRequest { name: stream.clone() }).await.unwrap();
    assert_eq!(finalized.into_inner().row_count, 4);
    let (answers, _) = send(&mut client, vec![append(&stream, Some(4), &[row(5)])]).await;
    assert_eq!(outcome(&answers[0]), Err(Code::InvalidArgument));
}

#[tokio::test]
async fn pending_streams_come_into_view_together() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let first = create(&mut client, Type::Pending).await;
    let second = create(&mut client, Type::Pending).await;
    send(&mut client, vec![append(&first, Some(0), &[row(1), row(2)])]).await;
    send(&mut client, vec![append(&second, Some(0), &[row(3)])]).await;
    let both = BatchCommitWriteStreamsRequest {
        parent: TABLE.into(),
        write_streams: vec![first.clone(), second.clone()],
    };
    client.finalize_write_stream(FinalizeWriteStreamRequest { name: first }).await.unwrap();
    let early = client.batch_commit_write_streams(both.clone()).await.unwrap().into_inner();
    assert_eq!((early.commit_time, early.stream_errors.len()), (None, 1));
    assert_eq!(numbers(&emulator), [0; 0]);

    client.finalize_write_stream(FinalizeWriteStreamRequest { name: second }).await.unwrap();
    let done = client.batch_commit_write_streams(both.clone()).await.unwrap().into_inner();
    assert!(done.commit_time.is_some());
    assert_eq!(numbers(&emulator), [1, 2, 3]);
    let again = client.batch_commit_write_streams(both).await.unwrap().into_inner();
    assert_eq!(again.stream_errors.len(), 2);
    assert_eq!(numbers(&emulator), [1, 2, 3]);
}

#[tokio::test]
async fn a_buffered_stream_shows_what_was_flushed() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let stream = create(&mut client, Type::Buffered).await;
    send(&mut client, vec![append(&stream, Some(0), &[row(1), row(2), row(3)])]).await;
    assert_eq!(numbers(&emulator), [0; 0]);
    let flush = async |client: &mut Client, offset| {
        let request = FlushRowsRequest { write_stream: stream.clone(), offset: Some(offset) };
        client
            .flush_rows(request)
            .await
            .map(|answer| answer.into_inner().offset)
            .map_err(|status| status.code())
    };
    assert_eq!(flush(&mut client, 1).await, Ok(1));
    assert_eq!(numbers(&emulator), [1, 2]);
    assert_eq!(flush(&mut client, 1).await, Ok(1));
    assert_eq!(flush(&mut client, 3).await, Err(Code::InvalidArgument));
    assert_eq!(flush(&mut client, 2).await, Ok(2));
    assert_eq!(numbers(&emulator), [1, 2, 3]);
}

#[tokio::test]
async fn bad_rows_are_named_and_nothing_is_written() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let bad = Row { fee: Some("much".into()), ..row(2) };
    let (answers, end) = send(&mut client, vec![append(DEFAULT, None, &[row(1), bad, Row::default()])]).await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(outcome(&answers[0]), Err(Code::InvalidArgument));
    let errors: Vec<_> =
        answers[0].row_errors.iter().map(|error| (error.index, error.message.as_str())).collect();
    assert_eq!(
        errors,
        [(1, "Invalid NUMERIC value: much Field: fee"), (2, "Missing required field: n. Field: n")]
    );
    assert_eq!(numbers(&emulator), [0; 0]);
}

#[tokio::test]
async fn what_does_not_fit_the_table_is_refused() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let mut extra = descriptor("");
    extra.field.push(field("more", 9, Kind::String, Label::Optional));
    let (answers, _) = send(&mut client, vec![described(DEFAULT, None, &[row(1)], extra)]).await;
    assert_eq!(outcome(&answers[0]), Err(Code::InvalidArgument));
    let nowhere = "projects/p/datasets/shop/tables/none/streams/_default";
    let (_, end) = send(&mut client, vec![append(nowhere, None, &[row(1)])]).await;
    assert_eq!(end.unwrap().code(), Code::NotFound);
    let large = Row { name: Some("x".repeat(11 << 20)), ..row(1) };
    let (_, end) = send(&mut client, vec![append(DEFAULT, None, &[large])]).await;
    assert_eq!(end.unwrap().code(), Code::InvalidArgument);
    assert_eq!(numbers(&emulator), [0; 0]);
}

#[tokio::test]
async fn changes_replace_and_delete_by_the_primary_key() {
    let emulator = Emulator::start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    let table = json!({"tableReference": {"tableId": "t"}, "schema": {"fields": fields()},
        "tableConstraints": {"primaryKey": {"columns": ["n"]}}});
    assert_eq!(call(&emulator, "POST", "datasets/shop/tables", table).await.0, 200);
    let mut client = client(&emulator).await;
    let change =
        |n, name: &str, change: &str| Row { name: Some(name.into()), change: Some(change.into()), ..row(n) };
    let rows = [
        change(1, "a", "UPSERT"),
        change(2, "b", "UPSERT"),
        change(1, "c", "UPSERT"),
        change(2, "", "DELETE"),
        change(3, "d", "UPSERT"),
    ];
    let (answers, _) =
        send(&mut client, vec![described(DEFAULT, None, &rows, descriptor("_CHANGE_TYPE"))]).await;
    assert_eq!(outcome(&answers[0]), Ok(None));
    let rows = emulator.bigquery().query("SELECT n, name FROM p.shop.t ORDER BY n").unwrap();
    assert_eq!(rows, [json!({"n": 1, "name": "c"}), json!({"n": 3, "name": "d"})]);

    emulator.bigquery().create_table("p", "shop", "keyless", fields()).unwrap();
    let keyless = "projects/p/datasets/shop/tables/keyless/streams/_default";
    let request = described(keyless, None, &[change(1, "a", "UPSERT")], descriptor("_CHANGE_TYPE"));
    let (answers, _) = send(&mut client, vec![request]).await;
    assert!(answers[0].row_errors[0].message.contains("primary key"), "{answers:?}");
}

#[tokio::test]
async fn planned_faults_meet_appends() {
    let emulator = with_table("t", fields());
    let mut client = client(&emulator).await;
    let stream = create(&mut client, Type::Committed).await;
    let faults = emulator.faults();
    let point = "bigquery.AppendRows.append";
    faults.add(point, When::Nth(1), Fault::Grpc(Code::Aborted));
    faults.add(point, When::Nth(2), Fault::LostAnswer);
    let requests = || vec![append(&stream, Some(0), &[row(1)]), append(&stream, Some(0), &[row(1)])];
    let (answers, end) = send(&mut client, requests()).await;
    assert_eq!(answers.iter().map(outcome).collect::<Vec<_>>(), [Err(Code::Aborted)]);
    assert_eq!(end.unwrap().code(), Code::Unavailable);
    assert_eq!(numbers(&emulator), [1]);
    let (answers, _) = send(&mut client, vec![append(&stream, Some(0), &[row(1)])]).await;
    assert_eq!(outcome(&answers[0]), Err(Code::AlreadyExists));
}

#[test]
fn what_is_pending_outlives_the_emulator_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = || Emulator::builder().folder(folder.path()).start().unwrap();
    let emulator = start();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    emulator.bigquery().create_table("p", "shop", "t", fields()).unwrap();
    let stream = runtime.block_on(async {
        let mut client = client(&emulator).await;
        let stream = create(&mut client, Type::Pending).await;
        send(&mut client, vec![append(&stream, Some(0), &[row(1)])]).await;
        stream
    });
    drop(emulator);
    let emulator = start();
    runtime.block_on(async {
        let mut client = client(&emulator).await;
        let (answers, _) = send(&mut client, vec![append(&stream, Some(1), &[row(2)])]).await;
        assert_eq!(outcome(&answers[0]), Ok(Some(1)));
        client.finalize_write_stream(FinalizeWriteStreamRequest { name: stream.clone() }).await.unwrap();
        let commit = BatchCommitWriteStreamsRequest { parent: TABLE.into(), write_streams: vec![stream] };
        client.batch_commit_write_streams(commit).await.unwrap();
    });
    assert_eq!(numbers(&emulator), [1, 2]);
}
