//! The pipeline on Google Cloud, which is an emulator here: a topic in, tables out.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use flow_core::{Error, Pipeline};
use flow_gcp_emulator::{Code, Emulator, Fault, When};
use flow_io::bigquery::{Create, Disposition};
use flow_io::gcp::{GoogleCloud, Retry};
use flow_runner_local::{LocalRunner, Options, Report};
use pipelines::user_registration::generate::{self, answer};
use pipelines::user_registration::pipeline::user_registration;
use pipelines::user_registration::{Freshness, Input, Output, Settings, Subscription};
use serde_json::Value;
use tempfile::tempdir;

const SUBSCRIPTION: &str = "projects/shop/subscriptions/user-input-sub";
const TOPIC: &str = "projects/shop/topics/user-input";

/// An emulator with all that the pipeline needs.
struct Shop {
    emulator: Emulator,
    cloud: GoogleCloud,
}

impl Shop {
    fn open() -> Shop {
        let emulator = Emulator::start().unwrap();
        emulator.pubsub().create_topic(TOPIC).unwrap();
        emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
        emulator.bigquery().create_dataset("shop", "website").unwrap();
        let retry = Retry::for_at_most(Duration::from_secs(5));
        let cloud = GoogleCloud::at(&emulator.endpoint()).with_retry(retry);
        Shop { emulator, cloud }
    }

    /// Publishes some of the messages that are made of a seed.
    fn publish(&self, messages: std::ops::Range<u64>, settings: &generate::Settings) {
        for i in messages {
            self.emulator.pubsub().publish(TOPIC, answer(1, i, settings), &[]).unwrap();
        }
    }

    fn stream(&self, ends_after: u64) -> Subscription {
        let (name, cloud) = (SUBSCRIPTION.to_owned(), self.cloud.clone());
        Subscription { name, cloud, ends_after: Some(ends_after) }
    }

    fn output(&self) -> Output {
        Output {
            cloud: self.cloud.clone(),
            dataset: "shop.website".into(),
            users: "users".into(),
            letters: "user_dead_letters".into(),
            segments: None,
            create: Create::IfNeeded,
            write: Disposition::Append,
            staging: None,
            exactly_once: false,
            freshness: Freshness::by_system_clock(),
        }
    }

    /// Runs the pipeline until it has read so many messages.
    fn run(&self, messages: u64, output: &Output) -> Report {
        let report = try_run(&Input::Stream(self.stream(messages)), output);
        report.unwrap_or_else(|error| panic!("{}", error.report()))
    }

    fn rows(&self, table: &str) -> Vec<Value> {
        self.emulator.bigquery().rows("shop", "website", table)
    }

    /// The users' table as rows of text, sorted, so that two runs can be compared.
    fn users(&self) -> Vec<String> {
        let mut users: Vec<_> = self.rows("users").iter().map(Value::to_string).collect();
        users.sort();
        users
    }

    fn unacknowledged(&self) -> usize {
        self.emulator.pubsub().unacked(SUBSCRIPTION).unwrap().len()
    }
}

fn try_run(input: &Input, output: &Output) -> Result<Report, Error> {
    let p = Pipeline::new();
    user_registration(&p, input, Settings::default(), output);
    LocalRunner::new(Options::default().with_workers(2)).run(p)
}

fn five_users() -> generate::Settings {
    generate::Settings::default()
}

#[test]
fn users_go_into_the_table_the_others_into_that_of_dead_letters_and_all_is_acknowledged() {
    let shop = Shop::open();
    let made_up = generate::Settings { users: 100, odd_users_per_mille: 20, bad_answers_per_mille: 100 };
    shop.publish(0..40, &made_up);
    let output = shop.output();
    let report = shop.run(40, &output);

    let saved = shop.rows("users").len();
    let dead = |kind: &str| report.summary.counter(&format!("dead_letters.{kind}")) as usize;
    let bad = dead("not_json") + dead("api_error");
    assert!((1..=10).contains(&bad), "{bad}");
    assert_eq!(saved + dead("no_user"), (40 - bad) * 100);
    assert!(dead("no_user") > 30, "{}", dead("no_user"));
    assert_eq!(shop.rows("user_dead_letters").len(), bad + dead("no_user"));
    assert_eq!(shop.unacknowledged(), 0);
    assert_eq!(output.freshness.millis().count(), saved as u64);
}

#[test]
fn the_table_has_the_eight_columns_in_their_order() {
    let shop = Shop::open();
    shop.publish(0..1, &five_users());
    shop.run(1, &shop.output());
    let table = shop.emulator.bigquery().table("shop", "website", "users").unwrap();
    let columns: Vec<_> = table["schema"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            assert_eq!(field["type"], "STRING");
            assert!(matches!(field["mode"].as_str(), None | Some("NULLABLE")), "{field}");
            field["name"].as_str().unwrap()
        })
        .collect();
    let wanted =
        ["login_username", "first_name", "last_name", "gender", "dob", "country", "postcode", "email"];
    assert_eq!(columns, wanted);
}

#[test]
fn a_message_of_five_thousand_users_is_five_thousand_rows() {
    let shop = Shop::open();
    shop.publish(0..1, &generate::Settings { users: 5_000, ..five_users() });
    shop.run(1, &shop.output());
    assert_eq!(shop.rows("users").len(), 5_000);
}

