//! Numbers as a source that holds none of them.

use std::task::{Context, Poll};

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Result};

/// The numbers from 0 to this, in any number of splits.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Source for Numbers {
    type Item = u64;
    type Split = (u64, u64);
    type Position = u64;
    type Reader = NumbersReader;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
        let parts = desired.max(1) as u64;
        Ok((0..parts).map(|part| (self.0 * part / parts, self.0 * (part + 1) / parts)).collect())
    }

    fn reader(&self, split: &(u64, u64), from: Option<u64>, _: &ReaderContext) -> Result<NumbersReader> {
        Ok(NumbersReader { next: from.unwrap_or(split.0), end: split.1 })
    }
}

pub(crate) struct NumbersReader {
    next: u64,
    end: u64,
}

impl Reader for NumbersReader {
    type Item = u64;
    type Position = u64;

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        let until = self.end.min(self.next + 512);
        out.values.extend(self.next..until);
        self.next = until;
        Poll::Ready(Ok(if until == self.end { Next::End } else { Next::More }))
    }

    fn position(&self) -> u64 {
        self.next
    }
}

/// Spreads numbers.
pub(crate) fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
