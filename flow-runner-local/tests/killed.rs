//! Processes that are killed at any moment, or die at named points: started again, they go on until everything is
//! visible exactly once, and nothing was acknowledged that is not.
//!
//! `FLOW_KILLS=1000 cargo test -p flow-runner-local --test killed` kills more often, and tells how often.
#![cfg(unix)]

mod kit;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flow_core::Pipeline;
use flow_core::prelude::*;
use flow_runner_local::{LocalRunner, Options};
use kit::outside::{Outside, Pages, Shelf};

/// What the killed processes run; all of them write what they find to shelves outside.
const PROGRAMS: [&str; 4] = ["fan-out", "counts", "firsts", "destinations"];

fn program(name: &str, outside: &Outside) -> Pipeline {
    let p = Pipeline::new();
    let numbers = p.read(Pages { outside: outside.clone(), pages: pages() });
    match name {
        "fan-out" => {
            numbers.map(|n| format!("all {n}")).write(Shelf::of(outside, "all"));
            numbers.filter(|n| n % 2 == 0).map(|n| format!("even {n}")).write(Shelf::of(outside, "even"));
        }
        "counts" => {
            let counts = numbers.map(|n| n % 97).window(Fixed::of(Duration::from_secs(10))).count().reify();
            let lines = counts.map(|one| format!("{:?} {:?} {:?}", one.value, one.window, one.pane.timing));
            lines.write(Shelf::of(outside, "counts"));
        }
        "firsts" => {
            let firsts = numbers.map(|n| n % 499).deduplicate(Duration::from_hours(1));
            firsts.map(|n| n.to_string()).write(Shelf::of(outside, "firsts"));
        }
        "destinations" => {
            let shelves = outside.clone();
            let lines = numbers.map(|n| format!("{} {n}", n % 5));
            let refused = lines.try_write_by(
                |line| line[..1].to_owned(),
                move |digit: &String| Shelf::of(&shelves, digit).refusing("77"),
            );
            refused.map(|refused| refused.value).write(Shelf::of(outside, "refused"));
        }
        _ => panic!("no program {name}"),
    }
    p
}

/// Numbers of three splits, each in order of time.
fn pages() -> Arc<Vec<Vec<(u64, i64)>>> {
    let page = |page: u64| (0..1500).map(|n| (n * 3 + page, (n / 20) as i64)).collect();
    Arc::new((0..3).map(page).collect())
}

/// The process that is killed: this test, run by the others.
#[test]
fn child() {
    let Ok(root) = std::env::var("FLOW_TEST_OUTSIDE") else { return };
    let (root, name) = (PathBuf::from(root), std::env::var("FLOW_TEST_PROGRAM").unwrap());
    let workers = std::env::var("FLOW_TEST_WORKERS").unwrap().parse().unwrap();
    let options = Options::default()
        .with_workers(workers)
        .with_epoch(Duration::from_millis(1))
        .with_state_dir(root.join("state"))
        .allowing_ephemeral_state();
    let outcome = LocalRunner::new(options).run(program(&name, &Outside::at(&root)));
    std::process::exit(outcome.map_or_else(
        |error| {
            eprintln!("{}", error.report());
            1
        },
        |_| 0,
    ));
}

fn start(root: &Path, program: &str, workers: u64, crash_at: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env("FLOW_TEST_OUTSIDE", root).env("FLOW_TEST_PROGRAM", program);
    command.env("FLOW_TEST_WORKERS", workers.to_string()).env("FLOW_CRASH_AT", crash_at);
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// What a run that nobody disturbs makes visible.
fn undisturbed(name: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let outside = Outside::at(directory.path());
    LocalRunner::new(kit::workers(2)).run(program(name, &outside)).unwrap();
    outside.visible()
}

/// A sequence of numbers that a seed begins.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn was_killed(status: ExitStatus) -> bool {
    assert!(status.success() || status.code().is_none(), "it failed by itself: {status}");
    !status.success()
}

/// Starts a program until it ends by itself, killing it now and then; how often that was.
#[expect(clippy::disallowed_methods, reason = "kills come at any moment")]
fn kill_until_done(root: &Path, name: &str, dice: &mut Dice) -> u32 {
    for kills in 0..1000 {
        let mut child = start(root, name, 1 + dice.below(4), "");
        std::thread::sleep(Duration::from_millis(5 + dice.below(if kills < 12 { 120 } else { 2_000 })));
        let _ = child.kill(); // it may have ended
        if !was_killed(child.wait().unwrap()) {
            return kills;
        }
    }
    panic!("it never ends");
}

