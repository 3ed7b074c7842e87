//! What nobody may read: tokens, passwords and keys, in whatever is logged, told or shown.

use std::fmt::{self, Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::{Error, Result};
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use flow_io::bigquery::BigQuery;
use flow_io::files::{JsonFiles, TextFiles};
use flow_io::gcp::{GoogleCloud, Retry, Service};
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options, Report};
use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use tonic::codegen::http::{Extensions, HeaderMap, HeaderValue};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::cell::{MESSAGES, Method, ORDERS, Order, TOPIC, open_shop, publish, row_ids, write};

/// All secrets of the test have this in them.
const CANARY: &str = "canary-7f3a";

/// Credentials whose token is a secret, and which show it if they are asked.
#[derive(Debug)]
struct Secret {
    _token: &'static str,
    is_known: bool,
}

impl CredentialsProvider for Secret {
    async fn headers(&self, _: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        if !self.is_known {
            return Err(CredentialsError::from_msg(false, "nobody is known"));
        }
        let token = HeaderValue::from_static("Bearer canary-7f3a-token");
        let data = HeaderMap::from_iter([(tonic::codegen::http::header::AUTHORIZATION, token)]);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

fn credentials(is_known: bool) -> Credentials {
    Credentials::from(Secret { _token: "canary-7f3a-token", is_known })
}

/// Keeps all that our crates log, however little it matters.
#[derive(Clone, Default)]
struct Log(Arc<Logged>);

#[derive(Default)]
struct Logged {
    lines: Mutex<Vec<String>>,
    spans: AtomicU64,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a string takes it");
    }
}

impl Log {
    fn note(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
        record(&mut line);
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("flow_")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |line| span.record(line));
        Id::from_u64(self.0.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |line| event.record(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// All that was told and shown.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn shown(&mut self, value: &impl Debug) {
        self.0.extend([format!("{value:?}"), format!("{value:#?}")]);
    }

    fn outcome(&mut self, outcome: &Result<Report>) {
        match outcome {
            Ok(report) => self.0.extend([report.to_string(), format!("{report:?}")]),
            Err(error) => self.error(error),
        }
    }

    fn error(&mut self, error: &Error) {
        self.0.extend([error.to_string(), error.report(), format!("{error:?}"), format!("{error:#?}")]);
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            self.0.extend([next.to_string(), format!("{next:?}")]);
            cause = next.source();
        }
    }
}

/// A server of one run, and what goes wrong there.
fn shop(faults: &[(&str, When, Fault)]) -> Emulator {
    let emulator = Emulator::start().expect("an emulator");
    open_shop(&emulator, serde_json::Value::Null);
    publish(&emulator, 0..MESSAGES, "an order");
    for (call, when, fault) in faults {
        emulator.faults().add(call, *when, fault.clone());
    }
    emulator
}

/// Impatient, so that what does not pass is told of.
fn impatient(cloud: GoogleCloud) -> GoogleCloud {
    let retry = Retry::for_at_most(Duration::from_millis(60));
    cloud.with_retry(retry.pausing(Duration::from_millis(1), Duration::from_millis(8)))
}

fn run(cloud: &GoogleCloud, method: Method) -> Result<Report> {
    let p = Pipeline::new();
    let source = PubSub::subscription(ORDERS).on(cloud).streams(1).json::<Order>();
    let (orders, _) = p.read(source.ending_after(MESSAGES as u64)).split();
    write(&orders, cloud, method);
    runner().run(p)
}

fn run_publishing(cloud: &GoogleCloud) -> Result<Report> {
    let p = Pipeline::new();
    p.create(["a", "b"]).write(PubSub::publish_to(TOPIC).on(cloud));
    runner().run(p)
}

fn run_reading(cloud: &GoogleCloud) -> Result<Report> {
    let p = Pipeline::new();
    p.read(TextFiles::matching("gs://shop-data/*").on(cloud)).for_each(|_| {});
    runner().run(p)
}

fn runner() -> LocalRunner {
    let options = Options { epoch: Duration::from_millis(50), ..Options::default() };
    LocalRunner::new(options.with_workers(2))
}

/// Whatever shows what it is.
fn show(told: &mut Told, cloud: &GoogleCloud) {
    told.shown(cloud);
    told.shown(&PubSub::subscription(ORDERS).on(cloud));
    told.shown(&PubSub::topic(TOPIC).on(cloud).json::<Order>());
    told.shown(&PubSub::publish_to(TOPIC).on(cloud).json());
    told.shown(&JsonFiles::under("gs://shop-data/orders").on(cloud));
    told.shown(&TextFiles::matching("gs://shop-data/*").on(cloud));
    told.shown(&BigQuery::table::<Order>("p.shop.orders").on(cloud).schema("id:INT64").exactly_once());
    told.shown(&BigQuery::read::<Order>("p.shop.orders").on(cloud));
    told.shown(&BigQuery::query::<Order>("SELECT 1").on(cloud));
}

/// Faults of every connector that make a run fail, or try again.
fn troubles() -> Vec<(&'static str, When, Fault)> {
    let denied = || Fault::Grpc(Code::PermissionDenied);
    let nobody = || Fault::Grpc(Code::Unauthenticated);
    vec![
        ("pubsub.admin.*", When::Always, Fault::status(401)),
        ("pubsub.admin.*", When::Always, Fault::Html),
        ("pubsub.admin.*", When::Always, Fault::Reset),
        ("pubsub.StreamingPull", When::Always, denied()),
        ("pubsub.Publish", When::Always, nobody()),
        ("pubsub.Publish", When::Always, Fault::Grpc(Code::InvalidArgument)),
        ("storage.ListObjects", When::Always, nobody()),
        ("storage.ListObjects", When::Always, Fault::Grpc(Code::Unavailable)),
        ("storage.insert", When::Always, Fault::status(403)),
        ("storage.insert", When::Always, Fault::Html),
        ("storage.insert", When::Always, Fault::Reset),
        ("storage.insert", When::Nth(1), Fault::LostAnswer),
        ("storage.get", When::Always, Fault::status(403)),
        ("bigquery.tables.*", When::Always, Fault::status(403)),
        ("bigquery.tables.*", When::Always, Fault::Html),
        ("bigquery.insertAll", When::Always, Fault::status(400)),
        ("bigquery.insertAll", When::Always, Fault::Reset),
        ("bigquery.AppendRows", When::Always, nobody()),
        ("bigquery.AppendRows.append", When::Always, Fault::Grpc(Code::Internal)),
        ("bigquery.CreateWriteStream", When::Always, denied()),
        ("bigquery.FlushRows", When::Always, Fault::Grpc(Code::Unavailable)),
    ]
}

#[test]
fn no_secret_is_logged_told_or_shown() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).expect("nobody else listens");
    let mut told = Told::default();

    let emulator = shop(&[("storage.insert", When::First(3), Fault::status(503))]);
    emulator.gcs().write("shop-data", "in.txt", "a line\n").expect("an object");
    let known = GoogleCloud::at(&emulator.endpoint()).with_credentials(credentials(true));
    show(&mut told, &known);
    for outcome in [run(&known, Method::ExactlyOnce), run_publishing(&known), run_reading(&known)] {
        assert!(outcome.is_ok(), "{:?}", outcome.err().map(|error| error.report()));
        told.outcome(&outcome);
    }
    assert_eq!(row_ids(&emulator).len(), MESSAGES as usize);

    for (call, when, fault) in troubles() {
        let emulator = shop(&[(call, when, fault)]);
        emulator.gcs().write("shop-data", "in.txt", "a line\n").expect("an object");
        let known = impatient(GoogleCloud::at(&emulator.endpoint()).with_credentials(credentials(true)));
        let method = match call {
            "bigquery.insertAll" => Method::Inserts,
            "bigquery.AppendRows" => Method::Default,
            _ => Method::ExactlyOnce,
        };
        let outcome = match call {
            "pubsub.Publish" => run_publishing(&known),
            "storage.get" => run_reading(&known),
            _ => run(&known, method),
        };
        assert!(emulator.faults().met(call) > 0, "{call} is never met");
        told.outcome(&outcome);
    }

    let emulator = shop(&[]);
    let unknown = impatient(GoogleCloud::at(&emulator.endpoint()).with_credentials(credentials(false)));
    for cloud in [unknown].into_iter().chain(places(&emulator)) {
        show(&mut told, &cloud);
        publish(&emulator, 0..MESSAGES, "an order");
        told.outcome(&run(&cloud, Method::Default));
        told.outcome(&run_publishing(&cloud));
        told.outcome(&run_reading(&cloud));
    }

    assert!(!log.lines().is_empty(), "nothing was logged");
    let all = told.0.into_iter().chain(log.lines());
    let leaks: Vec<String> = all.filter(|text| text.contains(CANARY)).collect();
    assert!(leaks.is_empty(), "{} times:\n{}", leaks.len(), Shortened(&leaks));
}

