use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flow_core::source::{Next, Reader, ReaderContext, Source};
use flow_core::{Bundle, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::records::{Records, Taken};
use super::scanner::Scanner;
use super::source::Settings;
use super::{Decode, LinePosition};

/// Reads the lines of standard input: made by [`TextFiles::stdin`](crate::files::TextFiles::stdin),
/// [`JsonFiles::stdin`](crate::files::JsonFiles::stdin), or [`new`](Stdin::new) for a format of your own.
///
/// It is bounded, for a pipe ends. What has been read is gone: a run that fails cannot be resumed, and a durable one that
/// was stopped while it read is refused, since the lines behind its last epoch would be missing.
#[derive(Clone, Debug)]
pub struct Stdin<D> {
    decode: D,
    settings: Settings,
}

/// What is said of a run that would go on.
const GONE: &str = "standard input cannot be read again, so that what an earlier process has read of it since its last epoch \
                    would be lost: start anew with another state directory, or read a file";

/// The whole of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StdinSplit;

impl<D: Decode> Stdin<D> {
    /// Reads standard input with a decoder.
    pub fn new(decode: D) -> Self {
        Stdin { decode, settings: Settings::default() }
    }

    /// The longest record that is read, in bytes; 16 MiB unless set.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_record = bytes;
        self
    }

    /// The same settings with another decoder.
    pub(crate) fn decoded_by<E: Decode>(self, decode: E) -> Stdin<E> {
        Stdin { decode, settings: self.settings }
    }
}

impl<D: Decode> Source for Stdin<D> {
    type Item = D::Item;
    type Split = StdinSplit;
    type Position = LinePosition;
    type Reader = StdinReader<D>;

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self, _: usize) -> Result<Vec<StdinSplit>> {
        Ok(vec![StdinSplit])
    }

    fn reader(
        &self,
        _: &StdinSplit,
        from: Option<LinePosition>,
        _: &ReaderContext,
    ) -> Result<StdinReader<D>> {
        // Even at the start: a pipe that nothing was read of in an epoch may have been read of behind it.
        if from.is_some() {
            return Err(Error::new(ErrorKind::Source, GONE));
        }
        Ok(StdinReader::new(self.decode.clone(), Box::new(io::stdin()), self.settings))
    }

    fn describe(&self) -> String {
        "standard input".to_owned()
    }
}

/// Reads standard input on tokio's blocking pool, so that no worker waits for whoever types.
///
/// A runtime that is shut down waits for such a read: the runner ends it with `shutdown_background`.
pub struct StdinReader<D> {
    records: Records<D>,
    input: Input,
}

enum Input {
    /// None after an error.
    Idle(Option<Pipe>),
    Reading(JoinHandle<(Pipe, io::Result<usize>)>),
}

/// What is read from, and the block that it is read into.
struct Pipe {
    from: Box<dyn Read + Send>,
    block: Vec<u8>,
}

impl Pipe {
    fn read(mut self) -> (Pipe, io::Result<usize>) {
        loop {
            match self.from.read(&mut self.block) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                read => return (self, read),
            }
        }
    }
}

impl<D> fmt::Debug for StdinReader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinReader").finish_non_exhaustive()
    }
}

impl<D: Decode> StdinReader<D> {
    fn new(decode: D, from: Box<dyn Read + Send>, settings: Settings) -> Self {
        let scanner = Scanner::new(0, Some(1), settings.chunk, settings.max_record);
        let records =
            Records::new(decode, "standard input".to_owned(), scanner, u64::MAX, settings.max_record);
        let pipe = Pipe { from, block: vec![0; settings.chunk] };
        StdinReader { records, input: Input::Idle(Some(pipe)) }
    }

    /// Reads a block, or begins to.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Input::Idle(pipe) = &mut self.input
            && let Some(pipe) = pipe.take()
        {
            self.input = Input::Reading(Handle::current().spawn_blocking(|| pipe.read()));
        }
        let Input::Reading(reading) = &mut self.input else {
            return Poll::Ready(Err(failed("an earlier read failed")));
        };
        let done = ready!(Pin::new(reading).poll(cx));
        self.input = Input::Idle(None);
        let (pipe, read) = done.map_err(failed)?;
        let read = read.map_err(failed)?;
        self.records.scanner.room()[..read].copy_from_slice(&pipe.block[..read]);
        self.records.scanner.filled(read);
        self.records.ended = read == 0;
        self.input = Input::Idle(Some(pipe));
        Poll::Ready(Ok(()))
    }
}

fn failed(cause: impl Into<flow_core::BoxError>) -> Error {
    Error::source_failed("cannot read standard input", cause)
}

impl<D: Decode> Reader for StdinReader<D> {
    type Item = D::Item;
    type Position = LinePosition;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<D::Item>) -> Poll<Result<Next>> {
        let before = out.len();
        loop {
            match self.records.take(out)? {
                Taken::Full => return Poll::Ready(Ok(Next::More)),
                Taken::All => return Poll::Ready(Ok(Next::End)),
                Taken::Hungry => match self.poll_read(cx)? {
                    Poll::Ready(()) => {}
                    Poll::Pending if out.len() == before => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(Next::More)), // what is there goes on at once
                },
            }
        }
    }

    fn position(&self) -> LinePosition {
        self.records.position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Text;
    use std::future::poll_fn;
    use std::sync::mpsc::{Receiver, channel};

    /// Blocks until a piece is sent; ends when the sender is gone.
    struct Typed(Receiver<&'static str>);

    impl Read for Typed {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.recv().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece.as_bytes());
            Ok(piece.len())
        }
    }

    #[tokio::test]
    async fn lines_come_as_they_are_typed_and_nobody_waits_in_between() {
        let (keyboard, typed) = channel();
        let mut reader = StdinReader::new(Text, Box::new(Typed(typed)), Settings::default());
        let mut out = Bundle::default();

        let waiting = poll_fn(|cx| Poll::Ready(reader.poll_next(cx, &mut out).is_pending())).await;
        assert!(waiting);
        keyboard.send("one\ntw").unwrap();
        assert_eq!(poll_fn(|cx| reader.poll_next(cx, &mut out)).await.unwrap(), Next::More);
        assert_eq!(out.values, ["one"]);
        assert_eq!(reader.position(), LinePosition { offset: 4, line: Some(2), end: None });

        keyboard.send("o").unwrap();
        drop(keyboard);
        while poll_fn(|cx| reader.poll_next(cx, &mut out)).await.unwrap() == Next::More {}
        assert_eq!(out.values, ["one", "two"]);
    }

    #[test]
    fn a_resumed_run_is_told_that_standard_input_is_gone() {
        for position in [LinePosition::START, LinePosition { offset: 4, line: Some(2), end: None }] {
            let error =
                Stdin::new(Text).reader(&StdinSplit, Some(position), &ReaderContext::default()).unwrap_err();
            let wanted = "standard input cannot be read again, so that what an earlier process has read of it since its \
                          last epoch would be lost: start anew with another state directory, or read a file";
            assert_eq!(error.to_string(), wanted);
        }
    }
}
