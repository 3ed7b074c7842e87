//! Sinks of files in durable runs: processes are killed, and others go on.
#![cfg(feature = "files")]

use std::fs;
use std::path::{Path, PathBuf};

use flow_core::prelude::*;
use flow_core::sink::Sink;
use flow_core::testing::conformance;
use flow_io::files::{FilePath, JsonFiles, TextFiles, TextLines, WriteFiles};
use tempfile::tempdir;

/// The visible files beneath a directory, by name.
fn visible(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn lines(root: &Path) -> Vec<String> {
    let texts = visible(root).into_iter().map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Where a sink writes, as it says itself.
fn place<T: Element>(sink: &impl Sink<T>) -> PathBuf {
    PathBuf::from(sink.describe().split_once("under ").unwrap().1)
}

fn words() -> Vec<String> {
    (0..11).map(|n| format!("word {n}")).collect()
}

#[test]
fn files_of_lines_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    for bounded in [false, true] {
        let fresh = |n: usize| TextFiles::under(root.path().join(format!("{bounded}-{n}")));
        conformance::sink_resumes(state.path(), bounded, fresh, &words(), |sink: &WriteFiles<TextLines>| {
            lines(&place::<String>(sink))
        });
    }
}

#[test]
fn files_by_destination_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    for bounded in [false, true] {
        let fresh = |n: usize| TextFiles::under(root.path().join(format!("{bounded}-{n}"))).shards(2);
        conformance::sink_resumes(state.path(), bounded, fresh, &words(), |sink: &WriteFiles<TextLines>| {
            lines(&place::<String>(sink))
        });
    }
}

#[test]
fn files_of_an_element_each_go_on_after_a_kill() {
    let (root, state) = (tempdir().unwrap(), tempdir().unwrap());
    let fresh = |n: usize| {
        JsonFiles::each_under(root.path().join(n.to_string()), |n: &u32| {
            FilePath::new().file(format_args!("{n}.json"))
        })
    };
    let numbers: Vec<u32> = (0..9).collect();
    conformance::sink_resumes(state.path(), false, fresh, &numbers, |sink| {
        lines(&place::<u32>(sink)).into_iter().map(|line| line.parse().unwrap()).collect()
    });
}
