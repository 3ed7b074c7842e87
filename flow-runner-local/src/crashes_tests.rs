use std::process::Command;

use flow_core::prelude::*;
use flow_core::testing::collect;
use flow_core::{DeadLetter, Failure};

use super::*;
use crate::{LocalRunner, Options};

/// Where the run of a child process keeps its notes, and which elements end it.
const CHILD: &str = "FLOW_TEST_CRASHES";

fn aborts(n: u64, fatal: &[u64]) -> u64 {
    if fatal.contains(&n) { std::process::abort() } else { n }
}

/// What came out of a run, and what was put aside.
fn run(folder: &Path, fatal: Vec<u64>) -> (Vec<u64>, Vec<DeadLetter<u64>>) {
    let p = Pipeline::new();
    let (kept, failed) =
        p.create(0..200_u64).reshuffle().with_dead_letters(move |n| n.map(move |n| aborts(n, &fatal)));
    let (kept, failed) = (collect(&kept), collect(&failed));
    // In one epoch, since what one process had committed is not in the memory of the next.
    let options = Options::default().with_workers(2).with_epoch(std::time::Duration::from_hours(1));
    let options = options.with_state_dir(folder).allowing_ephemeral_state();
    LocalRunner::new(options).run(p).unwrap();
    (kept.sorted(), failed.values())
}

/// The body of the child process; nothing in any other.
#[test]
fn a_run_in_a_process_of_its_own() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (folder, fatal) = told.split_once(' ').unwrap();
    let fatal: Vec<u64> = fatal.split(',').map(|n| n.parse().unwrap()).collect();
    let (kept, letters) = run(Path::new(folder), fatal.clone());
    assert_eq!(kept, (0..200).filter(|n| !fatal.contains(n)).collect::<Vec<_>>());
    let mut dead: Vec<_> = letters.iter().map(|letter| letter.element).collect();
    dead.sort_unstable();
    assert_eq!(dead, fatal);
    for letter in letters {
        assert_eq!((letter.failure, letter.attempts), (Failure::Crash, 0));
        assert!(
            letter.error.starts_with("the process ended while this element was tried"),
            "{}",
            letter.error
        );
    }
}

/// Whether a start of the child got through.
fn start(folder: &Path, fatal: &str) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "crashes::tests::a_run_in_a_process_of_its_own", "--nocapture"]);
    let output = child.env(CHILD, format!("{} {fatal}", folder.display())).output().unwrap();
    let says = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.success(), says.contains("1 passed"), "{says}");
    assert!(!says.contains("FAILED"), "{says}{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn an_element_that_aborts_is_put_aside_at_the_fourth_start() {
    let folder = tempfile::tempdir().unwrap();
    let starts: Vec<bool> = (0..4).map(|_| start(folder.path(), "42")).collect();
    assert_eq!(starts, [false, false, false, true]);
}

#[test]
fn a_second_element_takes_one_start_more_and_no_other_is_suspected() {
    let folder = tempfile::tempdir().unwrap();
    let starts: Vec<bool> = (0..5).map(|_| start(folder.path(), "42,142")).collect();
    assert_eq!(starts, [false, false, false, false, true]);
}

#[test]
fn runs_that_end_by_themselves_convict_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let crashes = Crashes::watch(folder.path()).unwrap();
        assert!(crashes.door().is_none());
    }
}

/// A run that dies while it tries an element, if it names any.
fn dies(folder: &Path, trying: &[u64]) -> bool {
    let crashes = Crashes::watch(folder).unwrap();
    let door = crashes.door().map(|mut door| trying.iter().for_each(|element| door.begin(*element)));
    std::mem::forget(crashes);
    door.is_some()
}

#[test]
fn elements_are_named_once_two_runs_have_died_and_the_innermost_is_convicted() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!([7, 8, 9].map(|element| dies(folder.path(), &[1, element])), [false, false, true]);
    let crashes = Crashes::watch(folder.path()).unwrap();
    let door = crashes.door().unwrap();
    assert_eq!([1, 7, 8, 9].map(|element| door.is_convicted(element)), [false, false, false, true]);
    drop(crashes);
    let again = Crashes::watch(folder.path()).unwrap();
    assert!(again.door().unwrap().is_convicted(9), "an orderly end alone acquits nobody");
    again.committed();
    drop(again);
    assert!(Crashes::watch(folder.path()).unwrap().door().is_none());
}

#[test]
fn an_element_that_is_done_is_not_convicted() {
    let folder = tempfile::tempdir().unwrap();
    (0..2).for_each(|_| assert!(!dies(folder.path(), &[])));
    let crashes = Crashes::watch(folder.path()).unwrap();
    let mut door = crashes.door().unwrap();
    door.begin(5);
    door.begin(6);
    door.end();
    door.end();
    std::mem::forget(crashes);
    let crashes = Crashes::watch(folder.path()).unwrap();
    assert_eq!([5, 6].map(|element| crashes.door().unwrap().is_convicted(element)), [false, false]);
}

#[test]
fn notes_are_read_as_they_were_written_and_damaged_ones_are_begun_anew() {
    let notes = Notes { running: true, crashes: 3, convicted: [7, u64::MAX].into() };
    assert_eq!(Notes::parse(&notes.to_string()), Some(notes));
    for damaged in
        ["", "flow crashes 2\nrunning true\ncrashes 1\n", "flow crashes 1\nrunning true\ncrashes x\n"]
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("crashes"), damaged).unwrap();
        assert!(Crashes::watch(folder.path()).unwrap().door().is_none());
    }
}
