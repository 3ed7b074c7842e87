//! Runs the fuzz targets of the module above without a fuzzer: each over its corpus, and over inputs near it, the same ones on
//! every run.

use std::fmt::Write;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// A function that must take any bytes.
type Target = fn(&[u8]);

/// How many inputs near the corpus are tried, unless `FUZZ_MUTANTS` says how many.
const MUTANTS: u64 = 2_000;

/// Longer inputs are for the fuzzer, which is faster.
const LONGEST: usize = 16 << 10;

#[test]
fn every_target_takes_its_corpus_and_what_is_near_it() {
    for (name, target) in super::TARGETS.iter().copied() {
        replay(name, target);
    }
}

/// Runs the target over the files in `fuzz/corpus/<name>`, and over mutations of them.
fn replay(name: &str, target: Target) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "the corpus of {name} has no files");
    for input in &corpus {
        run(name, target, input);
    }
    let mut random =
        Random(name.bytes().fold(0, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))));
    let mutants = std::env::var("FUZZ_MUTANTS").ok().and_then(|text| text.parse().ok());
    for _ in 0..mutants.unwrap_or(MUTANTS) {
        run(name, target, &mutant(&corpus, &mut random));
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

fn run(name: &str, target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let hex = input.iter().take(1024).fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("text takes everything");
            hex
        });
        eprintln!("the target {name} panics on {} bytes: {hex}", input.len());
        resume_unwind(panic);
    }
}

fn mutant(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    input.truncate(LONGEST);
    for _ in 0..=random.below(4) {
        change(&mut input, corpus, random);
    }
    input
}

/// One of the changes that fuzzers make.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    const TELLING: [u8; 10] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\n', b'%', b'/', b'-'];
    let at = random.below(input.len() + 1);
    match random.below(6) {
        0 => input.truncate(at),
        1 => input.insert(at, TELLING[random.below(TELLING.len())]),
        2 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend(other[from..].iter().take(LONGEST));
        }
        3 => {
            let piece = input[at..].iter().copied().take(random.below(32)).collect::<Vec<_>>();
            input.splice(at..at, piece.repeat(1 + random.below(8)));
        }
        _ => {
            let Some(byte) = input.get_mut(at) else { return };
            *byte = match random.below(3) {
                0 => *byte ^ (1 << random.below(8)),
                1 => TELLING[random.below(TELLING.len())],
                _ => random.next() as u8,
            };
        }
    }
}

/// A seeded generator: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}
