//! Every measured program on a little data: what it finds is what a few lines find that do the same at once.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::process::Command;

use benches::{mix, under};

/// What a program says of a run.
fn facts(program: &str, args: &[&str]) -> HashMap<String, String> {
    let output = Command::new(program).args(args).args(["--workers", "2"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let (_, facts) =
        said.lines().find_map(|line| line.split_once("REGION ")).expect("it says what came of it");
    let pairs = facts.split_whitespace().filter_map(|fact| fact.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn check(program: &str, args: &[&str]) -> String {
    facts(program, args).remove("check").expect("a check")
}

#[test]
fn w0_sums_what_is_left_of_numbers() {
    let step = |n: u64, step| Some(n.wrapping_mul(3).wrapping_add(step)).filter(|n| *n != 7);
    let all = |n| (0..6).try_fold(n, step);
    let sum = (0..50_000).filter_map(all).fold(0, u64::wrapping_add);
    assert_eq!(check(env!("CARGO_BIN_EXE_w0"), &["--count", "50000"]), sum.to_string());
}

#[test]
fn w1_counts_words() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text.txt");
    let words: Vec<String> = (0..20_000).map(|n| format!("w{}", under(mix(n), n % 700 + 1))).collect();
    fs::write(&path, words.chunks(11).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")).unwrap();
    let mut counts: BTreeMap<&String, u64> = BTreeMap::new();
    for word in &words {
        *counts.entry(word).or_default() += 1;
    }
    let wanted = format!("{}/{}/{}", counts.len(), words.len(), counts.values().max().unwrap());
    assert_eq!(check(env!("CARGO_BIN_EXE_w1"), &[path.to_str().unwrap()]), wanted);
}

#[test]
fn w2_sums_by_key() {
    let mut sums: BTreeMap<u64, u64> = BTreeMap::new();
    for n in 0..60_000 {
        *sums.entry(under(mix(n), 3_000)).or_default() += n & 1023;
    }
    let sum = sums.iter().map(|(key, sum)| mix(*key).wrapping_mul(*sum)).fold(0, u64::wrapping_add);
    let found = check(env!("CARGO_BIN_EXE_w2"), &["--count", "60000", "--keys", "3000"]);
    assert_eq!(found, format!("{}/{sum:x}", sums.len()));
}

/// Counts by key and start of the window, in milliseconds.
fn w4(count: u64, starts: impl Fn(i64) -> Vec<i64>) -> String {
    let mut counts: BTreeMap<(u64, i64), u64> = BTreeMap::new();
    for n in 0..count {
        let hash = mix(n);
        let at = 2_000 + n / 100 - under(hash << 32, 2_000);
        for start in starts(at as i64) {
            *counts.entry((under(hash, 10_000), start)).or_default() += 1;
        }
    }
    let of =
        |(&(key, start), &count): (&(u64, i64), &u64)| mix(key ^ ((start as u64) << 20)).wrapping_mul(count);
    let sum = counts.iter().map(of).fold(0, u64::wrapping_add);
    format!("{}/{}/{sum:x}", counts.len(), counts.values().sum::<u64>())
}

#[test]
fn w4_counts_in_windows() {
    let tumbling = w4(200_000, |at| vec![at - at.rem_euclid(10_000)]);
    assert_eq!(check(env!("CARGO_BIN_EXE_w4"), &["--count", "200000"]), tumbling);
    let sliding = w4(200_000, |at| (0..5).map(|n| at - at.rem_euclid(2_000) - n * 2_000).collect());
    assert_eq!(check(env!("CARGO_BIN_EXE_w4"), &["--count", "200000", "--sliding"]), sliding);
}

#[test]
fn w5_tells_events_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("events"), directory.path().join("out"));
    let lines = [
        r#"{"type":"order","ts":1,"order_id":"a","customer":{"id":2,"name":"n","country":"NO"},"sku":"s","qty":3,"unit_price_cents":50,"status":"new","tags":[]}"#,
        r#"{"type":"inventory","ts":2,"sku":"s","warehouse":"w","delta":-1,"on_hand":4,"reason":"r"}"#,
        r#"{"type":"activity","ts":3,"user_id":1,"session":"x","action":"a","page":"/","duration_ms":5,"score":0.5}"#,
        r#"{"type":"activity","ts":"#,
    ];
    fs::write(&input, lines.repeat(100).join("\n")).unwrap();
    let found = check(env!("CARGO_BIN_EXE_w5"), &[input.to_str().unwrap(), output.to_str().unwrap()]);
    let written = benches::files_below(&output);
    let bytes: u64 = written.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(found, format!("100/100/100/100/15000/{bytes}"));
    let rows = written.iter().map(|path| fs::read_to_string(path).unwrap().lines().count()).sum::<usize>();
    assert_eq!(rows, 300);
}

#[test]
fn w6_groups_trips() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trips.csv");
    let line = |n: u64| format!("1,a,b,2,{}.25,{},7,{},1.00,0.50,{}.10", n % 9, n % 50, n % 4, n % 30);
    let header = "vendor_id,from,to,passengers,distance,area,to_area,payment,fare,tip,total".to_owned();
    let lines: Vec<String> = [header].into_iter().chain((0..5_000).map(line)).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let groups = (0..5_000_u64).map(|n| (n % 50, n % 4)).collect::<std::collections::BTreeSet<_>>().len();
    let cents: u64 = (0..5_000).map(|n| n % 30 * 100 + 10).sum();
    let far: u64 = (0..5_000).map(|n| n % 9 * 100 + 25).sum();
    let found = check(env!("CARGO_BIN_EXE_w6"), &[path.to_str().unwrap()]);
    assert_eq!(found, format!("{groups}/5000/{cents}/{far}"));
}

#[test]
fn w7_measures_every_element() {
    let found = facts(env!("CARGO_BIN_EXE_w7"), &["--rate", "5000", "--seconds", "1"]);
    assert_eq!(found["events"], "5000");
    let windows = facts(env!("CARGO_BIN_EXE_w7"), &["--rate", "5000", "--seconds", "1", "--windows"]);
    let counts: u64 = windows["events"].parse().unwrap();
    assert!((1_000..=2_000).contains(&counts), "{counts} counts of a thousand keys in one or two windows");
}
