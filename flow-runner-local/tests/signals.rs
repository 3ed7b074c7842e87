//! Signals end a program's run with everything written that was read.
#![cfg(unix)]
mod kit;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The example that never ends by itself, next to this test; cargo builds it with the tests.
fn endless() -> Child {
    let mut path: PathBuf = std::env::current_exe().expect("this test is a file");
    path.pop();
    path.pop();
    path.extend(["examples", "endless"]);
    let mut command = Command::new(&path);
    command.args(["--workers", "2", "--epoch", "10ms"]).stdout(Stdio::piped());
    command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", path.display()))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("there is a kill").success());
}

fn is_stopped_by(name: &'static str) {
    let (code, lines) = kit::ends("the program", move || {
        let mut child = endless();
        let mut out = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut lines: Vec<String> = out.by_ref().take(20).map(|line| line.expect("text")).collect();
        signal(&child, name);
        lines.extend(out.map(|line| line.expect("text")));
        (child.wait().expect("ends").code(), lines)
    });
    assert_eq!(code, Some(0));
    let (last, numbers) = lines.split_last().expect("a last line");
    let mut numbers: Vec<u64> = numbers.iter().map(|line| line.parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(*last, format!("read {}, stopped: true", numbers.len()));
}

#[test]
fn sigterm_writes_what_was_read() {
    is_stopped_by("TERM");
}

#[test]
fn sigint_writes_what_was_read() {
    is_stopped_by("INT");
}
