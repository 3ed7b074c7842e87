//! A file for each element.
#![cfg(feature = "files")]

use std::fs;
use std::path::{Path, PathBuf};

use flow_core::prelude::*;
use flow_core::testing::{collect, conformance};
use flow_io::files::{FilePath, JsonFiles, JsonLines, WriteEach};
use tempfile::tempdir;

/// All files beneath a directory, by their paths in it.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn numbers(root: &Path) -> WriteEach<u32, JsonLines> {
    JsonFiles::each_under(root, |n: &u32| FilePath::new().dir(n % 2).file(format_args!("{n}.json")))
}

#[test]
fn it_is_a_lawful_sink() {
    let root = tempdir().unwrap();
    let mut places = 0..;
    let fresh = || numbers(&root.path().join(places.next().expect("places enough").to_string()));
    conformance::sink(fresh, &[1, 2, 3, 4, 5], |sink: &WriteEach<u32, JsonLines>| {
        let place = sink.describe().strip_prefix("a file each under ").unwrap().to_owned();
        fs::create_dir_all(&place).unwrap();
        let visible = files(Path::new(&place)).into_iter().filter(|(name, _)| !name.contains("/."));
        visible.map(|(_, text)| text.trim().parse().unwrap()).collect()
    });
}

#[test]
fn what_comes_again_replaces_itself() {
    let root = tempdir().unwrap();
    for _ in 0..2 {
        let p = Pipeline::new();
        p.create([1_u32, 2, 2]).write(numbers(root.path()));
        ReferenceRunner::new().run(p).unwrap();
        let wanted = [("0/2.json", "2\n"), ("1/1.json", "1\n")];
        assert_eq!(files(root.path()), wanted.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}

#[test]
fn an_element_whose_name_leads_nowhere_is_refused() {
    let root = tempdir().unwrap();
    let p = Pipeline::new();
    let sink = JsonFiles::each_under(root.path(), |name: &String| FilePath::new().file(name));
    let names = ["..".to_owned(), "../up".to_owned(), "plain".to_owned()];
    let refused = collect(&p.create(names).try_write(sink).map(|r| (r.value, r.reason)));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(refused.values(), [("..".to_owned(), "`..` cannot be a part of a file's path".to_owned())]);
    let names: Vec<_> = files(root.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["%2E.%2Fup", "plain"]);
}
