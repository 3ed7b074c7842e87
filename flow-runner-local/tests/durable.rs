//! Runs with a state directory: suspended, drained, over, changed, damaged.

mod kit;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::{Error, ErrorKind};
use flow_runner_local::{LocalRunner, Options, Report, inspect};
use kit::restart::{Ledger, Replay, World};

fn options(directory: &Path) -> Options {
    kit::workers(2).with_epoch(Duration::from_millis(1)).with_state_dir(directory).allowing_ephemeral_state()
}

/// Two splits of a hundred seconds.
fn elements() -> Arc<Vec<Vec<(u64, i64)>>> {
    let split = |split: u64| (0..4_000).map(|n| ((n + split) % 11, (n / 40) as i64)).collect();
    Arc::new((0..2).map(split).collect())
}

/// Counts in windows of ten seconds; `name` is that of the step that counts.
fn counts(world: &World, name: &str) -> Pipeline {
    let p = Pipeline::new();
    let source = Replay { world: world.clone(), splits: elements(), bounded: false };
    let counts = p.read(source).window(Fixed::of(Duration::from_secs(10))).count().named(name);
    counts.reify().map(|one| format!("{:?} {:?}", one.value, one.window)).write(Ledger(world.clone()));
    p
}

fn undisturbed() -> Vec<String> {
    let world = World::default();
    kit::run(kit::workers(2), counts(&world, "counts"));
    world.visible()
}

/// Lets a run get as far as some windows, and suspends it there.
fn suspended(world: &World, directory: &Path) -> Report {
    world.hold_at(Some(1_500));
    let job = LocalRunner::new(options(directory)).start(counts(world, "counts")).unwrap();
    let wait = world.clone();
    kit::ends("the beginning", move || {
        while wait.visible().is_empty() {
            std::thread::yield_now();
        }
    });
    job.suspend();
    let report = kit::ends("the suspension", move || job.wait()).unwrap();
    world.hold_at(None);
    report
}

fn error_of(directory: &Path, change: impl FnOnce(Options) -> Options, pipeline: Pipeline) -> Error {
    kit::fails(change(options(directory)), pipeline)
}

#[test]
fn a_suspended_run_leaves_its_windows_open_and_goes_on() {
    let (directory, world, wanted) = (tempfile::tempdir().unwrap(), World::default(), undisturbed());
    let report = suspended(&world, directory.path());
    assert!(report.stopped && !report.was_over);
    let visible = world.visible();
    assert!(visible.len() < wanted.len(), "suspended in the middle");
    assert!(
        visible.iter().all(|line| wanted.binary_search(line).is_ok()),
        "no window is cut short: {visible:?}"
    );
    kit::run(options(directory.path()).with_workers(3), counts(&world, "counts"));
    assert_eq!(world.visible(), wanted);
}

#[test]
fn what_was_late_before_a_restart_is_late_behind_it() {
    let (directory, log) = (tempfile::tempdir().unwrap(), kit::Log::default());
    let program = |feed: &kit::Feed| {
        let p = Pipeline::new();
        let (in_time, late) = p.read(feed.clone()).window(Fixed::of(Duration::from_secs(10))).split_late();
        in_time.write(kit::Logged(log.clone()));
        late.map(|n| 1_000 + n).write(kit::Logged(log.clone()));
        p
    };
    let feed = kit::Feed::new("before", &log);
    feed.add([(1, 100)]);
    feed.watermark(100);
    let job = LocalRunner::new(options(directory.path())).start(program(&feed)).unwrap();
    log.wait("the first is visible", |facts| kit::visible(facts) == [1]);
    job.suspend();
    kit::ends("the suspension", move || job.wait()).unwrap();
    // Its reader does not know yet how far the source was, as one that estimates.
    let feed = kit::Feed::new("behind", &log);
    feed.add([(2, 5)]);
    feed.end();
    kit::run(options(directory.path()), program(&feed));
    assert_eq!(log.committed(), [1, 1_002]);
}

