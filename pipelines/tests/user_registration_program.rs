//! The programs, from their options to the tables.

mod process;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flow_gcp_emulator::Emulator;
use pipelines::user_registration::generate::{Settings, answer};
use process::{terminated, until};
use tempfile::tempdir;

const SUBSCRIPTION: &str = "projects/shop/subscriptions/user-input-sub";
const TOPIC: &str = "projects/shop/topics/user-input";

fn registration() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_user-registration"));
    program.stdin(Stdio::null()).env_clear();
    program
}

fn producer() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_user-producer"));
    program.stdin(Stdio::null()).env_clear();
    program
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn succeeds(program: &mut Command) -> String {
    let Output { status, stdout, stderr } = program.output().unwrap();
    assert!(status.success(), "{}", text(&stderr));
    text(&stdout)
}

/// An emulator of its own, as one that stands elsewhere.
fn shop() -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.pubsub().create_topic(TOPIC).unwrap();
    emulator.pubsub().create_subscription(SUBSCRIPTION, TOPIC).unwrap();
    emulator.bigquery().create_dataset("shop", "website").unwrap();
    emulator
}

fn on<'a>(emulator: &Emulator, program: &'a mut Command) -> &'a mut Command {
    let address = emulator.address();
    program.env("PUBSUB_EMULATOR_HOST", &address).env("BIGQUERY_EMULATOR_HOST", &address)
}

fn rows(emulator: &Emulator) -> usize {
    emulator.bigquery().rows("shop", "website", "users").len()
}

#[test]
fn told_nothing_it_runs_on_an_emulator_and_shows_what_came_of_it() {
    let told =
        succeeds(registration().args(["--messages", "5", "--per-message", "20", "--segments", "by_segment"]));
    for wanted in [
        "on an emulator in this process",
        "messages      5",
        "freshness     p50 ",
        "tables        flow-demo.website.users, flow-demo.website.user_dead_letters, flow-demo.website.by_segment",
        "GROUP BY country",
        "@example.com",
        "age_band",
        "Norway",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert!(!told.contains(" null\n"), "each query has a result of its own: {told}");
}

#[test]
fn what_the_producer_publishes_is_in_the_table_and_the_run_ends_after_so_many_messages() {
    let emulator = shop();
    let mut program = producer();
    succeeds(on(&emulator, &mut program).args("--made-up --interval 0s --count 4 --project shop".split(' ')));
    let mut program = registration();
    succeeds(on(&emulator, &mut program).args(["--project", "shop", "--messages", "4"]));
    assert_eq!(rows(&emulator), 20);
    assert_eq!(emulator.pubsub().unacked(SUBSCRIPTION).unwrap(), []);
}

#[test]
fn a_signal_ends_it_with_everything_written_that_was_read_and_the_next_run_goes_on() {
    let emulator = shop();
    let start = || {
        let mut program = registration();
        let program = on(&emulator, &mut program).args(["--project", "shop"]);
        program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let publish = |messages: std::ops::Range<u64>| {
        for i in messages {
            emulator.pubsub().publish(TOPIC, answer(1, i, &Settings::default()), &[]).unwrap();
        }
    };
    let first = start();
    publish(0..20);
    until("it writes", || rows(&emulator) > 0);
    let ended = terminated(first);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert!(text(&ended.stdout).contains("stopped in"), "{}", text(&ended.stdout));
    let left = emulator.pubsub().unacked(SUBSCRIPTION).unwrap().len();
    assert_eq!(rows(&emulator), (20 - left) * 5);
    // What it had been given and had not read comes again when its lease is over.
    emulator.clock().advance(Duration::from_mins(10));

    let second = start();
    publish(20..30);
    until("all is in the table", || rows(&emulator) == 150);
    until("all is acknowledged", || emulator.pubsub().unacked(SUBSCRIPTION).unwrap().is_empty());
    assert!(terminated(second).status.success());
    assert_eq!(rows(&emulator), 150);
}

#[test]
fn a_process_that_is_killed_loses_no_user() {
    let emulator = shop();
    let publish = |messages: std::ops::Range<u64>| {
        for i in messages {
            emulator.pubsub().publish(TOPIC, answer(1, i, &Settings::default()), &[]).unwrap();
        }
    };
    publish(0..10);
    let mut program = registration();
    let program = on(&emulator, &mut program).args(["--project", "shop", "--epoch", "1h"]);
    let mut first = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("all is delivered", || emulator.pubsub().backlog(SUBSCRIPTION).unwrap().delivered >= 10);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(emulator.pubsub().unacked(SUBSCRIPTION).unwrap().len(), 10);

    emulator.clock().advance(Duration::from_mins(10));
    let mut program = registration();
    succeeds(on(&emulator, &mut program).args(["--project", "shop", "--messages", "10"]));
    let names = emulator.bigquery().rows("shop", "website", "users");
    let names: std::collections::BTreeSet<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), 50, "each at least once");
    assert_eq!(emulator.pubsub().unacked(SUBSCRIPTION).unwrap(), []);
}

