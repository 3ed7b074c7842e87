//! Files written to Cloud Storage.
#![cfg(all(feature = "gcs", feature = "parquet"))]

mod gcs_kit;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema};
use flow_core::metrics::{MetricValue, Metrics};
use flow_core::prelude::*;
use flow_core::sink::{Claims, Commit, Committed, Rejects, Sink, Writer, WriterContext};
use flow_core::testing::conformance;
use flow_core::window::Window;
use flow_core::{Bundle, ErrorKind, Meta, Result};
use flow_gcp_emulator::{Code, Fault, When};
use flow_io::files::{
    FilePath, FilesWriter, JsonFiles, ParquetFiles, Prepared, TextFiles, TextLines, WriteFiles,
};
use gcs_kit::{BUCKET, Shop, files, run, texts};

/// Lines to `gs://shop-data/out`, named by their window's minute.
fn lines(shop: &Shop) -> WriteFiles<TextLines> {
    let sink = TextFiles::under("gs://shop-data/out").on(&shop.cloud);
    sink.named(|name| FilePath::new().file(format_args!("{}.txt", name.start().minute())))
}

fn minute(n: i64) -> Window {
    Window::new(Timestamp::from_secs(n * 60), Timestamp::from_secs(n * 60 + 60))
}

/// One writer of lines, driven by hand through epochs.
struct Script {
    sink: WriteFiles<TextLines>,
    writer: FilesWriter<String, TextLines>,
    rejects: Rejects<String>,
    metrics: Metrics,
    epoch: u64,
}

impl Script {
    fn of(sink: WriteFiles<TextLines>, bounded: bool) -> Self {
        let metrics = Metrics::default();
        let step = "write".to_owned();
        let claims = Claims::default();
        let context = WriterContext {
            worker: 0,
            workers: 1,
            step,
            bounded,
            claims,
            metrics: metrics.clone(),
            ..WriterContext::default()
        };
        let writer = sink.open(&context).unwrap();
        Script { sink, writer, rejects: Rejects::default(), metrics, epoch: 1 }
    }

    async fn write(&mut self, window: Window, line: &str) -> &mut Self {
        let meta = Meta { window, time: window.start, ..Meta::default() };
        self.writer.write(&mut Bundle::with(vec![line.to_owned()], meta), &mut self.rejects).await.unwrap();
        self
    }

    async fn commit(&mut self, watermark: Timestamp) -> Result<Committed<Prepared>> {
        let epoch = self.epoch;
        let tokens = self.writer.prepare(epoch, watermark, &mut self.rejects).await?;
        self.epoch += 1;
        Sink::<String>::commit(
            &self.sink,
            Commit { epoch, last: watermark == Timestamp::MAX, watermark, tokens },
        )
        .await
    }

    async fn end(&mut self) {
        self.commit(Timestamp::MAX).await.unwrap();
    }

    fn counted(&self, name: &str) -> MetricValue {
        self.metrics.read()[name]
    }
}

/// Words with their windows, in lines, records and rows.
fn write_all(root: &str, staging: &Path, shop: &Shop) {
    let p = Pipeline::new();
    let words = p.create((0..200_i64).map(|n| (n, format!("word {n}"))).collect::<Vec<_>>());
    let words =
        words.with_timestamps(|(n, _)| Timestamp::from_secs(*n)).window(Fixed::of(Duration::from_mins(1)));
    let ordered =
        words.map(|(n, word)| (n / 60, format!("{n} {word}"))).group_by_key().map(|(minute, words)| {
            let mut words: Vec<String> = words.into_iter().collect();
            words.sort();
            (minute, words)
        });
    let (text, json, parquet) = (format!("{root}/text"), format!("{root}/json"), format!("{root}/parquet"));
    let ours = |sink: WriteFiles<_>| sink.on(&shop.cloud).staging(staging);
    ordered
        .map(|(minute, words)| format!("{minute}: {}", words.join(", ")))
        .write(ours(TextFiles::under(text)));
    let json = JsonFiles::under(json).on(&shop.cloud).staging(staging);
    ordered.write_by(|(minute, _)| *minute, move |minute| json.clone().within(format!("minute={minute}")));
    let schema = Schema::new(vec![
        Field::new("minute", DataType::Int64, false),
        Field::new("words", DataType::Int64, false),
    ]);
    let rows = ordered
        .map(|(minute, words)| serde_json::json!({ "minute": minute, "words": words.len() }).to_string());
    let rows = rows.map(|row| serde_json::from_str::<std::collections::BTreeMap<String, i64>>(&row).unwrap());
    rows.write(ParquetFiles::under(parquet, Arc::new(schema)).on(&shop.cloud).staging(staging));
    run(p).unwrap_or_else(|error| panic!("{}", error.report()));
}

