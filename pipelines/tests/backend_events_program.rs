//! The program, from its options to its files.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flow_core::prelude::*;
use flow_runner_local::{LocalRunner, Options};
use pipelines::backend_events::pipeline::{Settings, backend_events};
use pipelines::backend_events::{Generated, Input, generate};
use support::{files, landed, order, row_count};
use tempfile::tempdir;

const KINDS: [&str; 3] = ["order", "inventory", "user_activity"];

fn program(args: &[&str], output: &Path) -> Output {
    let program = env!("CARGO_BIN_EXE_backend-events");
    Command::new(program).args(args).arg("--output").arg(output).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn landing_tables_and_valid_input_are_equal_on_two_workers_and_a_rerun_adds_nothing() {
    let root = tempdir().unwrap();
    let shop = generate::Settings {
        invalid_per_mille: 20,
        late_per_mille: 20,
        per_second: 5,
        ..generate::Settings::default()
    };
    let input = Input::Generated(Generated { count: Some(20_000), shop, ..Generated::default() });
    for _ in 0..2 {
        let p = Pipeline::new();
        backend_events(&p, &input, &Settings::under(root.path()));
        let report = LocalRunner::new(Options::default().with_workers(2)).run(p).unwrap();
        let count = |name: &str| report.summary.counter(name) as usize;
        let events: usize = KINDS.iter().map(|kind| count(&format!("events.{kind}"))).sum();
        let late = count("dead_letters.late");
        let letters = count("dead_letters.invalid") + count("dead_letters.unknown") + late;
        assert_eq!(events + letters, 20_000);
        assert!((200..=600).contains(&late), "{late}");
        assert_eq!(landed(root.path(), &KINDS), events);
        assert_eq!(row_count(&root.path().join("tables/raw_events")), events);
        assert_eq!(landed(root.path(), &["dead-letter"]), letters);
        assert_eq!(row_count(&root.path().join("tables/dead_letters")), letters);
        let curated = root.path().join("tables/curated");
        assert_eq!(row_count(&curated.join("order_header")), count("events.order"));
        assert_eq!(row_count(&curated.join("order_item")), count("events.order"));
        assert_eq!(row_count(&curated.join("activity")), count("events.user_activity"));
    }
}

#[test]
fn a_rate_for_some_seconds_is_exactly_so_many_events() {
    let root = tempdir().unwrap();
    let run = program(&["--rate", "500", "--seconds", "1", "--invalid-per-mille", "0"], root.path());
    assert!(run.status.success(), "{}", stderr(&run));
    assert_eq!(landed(root.path(), &KINDS), 500);
}

#[test]
fn files_folders_and_standard_input_are_read() {
    let root = tempdir().unwrap();
    let (input, output) = (root.path().join("in.jsonl"), root.path().join("out"));
    let line = order(1, "2025-02-08T13:09:00Z").to_string();
    std::fs::write(&input, format!("{line}\n\nnonsense\n")).unwrap();
    let run = program(&["--input", input.to_str().unwrap()], &output);
    assert!(run.status.success(), "{}", stderr(&run));
    assert_eq!(files(&output.join("order"), "json"), ["2025/02/08/13/09/order_2025020813090001.json"]);
    assert_eq!(landed(&output, &["unknown"]), 1);

    let landing = output.join("order");
    let again = root.path().join("again");
    let run = program(&["--input", landing.to_str().unwrap()], &again);
    assert!(run.status.success(), "{}", stderr(&run));
    assert_eq!(landed(&again, &["order"]), 1);

    let piped = root.path().join("piped");
    let mut child = Command::new(env!("CARGO_BIN_EXE_backend-events"))
        .args(["--input", "-", "--output", piped.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let run = child.wait_with_output().unwrap();
    assert!(run.status.success());
    assert!(String::from_utf8(run.stdout).unwrap().contains("(order 1)"));
    assert_eq!(landed(&piped, &["order"]), 1);
}

#[test]
fn what_cannot_be_meant_is_said_in_a_line_with_exit_code_two() {
    let root = tempdir().unwrap();
    for (args, named) in [
        (vec!["--inptu", "x"], "--inptu"),
        (vec!["--rate", "0"], "--rate"),
        (vec!["--seconds", "5"], "--rate"),
        (vec!["--input", "x", "--count", "5"], "--count"),
        (vec!["--allowed-lateness", "soon"], "--allowed-lateness"),
        (vec!["--workers", "0"], "--workers"),
    ] {
        let run = program(&args, root.path());
        assert_eq!(run.status.code(), Some(2), "{args:?}");
        assert!(stderr(&run).contains(named), "{}", stderr(&run));
        assert_eq!(stderr(&run).lines().count(), 1, "{}", stderr(&run));
    }
}

#[test]
fn what_is_not_there_is_named_and_what_is_wrong_has_exit_code_two() {
    let root = tempdir().unwrap();
    let run = program(&["--input", "nowhere/*.jsonl"], root.path());
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains("no file matches `nowhere/*.jsonl`"), "{}", stderr(&run));
    assert_eq!(stderr(&run).lines().count(), 1);

    let run = program(&["--catalog", "nowhere.json"], root.path());
    assert_eq!(run.status.code(), Some(2));
    assert!(stderr(&run).contains("nowhere.json"), "{}", stderr(&run));

    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let run = program(&["--count", "10"], &file);
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains(file.to_str().unwrap()), "{}", stderr(&run));
}

#[test]
fn the_schemas_are_printed() {
    let run = program(&["--schema"], Path::new("unused"));
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.starts_with("raw_events.order\n"), "{text}");
    assert!(!Path::new("unused").exists());
}
