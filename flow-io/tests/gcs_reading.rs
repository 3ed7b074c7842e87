//! Files read from Cloud Storage.
#![cfg(feature = "gcs")]

mod gcs_kit;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use flate2::Compression;
use flate2::write::GzEncoder;
use flow_core::prelude::*;
use flow_core::source::{Reader, ReaderContext, Source};
use flow_core::testing::conformance;
use flow_core::{Bundle, Element, ErrorKind, Result};
use flow_gcp_emulator::{Code, Fault, When};
use flow_io::files::{BadRecord, CheckedText, Decode, JsonFiles, ReadFiles, TextFiles};
use flow_io::gcp::{GoogleCloud, Service};
use flow_io::gcs::{ObjectRef, read_objects};
use gcs_kit::{BUCKET, Shop, hasty, run};
use google_cloud_auth::credentials::anonymous;
use google_cloud_storage::client::Storage;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// All that a step gives, in order of `Ord`.
fn collected<T: Element + Ord>(make: impl FnOnce(&Pipeline) -> PCollection<T>) -> Result<Vec<T>> {
    let p = Pipeline::new();
    let (sender, receiver) = mpsc::channel();
    make(&p).for_each(move |value| sender.send(value.clone()).unwrap());
    run(p)?;
    let mut values: Vec<T> = receiver.into_iter().collect();
    values.sort();
    Ok(values)
}

fn read<D>(files: ReadFiles<D>) -> Result<Vec<String>>
where
    D: Decode<Item: std::fmt::Debug>,
{
    collected(|p| p.read(files).map(|item| format!("{item:?}")))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// About a megabyte and a half of lines of many lengths, one of them longer than is allowed in the tests.
fn lines() -> Vec<u8> {
    let line = |n: usize| format!("{n} {}\n", "x".repeat(n * 7 % 97));
    let mut bytes: Vec<u8> = (0..25_000).map(line).collect::<String>().into_bytes();
    bytes.extend("y".repeat(10_000).bytes());
    bytes.extend(b"\nno newline at the end");
    bytes
}

#[test]
fn objects_are_read_as_files_are() {
    let (shop, root) = (Shop::open(), tempfile::tempdir().unwrap());
    let bodies: [(&str, Vec<u8>); 8] = [
        ("a.jsonl", b"1\n2\n\nx\r\n3".to_vec()),
        ("b/c.jsonl", b"4\n\xff\n".to_vec()),
        ("b/d.jsonl.gz", gzip(b"5\nbad\n6\n")),
        ("b/empty.jsonl", Vec::new()),
        ("e.txt", b"7".to_vec()),
        (".hidden.jsonl", b"8\n".to_vec()),
        ("f.tmp", b"9\n".to_vec()),
        ("g h\u{e9}.jsonl", lines()),
    ];
    for (name, body) in &bodies {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
        shop.put(&format!("in/{name}"), body.clone());
    }
    let local = root.path().to_str().unwrap();
    for pattern in ["", "/", "/*", "/*.jsonl", "/**/*.jsonl", "/b", "/b/*.gz", "/a.jsonl", "/[ab]*"] {
        let at = |root: &str| {
            let json = JsonFiles::<u32>::matching(format!("{root}{pattern}"));
            let checked = TextFiles::matching(format!("{root}{pattern}")).max_record_bytes(5_000).checked();
            let mut found = read(json.on(&shop.cloud)).unwrap();
            found.extend(read(checked.on(&shop.cloud).split_bytes(100_000)).unwrap());
            found.into_iter().map(|item| item.replace(root, "ROOT")).collect::<Vec<_>>()
        };
        assert_eq!(at("gs://shop-data/in"), at(local), "{pattern:?}");
    }
}

/// The official client, beside the one that is tested.
async fn client(shop: &Shop) -> Storage {
    let nobody = anonymous::Builder::new().build();
    Storage::builder().with_endpoint(shop.emulator.endpoint()).with_credentials(nobody).build().await.unwrap()
}

#[test]
fn an_object_that_is_stored_compressed_is_unzipped_whatever_its_name() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let bytes = bytes::Bytes::from(gzip(b"one\ntwo\n"));
        let write = client(&shop).await.write_object("projects/_/buckets/shop-data", "in/b.txt", bytes);
        Box::pin(write.set_content_encoding("gzip").send_buffered()).await.unwrap();
    });
    assert_eq!(
        read(TextFiles::matching("gs://shop-data/in").on(&shop.cloud)).unwrap(),
        ["\"one\"", "\"two\""]
    );
}