#[test]
fn objects_are_what_files_would_be() {
    let (shop, root, staging) = (Shop::open(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_all(root.path().to_str().unwrap(), staging.path(), &shop);
    write_all("gs://shop-data/some/where", staging.path(), &shop);
    let (objects, files) = (shop.objects("some/where/"), files(root.path()));
    assert_eq!(objects.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    assert_eq!(objects, files);
    assert_eq!(files.len(), 4 + 4 + 4, "a minute is a file");
    assert!(files.contains_key("json/minute=3/19700101T000300Z-19700101T000400Z-00001-of-00001.jsonl"));
    assert_eq!(fs::read_dir(staging.path()).unwrap().count(), 0, "nothing is left where files were staged");
}

#[test]
fn a_rerun_replaces_the_objects_and_adds_none() {
    let (shop, staging) = (Shop::open(), tempfile::tempdir().unwrap());
    write_all("gs://shop-data/out", staging.path(), &shop);
    let before = shop.objects("out/");
    let name = "out/text/19700101T000000Z-19700101T000100Z-00001-of-00001.txt";
    let generation = shop.emulator.gcs().get(BUCKET, name).unwrap().generation;
    write_all("gs://shop-data/out", staging.path(), &shop);
    assert_eq!(shop.objects("out/"), before);
    assert!(shop.emulator.gcs().get(BUCKET, name).unwrap().generation > generation);
}

#[test]
fn shards_are_objects_of_their_own() {
    let shop = Shop::open();
    let p = Pipeline::new();
    p.create(0..10_000_u32).reshuffle().write(JsonFiles::under("gs://shop-data").shards(2).on(&shop.cloud));
    run(p).unwrap();
    let objects = shop.texts("");
    assert_eq!(
        objects.keys().collect::<Vec<_>>(),
        ["data-00001-of-00002.jsonl", "data-00002-of-00002.jsonl"]
    );
    let mut numbers: Vec<u32> =
        objects.values().flat_map(|text| text.lines()).map(|n| n.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
    let object = shop.emulator.gcs().get(BUCKET, "data-00001-of-00002.jsonl").unwrap();
    assert_eq!(object.content_type.as_deref(), Some("application/json"));
}

#[tokio::test]
async fn an_object_appears_when_the_watermark_has_passed_its_window() {
    let shop = Shop::open();
    let mut run = Script::of(lines(&shop), false);
    run.write(minute(0), "a").await.write(minute(1), "b").await;
    assert_eq!(run.commit(Timestamp::from_secs(59)).await.unwrap().held_since, Some(1));
    assert_eq!(shop.texts("out/"), texts([]));
    run.write(minute(0), "c").await;
    assert_eq!(run.commit(Timestamp::from_secs(60)).await.unwrap().held_since, Some(1));
    assert_eq!(shop.texts("out/"), texts([("0.txt", "a\nc\n")]));
    run.write(minute(0), "late").await.end().await;
    assert_eq!(shop.texts("out/"), texts([("0.txt", "a\nc\n"), ("0-1.txt", "late\n"), ("1.txt", "b\n")]));
    assert_eq!(run.counted("written"), MetricValue::Counter(4));
    assert_eq!(run.counted("objects"), MetricValue::Counter(3));
    assert_eq!(run.counted("bytes"), MetricValue::Counter(4 + 5 + 2));
    assert_eq!(run.counted("retries"), MetricValue::Counter(0));
    assert_eq!(run.counted("in_flight"), MetricValue::Gauge(0));
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_known_again() {
    for bounded in [true, false] {
        let shop = Shop::open();
        shop.emulator.faults().add("storage.insert", When::First(1), Fault::LostAnswer);
        let mut run = Script::of(lines(&shop), bounded);
        run.write(minute(0), "a").await.end().await;
        assert_eq!(shop.texts("out/"), texts([("0.txt", "a\n")]), "bounded: {bounded}");
        assert_eq!(shop.emulator.calls("storage.insert"), 2);
        assert_eq!(run.counted("objects"), MetricValue::Counter(1));
        let object = shop.emulator.gcs().get(BUCKET, "out/0.txt").unwrap();
        assert!(object.metadata["flow-commit"].ends_with(&format!("{:08x}", object.crc32c)), "{object:?}");
    }
}

#[tokio::test]
async fn a_stream_writes_beside_the_objects_of_others() {
    let shop = Shop::open();
    Script::of(lines(&shop), false).write(minute(0), "acknowledged").await.end().await;
    for part in 1..4 {
        shop.put(&format!("out/0-{part}.txt"), "of another run");
    }
    let before = shop.emulator.calls("storage.insert");
    Script::of(lines(&shop), false).write(minute(0), "new").await.end().await;
    let others = "of another run";
    let wanted = [
        ("0.txt", "acknowledged\n"),
        ("0-1.txt", others),
        ("0-2.txt", others),
        ("0-3.txt", others),
        ("0-4.txt", "new\n"),
    ];
    assert_eq!(shop.texts("out/"), texts(wanted));
    assert_eq!(shop.emulator.calls("storage.insert") - before, 2, "the free name was looked up, not tried");
}

#[tokio::test]
async fn a_run_that_replaces_does_so_when_others_write_meanwhile() {
    let shop = Shop::open();
    shop.put("out/0.txt", "of another run");
    shop.emulator.faults().add("storage.insert", When::First(2), Fault::status(412));
    Script::of(lines(&shop), true).write(minute(0), "ours").await.end().await;
    assert_eq!(shop.texts("out/"), texts([("0.txt", "ours\n")]));
    assert_eq!(shop.emulator.calls("storage.insert"), 3);
}

#[tokio::test]
async fn what_passes_is_repeated() {
    for fault in [Fault::status(503), Fault::status(429), Fault::Html, Fault::Reset] {
        let shop = Shop::open();
        shop.emulator.faults().add("storage.insert", When::First(3), fault.clone());
        shop.emulator.faults().add("storage.GetObject", When::First(2), Fault::Grpc(Code::Unavailable));
        let mut run = Script::of(lines(&shop), true);
        run.write(minute(0), "a").await.end().await;
        assert_eq!(shop.texts("out/"), texts([("0.txt", "a\n")]), "{fault:?}");
        assert_eq!(run.counted("retries"), MetricValue::Counter(5), "{fault:?}");
    }
}

/// More than goes up in one piece.
fn large() -> String {
    let lines: Vec<String> = (0..(9 << 20) / 8).map(|n| format!("{n:07}")).collect();
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn a_large_file_goes_on_where_its_upload_broke() {
    for fault in [Fault::Reset, Fault::LostAnswer, Fault::status(503)] {
        let shop = Shop::open();
        shop.emulator.faults().add("storage.resumable.put", When::First(1), fault.clone());
        let mut run = Script::of(lines(&shop), true);
        let text = large();
        run.write(minute(0), text.trim_end()).await.end().await;
        assert_eq!(shop.texts("out/")["0.txt"], text, "{fault:?}");
        assert_eq!(shop.emulator.calls("storage.resumable.start"), 1, "{fault:?}");
        assert_eq!(shop.emulator.calls("storage.insert"), 0);
    }
}

#[tokio::test]
async fn a_large_file_of_which_a_part_was_kept_sends_the_rest() {
    let shop = Shop::open();
    shop.emulator.faults().add("storage.resumable.put.chunk", When::First(1), Fault::Partial);
    let text = large();
    Script::of(lines(&shop), true).write(minute(0), text.trim_end()).await.end().await;
    assert_eq!(shop.texts("out/")["0.txt"], text);
    assert_eq!(shop.emulator.calls("storage.resumable.start"), 1);
    let sent = shop.emulator.call_counts()["storage.resumable.put"].bytes_in;
    assert!(sent < 2 * text.len() as u64, "{sent} bytes");
}

#[tokio::test]
async fn a_large_file_does_not_replace_another_in_a_stream() {
    let shop = Shop::open();
    shop.put("out/0.txt", "of another run");
    let text = large();
    Script::of(lines(&shop), false).write(minute(0), text.trim_end()).await.end().await;
    assert_eq!(shop.texts("out/"), texts([("0.txt", "of another run"), ("0-1.txt", &text)]));
}

#[tokio::test]
async fn a_commit_that_failed_is_repeated_and_loses_nothing() {
    let shop = Shop::open();
    let mut run = Script::of(lines(&shop), false);
    run.write(minute(0), "a").await.write(minute(1), "b").await;
    shop.emulator.faults().add("storage.insert", When::Nth(2), Fault::status(400));
    let error = run.commit(Timestamp::from_secs(120)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sink);
    assert_eq!(shop.objects("out/").len(), 1);
    run.end().await;
    assert_eq!(shop.texts("out/"), texts([("0.txt", "a\n"), ("1.txt", "b\n")]));
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused() {
    let shop = Shop::open();
    let long = (0..9).fold(lines(&shop), |sink, _| sink.within("x".repeat(120)));
    let mut run = Script::of(long, true);
    run.write(minute(0), "a").await;
    let rejected = &run.rejects.as_slice()[0];
    assert_eq!(rejected.destination, "gs://shop-data/out");
    assert_eq!(rejected.reason, "the object's name would have 1098 bytes, more than the allowed 1024");
}

/// What a run says that cannot begin.
fn refused(root: &str, shop: &Shop) -> (ErrorKind, String) {
    let p = Pipeline::new();
    p.create(0..10_u32).write(JsonFiles::under(root).on(&shop.cloud));
    let error = run(p).unwrap_err();
    (error.kind(), error.report())
}

#[test]
fn what_the_user_has_to_mend_is_said_at_the_start() {
    let shop = Shop::open();
    let (kind, report) = refused("gs://no-such-bucket/out", &shop);
    assert_eq!(kind, ErrorKind::Config);
    let wanted = "bucket `no-such-bucket` does not exist: create it, as with `gcloud storage buckets create \
                  gs://no-such-bucket`";
    assert!(report.contains(wanted), "{report}");
    let (kind, report) = refused("gs://No_Bucket/out", &shop);
    assert_eq!(kind, ErrorKind::Config);
    assert!(report.contains("\"No_Bucket\" is no bucket"), "{report}");
    shop.emulator.faults().add("storage.ListObjects", When::Always, Fault::Grpc(Code::PermissionDenied));
    let (kind, report) = refused("gs://shop-data/out", &shop);
    assert_eq!(kind, ErrorKind::Config);
    let wanted = "bucket `shop-data` does not let us in: give the account of the credentials the role \
                  roles/storage.objectAdmin on it";
    assert!(report.contains(wanted), "{report}");
    assert_eq!(shop.emulator.calls("storage.insert"), 0);
}

#[test]
fn a_destination_in_a_bucket_that_is_missing_ends_the_run_with_what_to_do() {
    let shop = Shop::open();
    let (p, cloud) = (Pipeline::new(), shop.cloud.clone());
    let bucket = |n: &u32| format!("gs://no-such-bucket-{}/out", n % 2);
    p.create(0..10_u32).write_by(bucket, move |root| JsonFiles::under(root).on(&cloud));
    let report = run(p).unwrap_err().report();
    let wanted = "does not exist: create it, as with `gcloud storage buckets create gs://no-such-";
    assert!(report.contains(wanted), "{report}");
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let shop = Shop::open();
    shop.emulator.faults().add("storage.*", When::First(4), Fault::status(503));
    let p = Pipeline::new();
    p.create(0..3_u32).write(JsonFiles::under("gs://shop-data/out").on(&shop.cloud));
    run(p).unwrap();
    assert_eq!(shop.texts("out/"), texts([("data-00001-of-00001.jsonl", "0\n1\n2\n")]));
}

/// The lines of a few minutes, to a place and back.
fn there_and_back(shop: &Shop, seed: u64) -> Vec<String> {
    let (p, root) = (Pipeline::new(), format!("gs://shop-data/{seed}"));
    let numbers = p.create((0..600_i64).collect::<Vec<_>>()).with_timestamps(|n| Timestamp::from_secs(*n));
    let minutes = numbers.window(Fixed::of(Duration::from_mins(1)));
    minutes.write(TextFiles::under(&root).on(&shop.cloud));
    run(p).unwrap_or_else(|error| panic!("seed {seed}: {}", error.report()));
    let (p, (sender, lines)) = (Pipeline::new(), std::sync::mpsc::channel());
    let read = p.read(TextFiles::matching(format!("{root}/")).on(&shop.cloud));
    read.for_each(move |line| sender.send(line.clone()).unwrap());
    run(p).unwrap_or_else(|error| panic!("seed {seed}: {}", error.report()));
    lines.into_iter().collect()
}

/// A place where things go wrong, a good third of the time.
fn haunted(seed: u64) -> Shop {
    let shop = Shop::open();
    let faults = shop.emulator.faults();
    faults.add("storage.*", When::Rate(0.15, seed), Fault::LostAnswer);
    faults.add("storage.*", When::Rate(0.1, seed + 100), Fault::status(503));
    faults.add("storage.*", When::Rate(0.1, seed + 200), Fault::CutAnswer);
    faults.add("storage.*", When::Rate(0.1, seed + 300), Fault::Reset);
    shop
}

#[test]
fn whatever_passes_nothing_is_lost_and_nothing_is_there_twice() {
    let mut met = 0;
    for seed in 0..8 {
        let shop = haunted(seed);
        let mut lines: Vec<u32> =
            there_and_back(&shop, seed).iter().map(|line| line.parse().unwrap()).collect();
        lines.sort_unstable();
        assert_eq!(lines, (0..600).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(shop.objects("").len(), 10, "seed {seed}");
        met += shop.emulator.faults().met("storage.*");
    }
    assert!(met > 80, "{met} faults");
}

#[tokio::test]
async fn whatever_passes_a_stream_writes_each_epoch_once() {
    for seed in 0..4 {
        let shop = haunted(seed);
        let mut run = Script::of(lines(&shop), false);
        for n in 0..10 {
            run.write(Window::GLOBAL, &format!("line {n}")).await.commit(Timestamp::MIN).await.unwrap();
        }
        run.end().await;
        let mut texts: Vec<String> = shop.texts("").into_values().collect();
        texts.sort();
        assert_eq!(texts, (0..10).map(|n| format!("line {n}\n")).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_bucket_is_a_lawful_place() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut places = 0..;
    let fresh = || {
        let place = places.next().unwrap();
        TextFiles::under(format!("gs://shop-data/{place}")).on(&shop.cloud)
    };
    let elements = ["a", "b", "c", "d", "e"].map(String::from);
    conformance::sink(fresh, &elements, |sink: &WriteFiles<TextLines>| {
        let root = Sink::<String>::describe(sink);
        let prefix = root.rsplit_once("gs://shop-data/").unwrap().1;
        let texts = shop.texts(&format!("{prefix}/"));
        texts.values().flat_map(|text| text.lines()).map(str::to_owned).collect()
    });
}

#[test]
fn a_bucket_is_gone_on_with_after_a_kill() {
    let (shop, state) = (Shop::open(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let elements: Vec<String> = (0..9).map(|n| format!("line {n}")).collect();
    for bounded in [false, true] {
        let fresh = |n: usize| TextFiles::under(format!("gs://shop-data/{bounded}-{n}")).on(&shop.cloud);
        conformance::sink_resumes(state.path(), bounded, fresh, &elements, |sink: &WriteFiles<TextLines>| {
            let root = Sink::<String>::describe(sink);
            let prefix = root.rsplit_once("gs://shop-data/").unwrap().1;
            let texts = shop.texts(&format!("{prefix}/"));
            texts.values().flat_map(|text| text.lines()).map(str::to_owned).collect()
        });
    }
}
