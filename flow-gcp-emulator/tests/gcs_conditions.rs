//! Preconditions on generations.
#![expect(clippy::large_futures, reason = "an upload of the client is one, and a test awaits it once")]

mod common;

use common::{control, storage};
use flow_gcp_emulator::Emulator;
use google_cloud_gax::error::rpc::Code;

const BUCKET: &str = "projects/_/buckets/reports";

fn emulator() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.gcs().create_bucket("reports").unwrap();
    emulator
}

#[tokio::test]
async fn what_must_not_be_there_is_written_once() {
    let emulator = emulator();
    let storage = storage(&emulator).await;
    let write =
        |bytes: &'static str| storage.write_object(BUCKET, "once", bytes).set_if_generation_match(0_i64);
    write("first").send_buffered().await.unwrap();
    let error = write("second").send_buffered().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(412));
    assert_eq!(emulator.objects().read("reports", "once").unwrap(), "first");
}

#[tokio::test]
async fn a_chunked_upload_is_checked_when_it_ends() {
    let emulator = emulator();
    let storage = storage(&emulator).await;
    let write = |bytes: &'static str| {
        let write = storage.write_object(BUCKET, "once", bytes).set_if_generation_match(0_i64);
        write.with_resumable_upload_threshold(0_usize)
    };
    write("first").send_buffered().await.unwrap();
    let error = write("second").send_buffered().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(412));
    assert_eq!(emulator.calls("storage.resumable.start"), 2);
}

#[tokio::test]
async fn each_writing_makes_a_greater_generation() {
    let emulator = emulator();
    let first = emulator.gcs().write("reports", "file", "1").unwrap();
    let second = emulator.gcs().write("reports", "file", "2").unwrap();
    assert!(second.generation > first.generation);
    let storage = storage(&emulator).await;
    let old = storage.read_object(BUCKET, "file").set_generation(first.generation).send().await.unwrap_err();
    assert_eq!(old.http_status_code(), Some(404));
    let wrong = storage.write_object(BUCKET, "file", "3").set_if_generation_match(first.generation);
    assert_eq!(wrong.send_buffered().await.unwrap_err().http_status_code(), Some(412));
    let right = storage.write_object(BUCKET, "file", "3").set_if_generation_match(second.generation);
    right.send_buffered().await.unwrap();
    let wrong = storage.write_object(BUCKET, "file", "4").set_if_metageneration_match(2_i64);
    assert_eq!(wrong.send_buffered().await.unwrap_err().http_status_code(), Some(412));
}

#[tokio::test]
async fn only_the_version_that_was_meant_is_deleted() {
    let emulator = emulator();
    let object = emulator.gcs().write("reports", "file", "1").unwrap();
    let control = control(&emulator).await;
    let delete = |generation: i64| {
        let delete = control.delete_object().set_bucket(BUCKET).set_object("file");
        delete.set_if_generation_match(generation)
    };
    let error = delete(object.generation + 1).send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::FailedPrecondition);
    delete(object.generation).send().await.unwrap();
}

#[tokio::test]
async fn bytes_that_differ_from_their_checksum_are_refused() {
    let emulator = emulator();
    let write = storage(&emulator).await.write_object(BUCKET, "file", "hello").with_known_crc32c(1_u32);
    assert!(write.send_buffered().await.is_err());
    assert_eq!(emulator.objects().list("reports", ""), Vec::<String>::new());
}