#[test]
fn splits_of_an_object_are_a_lawful_source() {
    let shop = Shop::open();
    let bytes = lines();
    shop.put("in/large.txt", bytes.clone());
    shop.put("in/small.txt.gz", gzip(b"one\ntwo\nthree"));
    let mut wanted: Vec<String> = String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
    wanted.extend(["one", "two", "three"].map(str::to_owned));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let files = TextFiles::matching("gs://shop-data/in").on(&shop.cloud).split_bytes(300_000);
    assert!(files.splits(1).unwrap().len() > 5);
    conformance::source(&files, &wanted);
}

#[test]
fn a_split_reads_little_more_than_its_bytes() {
    let shop = Shop::open();
    shop.put("in/large.txt", lines());
    let files = TextFiles::matching("gs://shop-data/in").on(&shop.cloud).split_bytes(300_000);
    assert_eq!(read(files).unwrap().len(), 25_002);
    let read = shop.emulator.call_counts()["storage.get"].bytes_out;
    let (len, splits) = (lines().len() as u64, 5);
    assert!(read <= len + splits * (64 << 10), "{read} bytes of {len}");
}

/// Passes connections on to a server, and breaks each of the first ones after so many bytes of answers.
async fn breaking(server: SocketAddr, first: usize, after: u64) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let broken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
                let breaks = count.load(Ordering::SeqCst) < first;
                let limit = if breaks { after } else { u64::MAX };
                let passed = copy(&mut from_server.take(limit), &mut to_client).await.unwrap_or(0);
                count.fetch_add(usize::from(breaks && passed == after), Ordering::SeqCst);
                let _ = to_client.shutdown().await;
            });
        }
    });
    (address, broken)
}

#[test]
fn a_stream_that_breaks_is_read_on_where_it_broke() {
    let shop = Shop::open();
    shop.put("in/large.txt", lines());
    shop.put("in/small.gz", gzip(&lines()));
    let wanted = read(TextFiles::matching("gs://shop-data/in").on(&shop.cloud)).unwrap();
    let before = shop.emulator.call_counts()["storage.get"].bytes_out;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = shop.emulator.address().parse().unwrap();
    let (proxy, broken) = runtime.block_on(breaking(server, 7, 100_000));
    let cloud = GoogleCloud::at(&shop.emulator.endpoint());
    let cloud = hasty(cloud.with_endpoint(Service::Storage, &proxy.to_string()));
    assert_eq!(read(TextFiles::matching("gs://shop-data/in").on(&cloud)).unwrap(), wanted);
    assert!(broken.load(Ordering::SeqCst) >= 7);
    assert!(before > 1 << 20);
}

#[test]
fn what_passes_is_asked_again() {
    for fault in [Fault::status(503), Fault::status(429), Fault::Html, Fault::Reset] {
        let shop = Shop::open();
        shop.put("in/a.txt", "one\ntwo\n");
        shop.emulator.faults().add("storage.get", When::First(3), fault.clone());
        shop.emulator.faults().add("storage.ListObjects", When::First(3), Fault::Grpc(Code::Unavailable));
        let files = TextFiles::matching("gs://shop-data/in/").on(&shop.cloud);
        assert_eq!(read(files).unwrap(), ["\"one\"", "\"two\""], "{fault:?}");
    }
}

#[test]
fn an_object_is_read_in_the_version_that_was_listed_or_not_at_all() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for change in [
        |shop: &Shop| shop.put("in/a.txt", "other"),
        |shop: &Shop| {
            shop.emulator.gcs().delete(BUCKET, "in/a.txt").unwrap();
        },
    ] {
        shop.put("in/a.txt", "one\n");
        let _entered = runtime.enter();
        let files = TextFiles::matching("gs://shop-data/in").on(&shop.cloud);
        let splits = files.splits(1).unwrap();
        change(&shop);
        let mut reader = files.reader(&splits[0], None, &ReaderContext::default()).unwrap();
        let mut bundle = Bundle::default();
        let next = runtime.block_on(std::future::poll_fn(|cx| reader.poll_next(cx, &mut bundle)));
        let error = next.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        let wanted = "cannot read gs://shop-data/in/a.txt: the object was deleted or replaced after it was listed: run \
                      again to read what is there now";
        assert!(error.report().starts_with(wanted), "{}", error.report());
    }
}

