//! Faults in front of Cloud Storage.
#![expect(clippy::large_futures, reason = "an upload of the client is one, and a test awaits it once")]

mod common;

use std::time::Duration;

use common::storage;
use flow_gcp_emulator::{Emulator, Fault, When};
use reqwest::{Client, StatusCode};

const BUCKET: &str = "projects/_/buckets/reports";

fn emulator() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.gcs().create_bucket("reports").unwrap();
    emulator.gcs().write("reports", "digits", "0123456789").unwrap();
    emulator
}

fn url(emulator: &Emulator) -> String {
    format!("{}/storage/v1/b/reports/o/digits?alt=media", emulator.endpoint())
}

#[tokio::test]
async fn a_status_says_when_to_come_again() {
    let emulator = emulator();
    emulator.faults().add("storage.get", When::First(1), Fault::Status { code: 429, retry_after: Some(7) });
    let answer = reqwest::get(url(&emulator)).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (&body["error"]["code"], &body["error"]["status"]),
        (&429.into(), &"RESOURCE_EXHAUSTED".into())
    );
    let answer = reqwest::get(url(&emulator)).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "0123456789");
    assert_eq!(emulator.faults().met("storage.get"), 1);
}

#[tokio::test]
async fn a_page_of_html_is_no_error_of_the_service() {
    let emulator = emulator();
    emulator.faults().add("storage.*", When::Always, Fault::Html);
    let answer = reqwest::get(url(&emulator)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().await.unwrap().starts_with("<html>"));
    emulator.faults().stop("storage.*");
    assert_eq!(reqwest::get(url(&emulator)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_connection_breaks_before_or_within_an_answer() {
    let emulator = emulator();
    emulator.faults().add("storage.get", When::Nth(1), Fault::Reset);
    emulator.faults().add("storage.get", When::Nth(2), Fault::CutAnswer);
    assert!(reqwest::get(url(&emulator)).await.is_err());
    let mut cut = reqwest::get(url(&emulator)).await.unwrap();
    assert_eq!(cut.chunk().await.unwrap().unwrap(), "01234");
    assert!(cut.chunk().await.is_err());
}

#[tokio::test]
async fn a_reader_goes_on_where_its_answer_was_cut() {
    let emulator = emulator();
    emulator.faults().add("storage.get", When::Nth(1), Fault::CutAnswer);
    let mut read = storage(&emulator).await.read_object(BUCKET, "digits").send().await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = read.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, b"0123456789");
    assert_eq!(emulator.calls("storage.get"), 2);
}

#[tokio::test]
async fn what_hangs_is_neither_applied_nor_answered() {
    let emulator = emulator();
    emulator.faults().add("storage.objects.delete", When::Nth(1), Fault::Hang);
    let client = Client::builder().timeout(Duration::from_millis(200)).build().unwrap();
    let url = format!("{}/storage/v1/b/reports/o/digits", emulator.endpoint());
    assert!(client.delete(&url).send().await.unwrap_err().is_timeout());
    assert!(emulator.objects().get("reports", "digits").is_some());
}

#[tokio::test]
async fn a_late_answer_was_applied_before() {
    let emulator = emulator();
    emulator.faults().add("storage.objects.delete", When::Nth(1), Fault::LateAnswer);
    let client = Client::builder().timeout(Duration::from_millis(200)).build().unwrap();
    let url = format!("{}/storage/v1/b/reports/o/digits", emulator.endpoint());
    assert!(client.delete(&url).send().await.unwrap_err().is_timeout());
    assert!(emulator.objects().get("reports", "digits").is_none());
}

#[tokio::test]
async fn a_slow_answer_is_whole() {
    let emulator = emulator();
    emulator.faults().add("storage.get", When::Nth(1), Fault::Trickle(3, Duration::from_millis(1)));
    emulator.faults().add("storage.get", When::Nth(2), Fault::Delay(Duration::from_millis(1)));
    for _ in 0..2 {
        assert_eq!(reqwest::get(url(&emulator)).await.unwrap().text().await.unwrap(), "0123456789");
    }
    assert_eq!(emulator.faults().met("storage.get"), 2);
}

#[tokio::test]
async fn a_writer_whose_answer_is_lost_finds_its_object_there() {
    let emulator = emulator();
    emulator.faults().add("storage.insert", When::First(1), Fault::LostAnswer);
    let write = storage(&emulator).await.write_object(BUCKET, "once", "first").set_if_generation_match(0_i64);
    let error = write.send_buffered().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(412));
    assert_eq!(emulator.calls("storage.insert"), 2);
    assert_eq!(emulator.objects().read("reports", "once").unwrap(), "first");
}

#[tokio::test]
async fn a_chunked_upload_goes_on_when_a_chunk_was_refused() {
    let emulator = emulator();
    emulator.faults().add("storage.resumable.put", When::Nth(2), Fault::status(503));
    let payload = bytes::Bytes::from(vec![7; 3 << 20]);
    let write = storage(&emulator).await.write_object(BUCKET, "large", payload.clone());
    let write =
        write.with_resumable_upload_threshold(0_usize).with_resumable_upload_buffer_size(1_usize << 20);
    write.send_buffered().await.unwrap();
    assert_eq!(emulator.objects().read("reports", "large").unwrap(), payload);
    // Three chunks, one of them twice, and a question how far it is.
    assert_eq!(emulator.calls("storage.resumable.put"), 5);
}

#[tokio::test]
async fn a_chunk_may_be_kept_in_part() {
    let emulator = emulator();
    emulator.faults().add("storage.resumable.put.chunk", When::Nth(1), Fault::Partial);
    let client = Client::new();
    let start = format!("{}/upload/storage/v1/b/reports/o?uploadType=resumable&name=x", emulator.endpoint());
    let started = client.post(start).send().await.unwrap();
    let session = started.headers()["location"].to_str().unwrap().to_owned();
    let put =
        |range: &str, body: Vec<u8>| client.put(&session).header("content-range", range).body(body).send();
    let answer = put("bytes 0-524287/524288", vec![1; 512 << 10]).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["range"]),
        (308, &"bytes=0-262143".parse().unwrap())
    );
    let answer = put("bytes 262144-524287/524288", vec![1; 256 << 10]).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(emulator.objects().read("reports", "x").unwrap(), vec![1; 512 << 10]);
}

#[tokio::test]
async fn calls_are_counted_with_their_bytes() {
    let emulator = emulator();
    reqwest::get(url(&emulator)).await.unwrap().bytes().await.unwrap();
    let counts = emulator.call_counts();
    assert_eq!((counts["storage.get"].calls, counts["storage.get"].bytes_out), (1, 10));
    assert_eq!(emulator.calls("storage.insert"), 0);
}