#[test]
fn what_the_producer_writes_to_files_is_history() {
    let (emulator, root) = (shop(), tempdir().unwrap());
    let folder = root.path().join("history");
    succeeds(producer().args("--made-up --interval 0s --count 4 --output".split(' ')).arg(&folder));
    let mut program = registration();
    let program = on(&emulator, &mut program).args(["--project", "shop", "--no-stream", "--input"]);
    succeeds(program.arg(&folder));
    assert_eq!(rows(&emulator), 20);
}

#[test]
fn every_name_and_place_is_an_option_with_a_variable() {
    let help = succeeds(registration().arg("--help"));
    for (option, variable) in [
        ("--input", "USER_REGISTRATION_INPUT"),
        ("--project", "USER_REGISTRATION_PROJECT"),
        ("--subscription", "USER_REGISTRATION_SUBSCRIPTION"),
        ("--topic", "USER_REGISTRATION_TOPIC"),
        ("--dataset", "USER_REGISTRATION_DATASET"),
        ("--table", "USER_REGISTRATION_TABLE"),
        ("--dead-letters", "USER_REGISTRATION_DEAD_LETTERS"),
        ("--segments", "USER_REGISTRATION_SEGMENTS"),
    ] {
        assert!(help.contains(option) && help.contains(&format!("[env: {variable}")), "{option}: {help}");
    }
    let help =
        succeeds(producer().env("USER_PRODUCER_URL", "https://api.example.com/?key=s3cret").arg("--help"));
    for variable in
        ["USER_PRODUCER_URL", "USER_PRODUCER_PROJECT", "USER_PRODUCER_TOPIC", "USER_PRODUCER_INTERVAL"]
    {
        assert!(help.contains(&format!("[env: {variable}")), "{variable}: {help}");
    }
    assert!(!help.contains("s3cret"), "{help}");
}

#[test]
fn what_cannot_be_meant_is_said_in_a_line_with_exit_code_two() {
    let wrong = |program: &mut Command, args: &str, named: &str| {
        let Output { status, stderr, .. } = program.args(args.split(' ')).output().unwrap();
        assert_eq!(status.code(), Some(2), "{args}");
        let told = text(&stderr);
        assert!(told.contains(named) && told.lines().count() == 1, "{told}");
    };
    wrong(&mut registration(), "--no-stream", "--input");
    wrong(&mut registration(), "--horizon soon", "--horizon");
    wrong(&mut registration(), "--write replace", "--write");
    wrong(&mut registration(), "--project shop --seed 1", "--seed");
    wrong(&mut producer(), "--project shop", "--url");
    wrong(&mut producer(), "--made-up", "--project");
    wrong(&mut producer(), "--made-up --output out", "--count");
}

#[test]
fn what_is_not_there_is_named_with_exit_code_two() {
    let emulator = Emulator::start().unwrap();
    let mut program = registration();
    let Output { status, stderr, .. } =
        on(&emulator, &mut program).args(["--project", "shop"]).output().unwrap();
    assert_eq!(status.code(), Some(2));
    let told = text(&stderr);
    assert!(told.starts_with("error: "), "{told}");
    assert!(told.contains("user-input-sub") || told.contains("website"), "{told}");
}