#[test]
fn what_is_not_there_is_said_at_the_start() {
    let shop = Shop::open();
    shop.put("in/.hidden", "x");
    let report = |pattern: &str| {
        let error = read(TextFiles::matching(pattern).on(&shop.cloud)).unwrap_err();
        error.report()
    };
    for pattern in ["gs://shop-data/*.csv", "gs://shop-data/missing.txt", "gs://shop-data/in"] {
        assert!(report(pattern).contains(&format!("no file matches `{pattern}`")), "{}", report(pattern));
    }
    assert!(report("gs://no-such-bucket/a").contains("bucket `no-such-bucket` does not exist"));
    assert!(report("gs://x").contains("\"x\" is no bucket"));
    assert!(report("gs://shop-data/a[").contains("`gs://shop-data/a[` is no pattern for files"));
}

#[test]
fn without_a_runtime_only_a_bucket_cannot_be_reached() {
    let shop = Shop::open();
    let error = TextFiles::matching("gs://shop-data/in").on(&shop.cloud).splits(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().starts_with("there is no tokio runtime here to reach Cloud Storage in"),
        "{error}"
    );
}

#[tokio::test]
async fn files_of_this_machine_are_found_within_a_program_that_awaits() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "one").unwrap();
    assert_eq!(TextFiles::matching(root.path().to_str().unwrap()).splits(1).unwrap().len(), 1);
}

#[test]
fn objects_that_one_is_told_of_are_read() {
    let shop = Shop::open();
    shop.put("in/a.txt", "one\ntwo\n");
    shop.put("in/b.txt.gz", gzip(b"three\n"));
    shop.put("in/large.txt", lines());
    let object = |name: &str, generation| ObjectRef { bucket: BUCKET.into(), name: name.into(), generation };
    let generation = shop.emulator.gcs().get(BUCKET, "in/a.txt").unwrap().generation;
    let objects = vec![
        object("in/a.txt", Some(generation)),
        object("in/a.txt", Some(generation - 1)),
        object("in/b.txt.gz", None),
        object("in/large.txt", None),
        object("in/missing.txt", None),
    ];
    let step = read_objects(CheckedText).on(&shop.cloud).max_bytes(1 << 20);
    let shown = |record: Result<String, BadRecord>| {
        record.unwrap_or_else(|bad| format!("{}: {}", bad.file, bad.reason))
    };
    let found = collected(|p| step.from(&p.create(objects)).map(shown)).unwrap();
    let wanted = [
        format!("gs://shop-data/in/a.txt#{}: the object has been replaced since", generation - 1),
        format!(
            "gs://shop-data/in/large.txt: the object has {} bytes, more than the allowed 1048576",
            lines().len()
        ),
        "gs://shop-data/in/missing.txt: there is no such object".to_owned(),
        "one".to_owned(),
        "three".to_owned(),
        "two".to_owned(),
    ];
    assert_eq!(found, wanted);
}

#[test]
#[cfg(feature = "pubsub")]
fn a_bucket_tells_of_its_objects_through_pubsub() {
    let shop = Shop::open();
    let (topic, subscription) = ("projects/shop/topics/objects", "projects/shop/subscriptions/objects");
    shop.emulator.pubsub().create_topic(topic).unwrap();
    shop.emulator.pubsub().create_subscription(subscription, topic).unwrap();
    shop.emulator.gcs().notify(BUCKET, topic).unwrap();
    shop.put("in/new one.txt", "one\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let message = runtime.block_on(async {
        let nobody = anonymous::Builder::new().build();
        let builder =
            google_cloud_pubsub::client::Subscriber::builder().with_endpoint(shop.emulator.endpoint());
        let subscriber = builder.with_credentials(nobody).build().await.unwrap();
        let (message, handler) = subscriber.subscribe(subscription).build().next().await.unwrap().unwrap();
        handler.ack();
        message
    });
    let object = ObjectRef::notified(&message.attributes).unwrap();
    let generation = shop.emulator.gcs().get(BUCKET, "in/new one.txt").unwrap().generation;
    assert_eq!(object.to_string(), format!("gs://shop-data/in/new one.txt#{generation}"));
}
