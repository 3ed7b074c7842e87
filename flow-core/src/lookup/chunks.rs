use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BoxError, Result};

/// Pairs are written in pieces of about this size.
const CHUNK: usize = 1 << 16;

/// Encoded pairs one behind the other, in pieces that can be written and read one by one.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Chunks {
    pub(crate) fn push(&mut self, pair: &impl Serialize) -> Result<(), BoxError> {
        postcard::to_io(pair, &mut self.last)?;
        self.cut();
        Ok(())
    }

    /// A pair of which the value is encoded already.
    pub(crate) fn push_encoded(&mut self, key: &impl Serialize, value: &[u8]) -> Result<(), BoxError> {
        postcard::to_io(key, &mut self.last)?;
        self.last.extend_from_slice(value);
        self.cut();
        Ok(())
    }

    fn cut(&mut self) {
        if self.last.len() >= CHUNK {
            self.full.push(std::mem::take(&mut self.last));
        }
    }

    /// Takes out those that are full.
    pub(crate) fn full(&mut self) -> impl Iterator<Item = Vec<u8>> {
        std::mem::take(&mut self.full).into_iter()
    }

    /// Takes everything out.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = Vec<u8>> {
        let last = std::mem::take(&mut self.last);
        self.full().chain(Some(last).filter(|last| !last.is_empty()))
    }
}

/// Calls for every pair of a piece.
pub(crate) fn each_pair<P: DeserializeOwned>(
    mut chunk: &[u8],
    mut take: impl FnMut(P) -> Result<()>,
) -> Result<()> {
    while !chunk.is_empty() {
        let (pair, rest) = crate::exec::decode_first(chunk)?;
        take(pair)?;
        chunk = rest;
    }
    Ok(())
}
