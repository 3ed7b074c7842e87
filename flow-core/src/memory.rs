//! Values in memory as a source.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::source::{Next, Reader, ReaderContext, Source};
use crate::{Bundle, Element, Result};

/// Given values as a source; behind [`Pipeline::create`](crate::Pipeline::create).
#[derive(Clone, Debug)]
pub(crate) struct Create<T> {
    values: Arc<Vec<T>>,
}

impl<T> Create<T> {
    pub(crate) fn new(values: Vec<T>) -> Self {
        Create { values: Arc::new(values) }
    }
}

impl<T: Element> Source for Create<T> {
    type Item = T;
    type Split = (u64, u64);
    type Position = (u64, u64);
    type Reader = CreateReader<T>;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, desired: usize) -> Result<Vec<(u64, u64)>> {
        let (len, parts) = (self.values.len() as u64, desired.max(1) as u64);
        let parts = parts.min(len.div_ceil(Bundle::<T>::TARGET_LEN as u64)).max(1);
        Ok((0..parts).map(|part| (len * part / parts, len * (part + 1) / parts)).collect())
    }

    fn reader(
        &self,
        split: &(u64, u64),
        from: Option<(u64, u64)>,
        _: &ReaderContext,
    ) -> Result<CreateReader<T>> {
        let (next, end) = from.unwrap_or(*split);
        Ok(CreateReader { values: Arc::clone(&self.values), next, end })
    }

    fn split_off(&self, reader: &mut CreateReader<T>) -> Option<(u64, u64)> {
        let left = reader.end - reader.next;
        if left <= Bundle::<T>::TARGET_LEN as u64 {
            return None; // read at once
        }
        let end = std::mem::replace(&mut reader.end, reader.next + left.div_ceil(2));
        Some((reader.end, end))
    }
}

/// Reads a range of given values.
#[derive(Debug)]
pub(crate) struct CreateReader<T> {
    values: Arc<Vec<T>>,
    next: u64,
    end: u64,
}

impl<T: Element> Reader for CreateReader<T> {
    type Item = T;
    type Position = (u64, u64);

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Bundle<T>) -> Poll<Result<Next>> {
        let until = self.end.min(self.next + Bundle::<T>::TARGET_LEN as u64);
        out.values.extend_from_slice(&self.values[self.next as usize..until as usize]);
        self.next = until;
        Poll::Ready(Ok(if until == self.end { Next::End } else { Next::More }))
    }

    /// With the end, which may not be that of the split any more.
    fn position(&self) -> (u64, u64) {
        (self.next, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance;
    use crate::testing::faults::SlowSource;

    #[test]
    fn given_values_are_a_lawful_source() {
        conformance::source(&Create::new(vec![1, 2, 2, 3]), &[3, 2, 2, 1]);
        conformance::source(&Create::new(Vec::<u8>::new()), &[]);
    }

    #[test]
    fn given_values_that_take_several_bundles_are_read_in_several_splits() {
        let values: Vec<[u64; 64]> = (0..100).map(|n| [n; 64]).collect();
        let source = Create::new(values.clone());
        assert_eq!(source.splits(3).unwrap(), [(0, 33), (33, 66), (66, 100)]);
        conformance::source(&source, &values);
        let mut reader = source.reader(&(0, 100), None, &ReaderContext::default()).unwrap();
        assert_eq!(source.split_off(&mut reader), Some((50, 100)));
        assert_eq!(source.split_off(&mut reader), Some((25, 50)));
        assert_eq!(source.split_off(&mut reader), Some((13, 25)));
        assert_eq!(source.split_off(&mut reader), None);
    }

    #[test]
    fn a_source_that_is_slow_is_still_lawful() {
        conformance::source(&SlowSource::new(Create::new(vec![1, 2, 3]), 2), &[1, 2, 3]);
    }
}
