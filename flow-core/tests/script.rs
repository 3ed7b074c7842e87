//! What a script of a stream takes.

use flow_core::prelude::*;
use flow_core::testing::{Script, Stream, stream};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// What is wrong with a script, and its line.
fn refused(script: Stream<u32>) -> String {
    let p = Pipeline::new();
    let _ = script.collection(&p).inspect(|_| {});
    ReferenceRunner::new().run(p).unwrap_err().report()
}

/// Beam: TestStream's builder checks.
#[test]
fn a_watermark_that_goes_back_is_refused_with_its_line() {
    let line = line!() + 1;
    let said = refused(stream().watermark(at(10)).watermark(at(9)));
    let wanted = format!(
        "tests/script.rs:{line}: a watermark cannot go back: this one is 1970-01-01T00:00:09Z, and it was 1970-01-01T00:00:10Z"
    );
    assert!(said.contains(&wanted), "{said}");
}

/// Beam: TestStream's builder checks.
#[test]
fn an_element_at_plus_infinity_is_refused() {
    let said = refused(stream().add([(1, Timestamp::MAX)]));
    assert!(said.contains("an element cannot be at plus infinity, where streams end"), "{said}");
    let last = stream().add([(1, Timestamp::END_OF_GLOBAL_WINDOW)]).run(|n: &PCollection<u32>| n.map(|n| n));
    assert_eq!(last.len(), 1);
}

#[test]
fn a_watermark_at_plus_infinity_is_the_end() {
    let ended = stream().add([(1, at(1))]).watermark(Timestamp::MAX);
    assert_eq!(ended.run(|n: &PCollection<u32>| n.window(Global::windows()).map(|n| n)).len(), 1);
    let said = refused(stream().watermark(Timestamp::MAX).add([(1, at(1))]));
    assert!(said.contains("nothing arrives after the end of a stream"), "{said}");
}

#[test]
fn each_stream_of_a_script_has_its_own_watermark() {
    let p = Pipeline::new();
    let script = Script::new(&p);
    let (left, right) = (script.input::<u32>(), script.input::<u32>());
    left.watermark(at(10));
    right.watermark(at(5)).add([(1, at(6))]);
    let _ = left.collection().flatten([&right.collection()]).inspect(|_| {});
    ReferenceRunner::new().run(p).unwrap();
}
