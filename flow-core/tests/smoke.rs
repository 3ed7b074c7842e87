//! The verbs end to end.
use flow_core::prelude::*;
#[test]
fn map() {
    assert_eq!(apply([1, 2], |n: &PCollection<u32>| n.map(|n| n * 10)), [10, 20]);
}
#[test]
fn count() {
    assert_eq!(
        apply(["a", "b", "a"], |n: &PCollection<String>| n.count()),
        [("a".into(), 2), ("b".into(), 1)]
    );
}
#[test]
fn side() {
    let scaled = apply([1, 2], |n: &PCollection<u32>| {
        let factor = n.combine(Sum).as_single();
        n.with(&factor).map(|n, factor| n * factor)
    });
    assert_eq!(scaled, [3, 6]);
}
#[test]
fn write() {
    use flow_core::testing::MemorySinks;
    let written = MemorySinks::new();
    let p = Pipeline::new();
    p.create([1, 2, 3]).write(written.sink("x"));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(written.values("x"), [1, 2, 3]);
}
#[test]
fn write_by() {
    use flow_core::testing::MemorySinks;
    let written = MemorySinks::new();
    let p = Pipeline::new();
    let sinks = written.clone();
    p.create([1, 2, 3]).write_by(|n| n % 2, move |parity| sinks.sink(&format!("parity {parity}")));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(written.values("parity 1"), [1, 3]);
}
