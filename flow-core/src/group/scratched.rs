use std::sync::Arc;

use super::values::{Group, Values};
use crate::element::Wire;
use crate::exec::throw;
use crate::functions::Side;
use crate::spill::{Piece, not_kept};
use crate::{BoxError, Result};

/// Values of so many bytes are read into memory where a group is made.
pub(crate) const SMALL: usize = 32 << 10;

/// Takes the next value off what is encoded; none if it is not one of this group.
type Decode<V> = dyn Fn(&[u8]) -> Result<(Option<V>, usize), BoxError> + Send + Sync;

/// Values in scratch, in order.
pub(super) struct Scratched<V> {
    pieces: Arc<[Piece]>,
    len: usize,
    decode: Arc<Decode<V>>,
}

impl<V: Wire> Scratched<V> {
    /// All values of the pieces.
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(|piece| piece.count() as usize).sum();
        let decode = |bytes: &[u8]| {
            let (value, rest) = postcard::take_from_bytes(bytes)?;
            Ok((Some(value), bytes.len() - rest.len()))
        };
        Scratched { pieces: pieces.into(), len, decode: Arc::new(decode) }
    }
}

impl<V> Scratched<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Goes through values in scratch, with one piece of them in memory.
pub(super) struct Reading<V> {
    of: Arc<Scratched<V>>,
    next_piece: usize,
    bytes: Vec<u8>,
    at: usize,
    left: u32,
    /// How many values are still to come.
    len: usize,
}

impl<V> Reading<V> {
    pub(super) fn new(of: Arc<Scratched<V>>) -> Self {
        let len = of.len;
        Reading { of, next_piece: 0, bytes: Vec::new(), at: 0, left: 0, len }
    }

    /// The next value and how many bytes it takes.
    fn read(&mut self) -> Result<Option<(V, usize)>, BoxError> {
        loop {
            while self.left == 0 {
                let Some(piece) = self.of.pieces.get(self.next_piece) else { return Ok(None) };
                piece.read(&mut self.bytes)?;
                (self.at, self.left) = (0, piece.count());
                self.next_piece += 1;
            }
            let (value, taken) = (self.of.decode)(&self.bytes[self.at..])?;
            self.at += taken;
            self.left -= 1;
            if let Some(value) = value {
                self.len = self.len.saturating_sub(1);
                return Ok(Some((value, taken)));
            }
        }
    }
}

impl<V> Iterator for Reading<V> {
    type Item = V;

    fn next(&mut self) -> Option<V> {
        if self.len == 0 {
            return None;
        }
        // There is no result to say it with; the step fails all the same.
        let read = self.read().unwrap_or_else(|cause| throw(not_kept(cause)));
        read.map(|(value, _)| value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

/// The values of the two sides of a join: each in memory, unless it is large.
pub(crate) fn parted<V: Wire, W: Wire>(sides: Group<Side<V, W>>) -> (Group<V>, Group<W>) {
    match sides.into_values() {
        Values::Memory(sides) => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for side in Arc::unwrap_or_clone(sides) {
                match side {
                    Side::Left(value) => left.push(value),
                    Side::Right(value) => right.push(value),
                }
            }
            (left.into(), right.into())
        }
        Values::Scratch(sides) => parted_in_scratch(sides).unwrap_or_else(|cause| throw(not_kept(cause))),
    }
}

fn parted_in_scratch<V: Wire, W: Wire>(
    sides: Arc<Scratched<Side<V, W>>>,
) -> Result<(Group<V>, Group<W>), BoxError> {
    let (mut left, mut right) = (Part::default(), Part::default());
    let mut reading = Reading::new(Arc::clone(&sides));
    while let Some((side, bytes)) = reading.read()? {
        match side {
            Side::Left(value) => left.add(value, bytes),
            Side::Right(value) => right.add(value, bytes),
        }
    }
    let left = left.group(&sides, |side| match side {
        Side::Left(value) => Some(value),
        Side::Right(_) => None,
    });
    let right = right.group(&sides, |side| match side {
        Side::Left(_) => None,
        Side::Right(value) => Some(value),
    });
    Ok((left, right))
}

/// One side of what is in scratch.
struct Part<V> {
    /// While they are few.
    values: Vec<V>,
    bytes: usize,
    len: usize,
}

impl<V> Default for Part<V> {
    fn default() -> Self {
        Part { values: Vec::new(), bytes: 0, len: 0 }
    }
}

impl<V: Wire> Part<V> {
    fn add(&mut self, value: V, bytes: usize) {
        self.len += 1;
        self.bytes += bytes;
        if self.bytes <= SMALL {
            self.values.push(value);
        } else {
            self.values = Vec::new();
        }
    }

    fn group<S: Wire>(self, all: &Scratched<S>, select: fn(S) -> Option<V>) -> Group<V> {
        if self.bytes <= SMALL {
            return self.values.into();
        }
        let of_all = Arc::clone(&all.decode);
        let decode = move |bytes: &[u8]| {
            let (value, taken) = of_all(bytes)?;
            Ok((value.and_then(select), taken))
        };
        let pieces = Arc::clone(&all.pieces);
        Group::of(Values::Scratch(Arc::new(Scratched { pieces, len: self.len, decode: Arc::new(decode) })))
    }
}