#[test]
fn a_dead_letter_holds_the_bytes_of_its_message() {
    let shop = Shop::open();
    shop.emulator.pubsub().publish(TOPIC, b"\xff\x00no json".to_vec(), &[]).unwrap();
    shop.run(1, &shop.output());
    let letter = shop.rows("user_dead_letters").remove(0);
    assert_eq!(letter["kind"], "not_json");
    assert!(letter["reason"].as_str().unwrap().starts_with("not JSON: "), "{letter}");
    assert_eq!(letter["data"], "/wBubyBqc29u");
}

#[test]
fn what_was_published_twice_is_saved_once() {
    let shop = Shop::open();
    shop.publish(0..4, &five_users());
    shop.publish(0..4, &five_users());
    let report = shop.run(8, &shop.output());
    assert_eq!(shop.rows("users").len(), 20);
    let seen = report.step("new users/deduplicate_by/deduplicate").unwrap();
    assert_eq!((seen.elements_in, seen.elements_out), (40, 20));
    assert_eq!(shop.unacknowledged(), 0);
}

#[test]
fn a_run_that_fails_has_acknowledged_nothing_that_is_not_there_and_the_next_one_loses_no_user() {
    for exactly_once in [false, true] {
        let shop = Shop::open();
        shop.publish(0..10, &five_users());
        let output = Output { exactly_once, ..shop.output() };
        let appends = "bigquery.AppendRows";
        shop.emulator.faults().add(appends, When::Always, Fault::Grpc(Code::InvalidArgument));
        let input = Input::Stream(shop.stream(10));
        try_run(&input, &output).expect_err("no row can be written");
        assert_eq!(shop.unacknowledged(), 10);
        shop.emulator.faults().clear();
        // What the run held comes again when its leases are over.
        shop.emulator.clock().advance(Duration::from_mins(10));
        shop.run(10, &output);
        assert_eq!(shop.rows("users").len(), 50);
        assert_eq!(shop.unacknowledged(), 0);
    }
}

#[test]
fn an_answer_that_is_lost_leaves_no_user_twice_where_that_was_asked_for() {
    let shop = Shop::open();
    shop.publish(0..10, &five_users());
    shop.emulator.faults().add("bigquery.AppendRows", When::Nth(1), Fault::LostAnswer);
    shop.run(10, &Output { exactly_once: true, ..shop.output() });
    assert_eq!(shop.rows("users").len(), 50);
}

#[test]
fn segments_add_up_to_the_users() {
    let shop = Shop::open();
    shop.publish(0..10, &five_users());
    shop.run(10, &Output { segments: Some("user_segments".into()), ..shop.output() });
    let rows = shop.rows("user_segments");
    let users = |row: &Value| row["users"].as_u64().or_else(|| row["users"].as_str()?.parse().ok()).unwrap();
    assert_eq!(rows.iter().map(users).sum::<u64>(), 50);
    assert_eq!(shop.rows("users").len(), 50);
    assert_eq!(shop.unacknowledged(), 0);
}

/// A file of the past, of the same messages as `publish` would publish.
fn history(messages: std::ops::Range<u64>) -> (tempfile::TempDir, Input) {
    let root = tempdir().unwrap();
    let lines: Vec<_> = messages.map(|i| String::from_utf8(answer(1, i, &five_users())).unwrap()).collect();
    let file = root.path().join("users.jsonl");
    fs::write(&file, lines.join("\n")).unwrap();
    (root, Input::History(vec![file.to_str().unwrap().to_owned()]))
}

#[test]
fn history_and_stream_go_into_one_table_without_duplicates() {
    let shop = Shop::open();
    shop.publish(5..12, &five_users());
    let (_root, past) = history(0..8);
    let Input::History(files) = past else { unreachable!("it is a file") };
    try_run(&Input::Both(files, shop.stream(7)), &shop.output()).unwrap();
    assert_eq!(shop.users().len(), 12 * 5);
    assert_eq!(shop.users().iter().collect::<BTreeSet<_>>().len(), 12 * 5);
    assert_eq!(shop.unacknowledged(), 0);
}

#[test]
fn the_table_is_appended_to_replaced_or_has_to_be_empty() {
    let shop = Shop::open();
    shop.emulator.gcs().create_bucket("staging").unwrap();
    let run = |messages, write| {
        let (_root, past) = history(messages);
        let staging = Some("gs://staging/users".to_owned());
        try_run(&past, &Output { write, staging, ..shop.output() })
    };
    run(0..2, Disposition::Empty).unwrap();
    assert_eq!(shop.users().len(), 10);
    run(2..4, Disposition::Append).unwrap();
    assert_eq!(shop.users().len(), 20);
    let error = run(4..5, Disposition::Empty).unwrap_err().report();
    assert!(error.contains("shop.website.users is to be empty and has rows"), "{error}");
    assert_eq!(shop.users().len(), 20);
    run(4..5, Disposition::Truncate).unwrap();
    assert_eq!(shop.users().len(), 5);
}

#[test]
fn a_table_that_is_missing_and_may_not_be_made_is_said_at_the_start() {
    let shop = Shop::open();
    shop.publish(0..1, &five_users());
    let output = Output { create: Create::Never, ..shop.output() };
    let error = try_run(&Input::Stream(shop.stream(1)), &output).unwrap_err().report();
    assert!(error.contains("shop.website.users") || error.contains("user_dead_letters"), "{error}");
    assert_eq!(shop.emulator.bigquery().tables(), [""; 0]);
    assert_eq!(shop.unacknowledged(), 1);
}

#[test]
fn a_stream_replaces_no_table() {
    let shop = Shop::open();
    let output = Output { write: Disposition::Truncate, ..shop.output() };
    try_run(&Input::Stream(shop.stream(1)), &output).unwrap_err();
}
