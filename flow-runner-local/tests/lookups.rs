//! Lookups, which are larger than the memory that they may use.

mod kit;

use std::time::Duration;

use flow_core::ErrorKind;
use flow_core::prelude::*;
use flow_core::testing::{assert_that, collect};

/// Sorting may use an eighth of this, 128 KiB.
const TIGHT: u64 = 1 << 20;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(seconds).unwrap())
}

/// Three values for each of so many keys.
fn pairs(numbers: &PCollection<u64>) -> PCollection<(u64, String)> {
    numbers.flat_map(|n| (0..3).map(move |i| (n, format!("value {i} of {n}"))))
}

type Found = (u64, Option<String>, Vec<String>);

/// What readers find of three keys in a thousand, and of one that is not there.
fn found(keys: &PCollection<u64>, table: &View<Lookup<u64, String>>) -> PCollection<Found> {
    keys.with(table).process(|key, table, out| -> Result<(), BoxError> {
        let mut all = table.get_all(&key).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable();
        assert_eq!(table.get(&key)?.is_some(), table.contains_key(&key)?);
        out.emit((key, table.get(&key)?.map(|first| first[8..].to_string()), all));
        Ok(())
    })
}

fn wanted(key: u64) -> Vec<String> {
    (0..3).map(|i| format!("value {i} of {key}")).collect()
}

#[test]
fn a_table_larger_than_its_memory_is_found_by_all_workers() {
    for workers in [1, 2, 4] {
        let p = Pipeline::new();
        let table = pairs(&p.create(0..20_000)).as_lookup();
        let keys = p.create(0..21_000).filter(|n| n % 1000 < 3);
        let found = collect(&found(&keys, &table));
        let spilled =
            collect(&p.create([0]).with(&table).map(|_: u64, table| (table.is_spilled(), table.len())));
        kit::run(kit::workers(workers).with_memory_limit(TIGHT), p);
        assert_eq!(spilled.values(), [(true, 60_000)]);
        let found = found.sorted();
        assert_eq!(found.len(), 63);
        for (key, first, all) in found {
            let there = key < 20_000;
            assert_eq!(first.is_some(), there);
            assert_eq!(all, if there { wanted(key) } else { Vec::new() }, "of {key}");
        }
    }
}

#[test]
fn each_window_has_a_table_of_its_own() {
    let p = Pipeline::new();
    let minutes = || Fixed::of(Duration::from_mins(1));
    let timed = |p: &Pipeline, n: u64| p.create(0..n).with_timestamps(|n| at(*n / 50)).window(minutes());
    let table = timed(&p, 30_000).map(|n| (n, n)).as_lookup();
    let seen = timed(&p, 30_000).with(&table).process(|n, table, out| -> Result<(), BoxError> {
        let others = [n.wrapping_sub(3000), n + 3000];
        out.emit(
            table.get(&n)? == Some(n)
                && !table.contains_key(&others[0])?
                && !table.contains_key(&others[1])?,
        );
        Ok(())
    });
    assert_that(&seen).satisfies(|seen| seen.len() == 30_000 && seen.iter().all(|right| *right));
    kit::run(kit::workers(2).with_memory_limit(TIGHT), p);
}

#[test]
fn a_lookup_of_panes_holds_the_newest() {
    use flow_core::testing::{Script, run_on};
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (main, side) = (script.input::<u8>(), script.input::<(u8, u8)>());
    let each = Global::windows().trigger(repeatedly(after_count(1))).discarding();
    let table = side.collection().window(each).as_lookup();
    let seen = main.collection().with(&table).process(|n, table, out| -> Result<(), BoxError> {
        out.emit((n, table.get(&n)?, table.len()));
        Ok(())
    });
    side.add([((1, 10), at(1))]);
    main.add([(1, at(1))]);
    side.add([((2, 20), at(2))]);
    main.add([(1, at(2)), (2, at(2))]);
    assert_that(&seen).contains_in_any_order([(1, Some(10), 1), (1, None, 1), (2, Some(20), 1)]);
    run_on(&flow_runner_local::LocalRunner::new(kit::workers(2)), p);
}

#[test]
fn an_empty_table_finds_nothing() {
    let p = Pipeline::new();
    let table = pairs(&p.create([])).as_lookup();
    assert_that(&found(&p.create([7]), &table)).contains_only((7, None, Vec::new()));
    kit::run(kit::workers(2), p);
}

#[test]
fn a_scratch_folder_is_made_and_left_empty() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("a/b");
    let p = Pipeline::new();
    let table = pairs(&p.create(0..20_000)).as_lookup();
    let (seen, looked_into) = (found(&p.create([5]), &table), scratch.clone());
    // The files have no names, also while they are in use: a process that is killed leaves nothing behind.
    seen.for_each(move |_| assert_eq!(std::fs::read_dir(&looked_into).unwrap().count(), 0));
    kit::run(kit::workers(2).with_memory_limit(TIGHT).with_scratch_dir(&scratch), p);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn a_scratch_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let p = Pipeline::new();
    let table = pairs(&p.create(0..20_000)).as_lookup();
    found(&p.create([5]), &table).for_each(|_| {});
    let error = kit::fails(kit::workers(2).with_memory_limit(TIGHT).with_scratch_dir(file.path()), p);
    let said = error.report();
    assert_eq!(error.kind(), ErrorKind::Storage, "{said}");
    assert_eq!(error.step().unwrap().name, "as_lookup/sort");
    assert!(
        said.contains(&format!("a scratch file in {} cannot be written", file.path().display())),
        "{said}"
    );
    assert!(said.contains("--scratch-dir"), "{said}");
}

/// How many files of a folder this process has open, named or not.
#[cfg(target_os = "linux")]
fn open_files(folder: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|fd| {
        std::fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|file| file.starts_with(folder))
    })
    .count()
}

#[cfg(target_os = "linux")]
#[test]
fn many_small_tables_take_few_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let p = Pipeline::new();
    let numbers =
        p.create(0..60_000).with_timestamps(|n| at(*n / 20)).window(Fixed::of(Duration::from_secs(1)));
    let table = numbers.map(|n| (n, n)).as_lookup();
    let found =
        numbers.filter(|n| n % 20 == 0).with(&table).process(move |n, table, out| -> Result<(), BoxError> {
            let files = if n % 1000 == 0 { open_files(&path) } else { 0 };
            out.emit((table.get(&n)? == Some(n), table.is_spilled(), files));
            Ok(())
        });
    let found = collect(&found);
    kit::run(kit::workers(2).with_memory_limit(TIGHT).with_scratch_dir(folder.path()), p);
    let found = found.values();
    assert!(found.len() == 3000 && found.iter().all(|(is_right, ..)| *is_right));
    assert!(found.iter().filter(|(_, is_spilled, _)| *is_spilled).count() > 1000);
    let most = found.iter().map(|(.., files)| *files).max().unwrap();
    assert!(most < 200, "{most} files are open at once");
}
