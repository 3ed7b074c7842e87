use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::PIECE;
use super::cursor::Cursor;
use super::file::Piece;
use super::run::Run;
use crate::BoxError;

/// Several runs as one: each key once, with the pieces of the first run first.
#[derive(Debug)]
pub(crate) struct Merge {
    cursors: Vec<Cursor>,
    /// Where the cursors stand.
    heads: BinaryHeap<Reverse<Head>>,
    hash: u64,
    key: Vec<u8>,
    at: At,
    read: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    hash: u64,
    key: Vec<u8>,
    run: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Behind the last piece of a key.
    End,
    /// In front of the first.
    Key,
    Piece,
}

impl Merge {
    /// With about so much memory.
    pub(super) fn new(runs: &[Run], memory: usize) -> Result<Self, BoxError> {
        let buffer = (memory / runs.len().max(1)).clamp(4 << 10, PIECE / 2);
        let mut cursors: Vec<Cursor> = runs.iter().map(|run| Cursor::new(run, buffer)).collect();
        let mut heads = BinaryHeap::with_capacity(cursors.len());
        for (run, cursor) in cursors.iter_mut().enumerate() {
            if cursor.next()? {
                heads.push(Reverse(Head { hash: cursor.hash, key: cursor.key.clone(), run }));
            }
        }
        Ok(Merge { cursors, heads, hash: 0, key: Vec::new(), at: At::End, read: 0 })
    }

    /// Moves in front of the first piece of the next key; false if there is none.
    pub(crate) fn next_key(&mut self) -> Result<bool, BoxError> {
        while self.next_piece()? {}
        let Some(Reverse(head)) = self.heads.peek() else { return Ok(false) };
        self.hash = head.hash;
        self.key.clone_from(&head.key);
        self.at = At::Key;
        Ok(true)
    }

    /// Moves to the next piece of the key; false if there is none.
    pub(crate) fn next_piece(&mut self) -> Result<bool, BoxError> {
        if self.at == At::Piece
            && let Some(mut head) = self.heads.peek_mut()
        {
            let cursor = &mut self.cursors[head.0.run];
            if cursor.next()? {
                head.0.hash = cursor.hash;
                head.0.key.clone_from(&cursor.key);
            } else {
                PeekMut::pop(head);
            }
        }
        let goes_on = |Reverse(head): &Reverse<Head>| head.hash == self.hash && head.key == self.key;
        let there_is = self.at != At::End && self.heads.peek().is_some_and(goes_on);
        self.at = if there_is { At::Piece } else { At::End };
        Ok(there_is)
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The key, encoded.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Where the piece is at which it stands.
    pub(crate) fn piece(&self) -> Piece {
        self.cursors[self.run()].piece()
    }

    /// How many bytes the piece takes, and how many items it has.
    pub(crate) fn extent(&self) -> (usize, u32) {
        self.cursors[self.run()].extent()
    }

    /// The items of the piece, encoded.
    pub(crate) fn items(&mut self) -> Result<&[u8], BoxError> {
        let run = self.run();
        self.read += self.cursors[run].extent().0;
        self.cursors[run].items()
    }

    /// How many bytes of items have been read so far.
    pub(crate) fn bytes_read(&self) -> usize {
        self.read
    }

    fn run(&self) -> usize {
        self.heads.peek().expect("it stands at a piece").0.run
    }
}
