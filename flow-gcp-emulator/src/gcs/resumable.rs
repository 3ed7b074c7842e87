//! Uploads in chunks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::object::Object;
use crate::{Fault, Faults};

/// All chunks but the last are multiples of this.
const UNIT: u64 = 256 << 10;

/// The uploads that have begun. Clones are the same uploads. They are forgotten when the process ends.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    faults: Faults,
    all: Arc<Mutex<(u64, HashMap<String, Session>)>>,
}

/// One upload.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) bucket: String,
    pub(crate) name: String,
    pub(crate) resource: Map<String, Value>,
    pub(crate) condition: Condition,
    pub(crate) bytes: BytesMut,
    pub(crate) done: Option<Object>,
}

/// `Content-Range`: `bytes 0-99/200`, `bytes */200` or `bytes */*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The first byte and the one after the last; none if there are no bytes.
    pub(crate) bytes: Option<(u64, u64)>,
    /// The size of the whole object, if it is known.
    pub(crate) total: Option<u64>,
}

/// What came of a chunk.
#[derive(Debug)]
pub(crate) enum Progress {
    /// There is no such upload.
    Unknown,
    /// It was complete before.
    Done(String, Object),
    /// So many bytes are kept.
    Kept(u64),
    /// The bytes are all there.
    Complete(Session),
    /// The chunk cannot be taken in.
    Wrong(&'static str),
}

impl ContentRange {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let total = if total == "*" { None } else { Some(total.parse().ok()?) };
        if range == "*" {
            return Some(ContentRange { bytes: None, total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(ContentRange { bytes: Some((first, last + 1)), total })
    }
}

impl Sessions {
    pub(crate) fn new(faults: Faults) -> Self {
        Sessions { faults, all: Arc::default() }
    }

    /// Begins an upload; returns its id.
    pub(crate) fn start(&self, session: Session) -> String {
        self.with(|last, all| {
            *last += 1;
            let id = format!("upload-{last}");
            all.insert(id.clone(), session);
            id
        })
    }

    /// Takes in a chunk, of which the upload may have a part already.
    pub(crate) fn put(&self, id: &str, range: ContentRange, mut chunk: Bytes) -> Progress {
        if range.bytes.is_some_and(|(start, end)| chunk.len() as u64 != end - start) {
            return Progress::Wrong("the chunk has not the bytes that Content-Range says");
        }
        let partial = range.bytes.is_some()
            && self.faults.next("storage.resumable.put.chunk").is_some_and(|fault| fault == Fault::Partial);
        if partial {
            chunk.truncate(UNIT as usize);
        }
        self.with(|_, all| all.get_mut(id).map_or(Progress::Unknown, |session| session.put(range, &chunk)))
    }

    /// Notes that the object of an upload is stored.
    pub(crate) fn done(&self, id: &str, object: &Object) {
        self.with(|_, all| {
            if let Some(session) = all.get_mut(id) {
                session.done = Some(object.clone());
                session.bytes = BytesMut::new();
            }
        });
    }

    /// Ends an upload; whether there was one.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        self.with(|_, all| all.remove(id).is_some())
    }

    fn with<T>(&self, work: impl FnOnce(&mut u64, &mut HashMap<String, Session>) -> T) -> T {
        let mut sessions = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, all) = &mut *sessions;
        work(last, all)
    }
}

impl Session {
    fn put(&mut self, range: ContentRange, chunk: &Bytes) -> Progress {
        if let Some(object) = &self.done {
            return Progress::Done(self.bucket.clone(), object.clone());
        }
        let kept = self.bytes.len() as u64;
        if let Some((start, end)) = range.bytes {
            let Some(known) = kept.checked_sub(start) else {
                return Progress::Wrong("the chunk begins after the bytes that are kept");
            };
            if range.total.is_none_or(|total| end < total) && !end.is_multiple_of(UNIT) {
                return Progress::Wrong("all chunks but the last are multiples of 256 KiB");
            }
            self.bytes.extend_from_slice(chunk.get(known as usize..).unwrap_or_default());
        }
        let kept = self.bytes.len() as u64;
        match range.total {
            Some(total) if total == kept => Progress::Complete(self.clone()),
            Some(total) if total < kept => Progress::Wrong("there are more bytes than the object has"),
            _ => Progress::Kept(kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_has_bytes_or_a_total_or_neither() {
        let range = |text| ContentRange::parse(text).map(|range| (range.bytes, range.total));
        assert_eq!(range("bytes 0-99/200"), Some((Some((0, 100)), Some(200))));
        assert_eq!(range("bytes 0-99/*"), Some((Some((0, 100)), None)));
        assert_eq!(range("bytes */200"), Some((None, Some(200))));
        assert_eq!(range("bytes */*"), Some((None, None)));
        assert_eq!(range("bytes 200-199/200"), None);
        assert_eq!(range("0-99/200"), None);
    }
}
