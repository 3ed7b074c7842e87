//! What the measured programs share: the input's numbers, and how a result is printed.

mod paced;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Element, Result};
use flow_runner_local::Report;
pub use paced::{Paced, PacedReader, now};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A well-mixed number from a counter (splitmix64).
#[inline]
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number under `n` from a mixed one.
#[inline]
pub fn under(mixed: u64, n: u64) -> u64 {
    ((u128::from(mixed) * u128::from(n)) >> 64) as u64
}

/// `make(0)`, `make(1)`, up to a count, made as they are read.
#[derive(Clone, Debug)]
pub struct Numbered<F> {
    /// How many.
    pub count: u64,
    /// Makes each.
    pub make: F,
}

impl<T: Element, F: Fn(u64) -> T + Clone + Send + Sync + 'static> Source for Numbered<F> {
    type Item = T;
    type Split = (u64, u64);
    type Position = u64;
    type Reader = NumberedReader<F>;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
        let parts = desired.max(1) as u64;
        Ok((0..parts).map(|part| (self.count * part / parts, self.count * (part + 1) / parts)).collect())
    }

    fn reader(&self, split: &(u64, u64), from: Option<u64>, _: &ReaderContext) -> Result<NumberedReader<F>> {
        Ok(NumberedReader { next: from.unwrap_or(split.0), end: split.1, make: self.make.clone() })
    }
}

/// Reads a range of [`Numbered`].
#[derive(Debug)]
pub struct NumberedReader<F> {
    next: u64,
    end: u64,
    make: F,
}

impl<T: Element, F: Fn(u64) -> T + Send + 'static> Reader for NumberedReader<F> {
    type Item = T;
    type Position = u64;

    fn poll_next(
        &mut self,
        _: &mut std::task::Context<'_>,
        out: &mut Bundle<T>,
    ) -> std::task::Poll<Result<Next>> {
        let until = self.end.min(self.next + Bundle::<T>::TARGET_LEN as u64);
        out.values.extend((self.next..until).map(&self.make));
        self.next = until;
        std::task::Poll::Ready(Ok(if until == self.end { Next::End } else { Next::More }))
    }

    fn position(&self) -> u64 {
        self.next
    }
}

/// A sum over all workers that does not depend on order.
#[derive(Clone, Debug, Default)]
pub struct Checksum(Arc<AtomicU64>);

impl Checksum {
    /// Adds one value.
    pub fn add(&self, value: u64) {
        self.0.fetch_add(value, Relaxed);
    }
    /// The sum.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// All files in a directory and those in it.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The seconds that the process has kept processors busy.
pub fn cpu_seconds() -> f64 {
    cpu_time::ProcessTime::now().as_duration().as_secs_f64()
}

/// One line in the form that the peers' programs print.
pub fn print(name: &str, report: &Report, events: u64, check: impl std::fmt::Display) {
    let wall = report.duration.as_secs_f64();
    let rss = report.peak_memory.unwrap_or(0) as f64 / 1_048_576.0;
    let meps = events as f64 / wall / 1e6;
    println!(
        "REGION name={name} wall={wall:.4} cpu={:.4} rss_mib={rss:.1} events={events} meps={meps:.3} check={check}",
        cpu_seconds()
    );
}
