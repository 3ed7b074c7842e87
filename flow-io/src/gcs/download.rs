//! The bytes of objects, as they arrive.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use flow_core::{Error, ErrorKind, Result};
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::Error as GcsError;
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_storage::read_resume_policy::NeverResume;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::access::{Access, Wires, in_time};
use super::error::{Answer, answer, of_bucket};
use super::name::Place;
use crate::files::{Input, no_runtime};
use crate::gcp::{Fault, Plain};

/// A range of an object's bytes.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) access: Access,
    pub(super) place: Place,
    pub(super) generation: i64,
    /// The next byte.
    pub(super) at: AtomicU64,
    /// Up to where the bytes are surely wanted.
    pub(super) until: u64,
    /// How many bytes there are.
    pub(super) len: u64,
}

/// How many pieces may wait for the reader, each of some tens of KiB.
const WAITING: usize = 16;

/// How much is asked for at first beyond what is surely wanted: the rest of the last line.
const BEYOND: u64 = 64 << 10;

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
    Failed(io::Error),
}

/// Whether the reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    More,
    Nothing,
}

impl Download {
    /// Begins, in the runtime of the caller.
    pub(super) fn begin(self) -> Result<Arrivals> {
        let runtime = Handle::try_current().map_err(|_| no_runtime())?;
        let (sender, pieces) = mpsc::channel(WAITING);
        let (hungry, hunger) = watch::channel(0);
        let task = runtime.spawn(self.run(sender, hunger)).abort_handle();
        let (piece, waker) = (Bytes::new(), Waker::noop().clone());
        Ok(Arrivals { pieces, piece, received: 0, hungry, ended: false, waker, task })
    }

    async fn run(self, pieces: Sender<Piece>, hunger: watch::Receiver<u64>) {
        let last = match self.pump(&pieces, hunger).await {
            Ok(()) => Piece::End,
            Err(error) => Piece::Failed(error),
        };
        let _ = pieces.send(last).await; // the reader may have gone
    }

    async fn pump(&self, pieces: &Sender<Piece>, mut hunger: watch::Receiver<u64>) -> io::Result<()> {
        let wires = self.access.wires().await.map_err(io::Error::other)?;
        let first = self.at();
        let (mut until, mut beyond) = (self.until.min(self.len), BEYOND);
        while self.at() < self.len {
            if self.at() >= until {
                // The reader may find the end of its last line in what it has.
                let sent = self.at() - first;
                if hunger.wait_for(|received| *received == sent).await.is_err() {
                    return Ok(());
                }
                until = self.len.min(self.at() + beyond);
                beyond *= 2;
            }
            let what = format!("reading {}", self.url());
            let read = self
                .access
                .retrying()
                .run(&what, Fault::of_gax, || Box::pin(self.read(&wires, until, pieces)));
            if read.await.map_err(|error| self.failed(error))? == Wanted::Nothing {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads on until a byte, or until the stream breaks; an error if that was before it gave anything.
    async fn read(&self, wires: &Wires, until: u64, pieces: &Sender<Piece>) -> Result<Wanted, GcsError> {
        let from = self.at();
        let range = if (from, until) == (0, self.len) {
            ReadRange::all()
        } else {
            ReadRange::segment(from, until - from)
        };
        let read = wires.storage.read_object(self.place.resource(), &self.place.key);
        let read = read.set_generation(self.generation).set_read_range(range);
        let read = read.with_retry_policy(NeverRetry).with_read_resume_policy(NeverResume);
        let mut response = in_time(Box::pin(read.send())).await?;
        while let Some(bytes) = in_time(async { response.next().await.transpose() }).await.transpose() {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(error) if error.is_io() && self.at() > from => return Ok(Wanted::More),
                Err(error) => return Err(error),
            };
            self.access.retrying().traffic().bytes.add(bytes.len() as u64);
            self.at.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if pieces.send(Piece::Bytes(bytes)).await.is_err() {
                return Ok(Wanted::Nothing);
            }
        }
        if self.at() == from { Err(GcsError::io("the stream ended early")) } else { Ok(Wanted::More) }
    }

    fn at(&self) -> u64 {
        self.at.load(Ordering::Relaxed)
    }

    fn url(&self) -> String {
        self.place.url(&self.place.key)
    }

    fn failed(&self, error: GcsError) -> io::Error {
        if answer(&error) == Answer::Missing {
            let reason =
                "the object was deleted or replaced after it was listed: run again to read what is there now";
            let gone = Error::new(ErrorKind::Source, reason).caused_by(Plain::of(&error));
            return io::Error::new(io::ErrorKind::NotFound, gone);
        }
        io::Error::other(of_bucket(ErrorKind::Source, "the object cannot be read", &self.place.bucket, error))
    }
}

/// What has arrived of an object. The download ends when this is dropped.
#[derive(Debug)]
pub(super) struct Arrivals {
    pieces: Receiver<Piece>,
    piece: Bytes,
    received: u64,
    /// How much had been received when more was wanted.
    hungry: watch::Sender<u64>,
    ended: bool,
    waker: Waker,
    task: AbortHandle,
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Read for Arrivals {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.poll_recv(&mut Context::from_waker(&self.waker)) {
                Poll::Pending => {
                    self.hungry.send_replace(self.received);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Poll::Ready(Some(Piece::Bytes(bytes))) => {
                    self.received += bytes.len() as u64;
                    self.piece = bytes;
                }
                Poll::Ready(Some(Piece::End)) => self.ended = true,
                Poll::Ready(Some(Piece::Failed(error))) => return Err(error),
                Poll::Ready(None) => return Err(io::Error::other("the download was stopped")),
            }
        }
        let read = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

impl Input for Arrivals {
    fn wake(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }
}
