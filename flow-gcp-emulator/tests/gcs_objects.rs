//! Objects written, read, listed, deleted.
#![expect(clippy::large_futures, reason = "an upload of the client is one, and a test awaits it once")]

mod common;

use common::{control, storage};
use flow_gcp_emulator::Emulator;
use google_cloud_gax::error::rpc::Code;
use google_cloud_storage::model::Bucket;
use google_cloud_storage::model_ext::ReadRange;

const BUCKET: &str = "projects/_/buckets/reports";

fn emulator() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.gcs().create_bucket("reports").unwrap();
    emulator
}

#[tokio::test]
async fn a_small_object_is_written_whole_and_read_back() {
    let emulator = emulator();
    let storage = storage(&emulator).await;
    let write = storage.write_object(BUCKET, "2024/05/day 1.txt", "hello\r\n\r\n--world");
    let write = write.set_content_type("text/plain").set_metadata([("flow", "7")]);
    let object = write.send_buffered().await.unwrap();
    assert_eq!((object.size, object.content_type.as_str(), object.metageneration), (16, "text/plain", 1));
    assert_eq!(object.metadata["flow"], "7");
    assert_eq!(emulator.calls("storage.insert"), 1);

    let mut read = storage.read_object(BUCKET, "2024/05/day 1.txt").send().await.unwrap();
    assert_eq!(read.object().generation, object.generation);
    let mut bytes = Vec::new();
    while let Some(piece) = read.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, b"hello\r\n\r\n--world");
}

#[tokio::test]
async fn a_large_object_is_written_in_chunks() {
    let emulator = emulator();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let payload = bytes::Bytes::from(bytes);
    let write = storage(&emulator).await.write_object(BUCKET, "large", payload.clone());
    let write = write.with_resumable_upload_threshold(1_usize << 20);
    let object = write.with_resumable_upload_buffer_size(1_usize << 20).send_buffered().await.unwrap();
    assert_eq!(object.size, 3_000_000);
    assert_eq!(emulator.objects().read("reports", "large").unwrap(), payload);
    assert_eq!(emulator.calls("storage.resumable.start"), 1);
    assert_eq!(emulator.calls("storage.resumable.put"), 3);
}

#[tokio::test]
async fn parts_of_an_object_can_be_read() {
    let emulator = emulator();
    emulator.gcs().write("reports", "digits", "0123456789").unwrap();
    let storage = storage(&emulator).await;
    for (range, wanted) in [
        (ReadRange::segment(2, 3), "234"),
        (ReadRange::offset(7), "789"),
        (ReadRange::tail(2), "89"),
        (ReadRange::head(4), "0123"),
        (ReadRange::all(), "0123456789"),
    ] {
        let mut read = storage.read_object(BUCKET, "digits").set_read_range(range).send().await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = read.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(bytes, wanted.as_bytes());
    }
}

#[tokio::test]
async fn a_missing_object_is_404() {
    let emulator = emulator();
    let error = storage(&emulator).await.read_object(BUCKET, "nothing").send().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(404));
    let error = control(&emulator).await.get_object().set_bucket(BUCKET).set_object("nothing").send().await;
    assert_eq!(error.unwrap_err().status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn objects_are_listed_by_prefix_and_page() {
    let emulator = emulator();
    for name in ["a/1", "a/2", "a/b/3", "a/b/4", "a/c/5", "b/6"] {
        emulator.gcs().write("reports", name, "x").unwrap();
    }
    let control = control(&emulator).await;
    let list = || control.list_objects().set_parent(BUCKET);
    let page = list().set_prefix("a/").set_page_size(2).send().await.unwrap();
    assert_eq!(page.objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["a/1", "a/2"]);
    let next = list().set_prefix("a/").set_page_token(page.next_page_token).send().await.unwrap();
    assert_eq!(next.objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["a/b/3", "a/b/4", "a/c/5"]);
    assert_eq!(next.next_page_token, "");
    let folders = list().set_prefix("a/").set_delimiter("/").send().await.unwrap();
    assert_eq!(folders.objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["a/1", "a/2"]);
    assert_eq!(folders.prefixes, ["a/b/", "a/c/"]);
}

#[tokio::test]
async fn pages_with_a_delimiter_repeat_nothing() {
    let emulator = emulator();
    for name in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        emulator.gcs().write("reports", name, "x").unwrap();
    }
    let control = control(&emulator).await;
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let list = control.list_objects().set_parent(BUCKET).set_delimiter("/").set_page_size(1);
        let page = list.set_page_token(token).send().await.unwrap();
        seen.extend(page.objects.into_iter().map(|object| object.name));
        seen.extend(page.prefixes);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
}

#[tokio::test]
async fn an_object_is_deleted_once() {
    let emulator = emulator();
    emulator.gcs().write("reports", "old", "x").unwrap();
    let control = control(&emulator).await;
    control.delete_object().set_bucket(BUCKET).set_object("old").send().await.unwrap();
    assert_eq!(emulator.objects().list("reports", ""), Vec::<String>::new());
    let error = control.delete_object().set_bucket(BUCKET).set_object("old").send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn buckets_are_made_found_listed_and_deleted() {
    let emulator = emulator();
    let control = control(&emulator).await;
    let make = || {
        let bucket = Bucket::new().set_project("projects/shop");
        control.create_bucket().set_parent("projects/_").set_bucket_id("more").set_bucket(bucket)
    };
    assert_eq!(make().send().await.unwrap().name, "projects/_/buckets/more");
    assert_eq!(make().send().await.unwrap_err().status().unwrap().code, Code::AlreadyExists);
    let found = control.get_bucket().set_name("projects/_/buckets/more").send().await.unwrap();
    assert_eq!(found.bucket_id, "more");
    let all = control.list_buckets().set_parent("projects/shop").send().await.unwrap();
    assert_eq!(all.buckets.iter().map(|b| b.bucket_id.as_str()).collect::<Vec<_>>(), ["more", "reports"]);
    control.delete_bucket().set_name("projects/_/buckets/more").send().await.unwrap();
    assert_eq!(emulator.gcs().buckets(), ["reports"]);
}