fn kills_wanted() -> u32 {
    std::env::var("FLOW_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

#[test]
fn killed_at_any_moment_everything_is_visible_once() {
    let seed = std::env::var("FLOW_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = Dice(seed);
    for name in PROGRAMS {
        let wanted = undisturbed(name);
        let (mut kills, mut runs) = (0, 0);
        while kills < kills_wanted() {
            let directory = tempfile::tempdir().unwrap();
            kills += kill_until_done(directory.path(), name, &mut dice);
            runs += 1;
            assert_same(&Outside::at(directory.path()).visible(), &wanted, name);
        }
        println!("{name}: {kills} kills in {runs} runs, seed {seed}: nothing missing, nothing twice");
    }
}

#[test]
fn a_program_that_is_told_to_end_leaves_its_windows_open_and_goes_on() {
    let (directory, wanted) = (tempfile::tempdir().unwrap(), undisturbed("counts"));
    let (root, outside) = (directory.path(), Outside::at(directory.path()));
    outside.hold(true);
    let mut child = start(root, "counts", 2, "");
    let shelves = outside.clone();
    kit::ends("the beginning", move || {
        while shelves.visible().is_empty() {
            std::thread::yield_now();
        }
    });
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(sent.expect("there is a kill").success());
    let status = kit::ends("the program", move || child.wait()).unwrap();
    assert!(status.success(), "{status}");
    let visible = outside.visible();
    assert!(visible.len() < wanted.len(), "it is held in the middle");
    assert!(visible.iter().all(|line| wanted.contains(line)), "a window is cut short: {visible:?}");
    outside.hold(false);
    assert!(!was_killed(start(root, "counts", 3, "").wait().unwrap()));
    assert_same(&outside.visible(), &wanted, "told to end");
}

/// Dies at a point, and at another when it goes on.
fn die_at(points: &[&str], name: &str, wanted: &[String]) {
    let directory = tempfile::tempdir().unwrap();
    for (n, point) in points.iter().enumerate() {
        let status = start(directory.path(), name, 1 + n as u64 % 3, point).wait().unwrap();
        was_killed(status); // not every point is on the way of every run
    }
    assert!(!was_killed(start(directory.path(), name, 2, "").wait().unwrap()), "{points:?}");
    assert_same(&Outside::at(directory.path()).visible(), wanted, &format!("{name}, {points:?}"));
}

/// Named points of an epoch, and of a run that goes on.
const POINTS: [&str; 15] = [
    "epoch-begun:5",
    "segment-written:5",
    "segment-synced:5",
    "manifest-written:5",
    "manifest-synced:5",
    "manifest-renamed:5",
    "manifest-durable:5",
    "garbage-removed:5",
    "sink-committed:5",
    "sinks-committed:5",
    "acknowledging:5",
    "resuming",
    "resumed",
    "restored",
    "over",
];

#[test]
fn dying_at_each_named_point_loses_nothing() {
    for name in PROGRAMS {
        let wanted = undisturbed(name);
        for point in POINTS {
            die_at(&["acknowledging:3", point], name, &wanted);
        }
    }
}

/// Every ordered pair of points; `FLOW_PAIRS=1`, since it takes minutes.
#[test]
fn dying_at_one_point_and_then_at_another_loses_nothing() {
    let all = std::env::var("FLOW_PAIRS").is_ok();
    let wanted = undisturbed("counts");
    let pairs = POINTS.iter().flat_map(|first| POINTS.iter().map(move |second| (*first, *second)));
    let chosen = pairs.enumerate().filter(|(n, _)| all || n % 16 == 3).map(|(_, pair)| pair);
    for (first, second) in chosen {
        die_at(&["acknowledging:2", first, second], "counts", &wanted);
    }
}

#[track_caller]
fn assert_same(visible: &[String], wanted: &[String], what: &str) {
    let missing: Vec<_> = wanted.iter().filter(|line| visible.binary_search(line).is_err()).collect();
    let spurious: Vec<_> = visible.iter().filter(|line| wanted.binary_search(line).is_err()).collect();
    assert!(missing.is_empty() && spurious.is_empty(), "{what}: missing {missing:?}, spurious {spurious:?}");
    assert_eq!(visible.len(), wanted.len(), "{what}: lines are visible twice");
}