/// Places with secrets in their URLs, of servers that are there and that are not.
fn places(emulator: &Emulator) -> Vec<GoogleCloud> {
    let here = emulator.address();
    let mut places: Vec<GoogleCloud> = [
        format!("http://{CANARY}:{CANARY}@{here}"),
        format!("http://{here}?key={CANARY}"),
        format!("http://{CANARY}@{here}/?key={CANARY}#{CANARY}"),
        format!("http://{CANARY}:{CANARY}@127.0.0.1:1?key={CANARY}"),
        format!("http://{CANARY}:{CANARY}@example.com?key={CANARY}"),
        format!("ftp://{CANARY}:{CANARY}@example.com?key={CANARY}"),
        format!("https://{CANARY}:{CANARY}@{here}?key={CANARY}"),
    ]
    .iter()
    .map(|url| impatient(GoogleCloud::at(url).with_credentials(credentials(true))))
    .collect();
    let mixed = GoogleCloud::at(&here);
    for service in [Service::Storage, Service::StorageControl, Service::BigQuery, Service::BigQueryStorage] {
        let url = format!("http://{CANARY}:{CANARY}@127.0.0.1:1?key={CANARY}");
        places
            .push(impatient(mixed.clone().with_endpoint(service, &url).with_credentials(credentials(true))));
    }
    places
}

/// Each of some texts, but not the whole of it.
struct Shortened<'a>(&'a [String]);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|text| {
            let at = text.find(CANARY).unwrap_or_default();
            let from = text.floor_char_boundary(at.saturating_sub(200));
            writeln!(f, "- {}", text[from..].chars().take(400).collect::<String>().replace('\n', " "))
        })
    }
}
