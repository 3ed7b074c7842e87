//! Two sinks of one run do not overwrite each other's files.

use flow_core::prelude::*;
use flow_io::files::JsonFiles;
use tempfile::tempdir;

#[test]
fn destinations_of_one_place_are_an_error_that_says_how_to_tell_them_apart() {
    let root = tempdir().unwrap();
    let (p, directory) = (Pipeline::new(), root.path().to_owned());
    p.create(0..1000_u32).write_by(|n| n % 10, move |_| JsonFiles::under(&directory));
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert!(error.report().contains("two destinations of one step both write"), "{}", error.report());
    assert!(error.report().contains(".within(destination)"), "{}", error.report());
}

#[test]
fn steps_of_one_place_are_an_error_that_names_both() {
    let root = tempdir().unwrap();
    let p = Pipeline::new();
    let numbers = p.create(0..10_u32);
    numbers.write(JsonFiles::under(root.path()));
    numbers.map(|n| n + 1).write(JsonFiles::under(root.path()));
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert!(
        error.report().contains("steps `write-2` and `write` both write")
            || error.report().contains("steps `write` and `write-2` both write"),
        "{}",
        error.report()
    );
}

#[test]
fn destinations_within_a_directory_have_a_file_each() {
    let root = tempdir().unwrap();
    let (p, sink) = (Pipeline::new(), JsonFiles::under(root.path()));
    p.create(0..1000_u32).write_by(|n| n % 10, move |digit| sink.clone().within(digit.to_string()));
    ReferenceRunner::new().run(p).unwrap();
    let lines = |digit: u32| {
        let file = root.path().join(digit.to_string()).join("data-00001-of-00001.jsonl");
        std::fs::read_to_string(file).unwrap().lines().count()
    };
    assert_eq!((0..10).map(lines).collect::<Vec<_>>(), [100; 10]);
}
