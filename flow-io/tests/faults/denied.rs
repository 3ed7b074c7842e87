//! Services that do not let us in: a run does not begin, and says what to do.

use flow_core::prelude::*;
use flow_core::{ErrorKind, Result};
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options, Report};

use super::cell::{MESSAGES, Method, ORDERS, Order, TOPIC, open_shop, publish, unacked, write};
use super::cloud;

/// A run of the whole pipeline with one call denied.
fn run(call: &str, fault: Fault) -> (Result<Report>, Emulator) {
    let emulator = Emulator::start().expect("an emulator");
    open_shop(&emulator, serde_json::Value::Null);
    publish(&emulator, 0..MESSAGES, "an order");
    emulator.faults().add(call, When::Always, fault);
    let cloud = cloud(&emulator);
    let p = Pipeline::new();
    let source = PubSub::subscription(ORDERS).on(&cloud).json::<Order>().ending_after(MESSAGES as u64);
    let (orders, bad) = p.read(source).split();
    bad.write(PubSub::publish_to(TOPIC).on(&cloud).json());
    write(&orders, &cloud, Method::Default);
    (LocalRunner::new(Options::default().with_workers(2)).run(p), emulator)
}

/// What a run says that is denied a call, of which nothing may have been read.
fn refused(call: &str, fault: Fault) -> String {
    let (outcome, emulator) = run(call, fault);
    let error = outcome.expect_err("we are not let in");
    assert_eq!(error.kind(), ErrorKind::Config, "{}", error.report());
    assert_eq!(unacked(&emulator), MESSAGES as u64);
    error.report()
}

#[test]
fn a_subscription_that_we_may_not_read_is_told_with_what_to_do() {
    let report = refused("pubsub.StreamingPull", Fault::Grpc(Code::PermissionDenied));
    let wanted =
        "may not be read by us: allow it with `gcloud pubsub subscriptions add-iam-policy-binding orders";
    assert!(report.contains(wanted), "{report}");
    let report = refused("pubsub.admin.getSubscription", Fault::status(401));
    assert!(
        report.contains("Pub/Sub does not know us: run `gcloud auth application-default login`"),
        "{report}"
    );
}

#[test]
fn a_topic_that_does_not_know_us_is_told_with_what_to_do() {
    let report = refused("pubsub.admin.getTopic", Fault::status(401));
    assert!(
        report.contains("Pub/Sub does not know us: run `gcloud auth application-default login`"),
        "{report}"
    );
}

#[test]
fn a_bucket_that_does_not_let_us_in_is_told_with_what_to_do() {
    for code in [Code::PermissionDenied, Code::Unauthenticated] {
        let report = refused("storage.ListObjects", Fault::Grpc(code));
        let wanted = "bucket `shop-data` does not let us in: give the account of the credentials the role";
        assert!(report.contains(wanted), "{report}");
    }
}

#[test]
fn a_table_that_does_not_let_us_in_is_told_with_what_to_do() {
    for call in ["bigquery.tables.get", "bigquery.tables.insert"] {
        let report = refused(call, Fault::status(403));
        let wanted = "give the account of the credentials the role roles/bigquery.dataEditor";
        assert!(report.contains(wanted), "{call}: {report}");
    }
    let report = refused("bigquery.tables.get", Fault::status(401));
    assert!(report.contains("run `gcloud auth application-default login`"), "{report}");
}