#[test]
fn draining_closes_the_windows_of_what_was_read_and_a_later_run_reads_on() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    suspended(&world, directory.path());
    kit::run(Options { drain: true, ..options(directory.path()) }, counts(&world, "counts"));
    kit::run(options(directory.path()), counts(&world, "counts"));
    // The windows that were open then come in two parts.
    let count = |lines: &[String]| -> u64 {
        let number = |line: &String| line.split([',', ')']).nth(1).and_then(|n| n.trim().parse::<u64>().ok());
        lines.iter().filter_map(number).sum()
    };
    assert_eq!(count(&world.visible()), count(&undisturbed()));
    assert!(world.visible().len() > undisturbed().len());
}

#[test]
fn a_run_that_has_read_everything_is_over_and_reads_nothing_again() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    kit::run(options(directory.path()), counts(&world, "counts"));
    let report = kit::run(options(directory.path()), counts(&world, "counts"));
    assert!(report.was_over);
    assert!(report.to_string().contains("nothing left to do"), "{report}");
    assert_eq!(world.visible(), undisturbed());
}

#[test]
fn a_step_with_another_name_is_an_error_that_says_what_to_do() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    suspended(&world, directory.path());
    let error = error_of(directory.path(), |options| options, counts(&world, "totals"));
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::State, 3));
    assert!(
        error.to_string().contains("`counts/combine`") && error.to_string().contains("--rename-step OLD=NEW"),
        "{error}"
    );
    let renamed =
        Options { rename_step: vec![("counts".into(), "totals".into())], ..options(directory.path()) };
    kit::run(renamed, counts(&world, "totals"));
    assert_eq!(world.visible(), undisturbed());
}

#[test]
fn what_a_step_kept_that_is_gone_is_forgotten_only_if_allowed() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    suspended(&world, directory.path());
    let without_counts = || {
        let p = Pipeline::new();
        let source = Replay { world: world.clone(), splits: elements(), bounded: false };
        p.read(source).map(|n| n.to_string()).named("map").write(Ledger(world.clone()));
        p
    };
    let error = error_of(directory.path(), |options| options, without_counts());
    assert_eq!(error.kind(), ErrorKind::State);
    let allowed = Options { allow_state_migration: true, ..options(directory.path()) };
    kit::run(allowed, without_counts());
}

#[test]
fn two_runs_cannot_share_a_directory() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    world.hold_at(Some(1_500));
    let job = LocalRunner::new(options(directory.path())).start(counts(&world, "counts")).unwrap();
    let wait = world.clone();
    kit::ends("the beginning", move || {
        while wait.visible().is_empty() {
            std::thread::yield_now();
        }
    });
    let error = error_of(directory.path(), |options| options, counts(&world, "counts"));
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.report().contains("another process is using it"), "{}", error.report());
    job.cancel();
    let _ = job.wait();
}

#[test]
fn damage_is_told_with_the_file_and_nothing_is_read() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    suspended(&world, directory.path());
    assert!(inspect::verify(directory.path()).unwrap() > 0);
    let visible = world.visible();
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let newest = names.filter(|path| path.to_string_lossy().contains("segment-")).max().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let error = error_of(directory.path(), |options| options, counts(&world, "counts"));
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.report().contains("damaged at byte"), "{}", error.report());
    assert_eq!(inspect::verify(directory.path()).unwrap_err().kind(), ErrorKind::State);
    assert_eq!(world.visible(), visible);
}

#[test]
fn a_look_into_a_directory_shows_sources_steps_and_sinks() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    suspended(&world, directory.path());
    let epoch = inspect::show(directory.path(), None).unwrap();
    let text = epoch.to_string();
    for wanted in [
        "running",
        "source read: watermark 1970-01-01T00:",
        "2 splits begun",
        "counts",
        "records",
        "sink write",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let missing = inspect::show(directory.path(), Some(1_000_000)).unwrap_err();
    assert!(missing.to_string().contains("has no such epoch; it has "), "{missing}");
}

#[test]
fn a_full_or_forbidden_place_is_an_error_before_anything_is_read() {
    let (directory, world) = (tempfile::tempdir().unwrap(), World::default());
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = error_of(&file, |options| options, counts(&world, "counts"));
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("file cannot be used"), "{error}");
    assert_eq!(world.visible(), Vec::<String>::new());
}
