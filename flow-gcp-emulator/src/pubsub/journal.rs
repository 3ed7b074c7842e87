//! What has to be known after a restart, as a file of entries.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use prost::Message as _;
use serde_json::Value;

use super::message::Message;
use super::settings::Resource;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    Topic = 0,
    TopicGone = 1,
    Subscription = 2,
    SubscriptionGone = 3,
    /// Messages of a topic, for all its subscriptions.
    Published = 4,
    /// Messages that a subscription had not acknowledged when the journal was begun.
    Restored = 5,
    Acknowledged = 6,
    Sought = 7,
}

/// One change.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Entry {
    #[prost(enumeration = "Kind", tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    resource: String,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(crate) messages: Vec<Bytes>,
    #[prost(uint64, repeated, tag = "5")]
    pub(crate) ids: Vec<u64>,
    #[prost(int64, tag = "6")]
    pub(crate) moment: i64,
}

impl Entry {
    pub(crate) fn of(kind: Kind, name: &str) -> Self {
        Entry { kind: kind.into(), name: name.to_owned(), ..Entry::default() }
    }

    pub(crate) fn resource(kind: Kind, name: &str, resource: &Resource) -> Self {
        let resource = Value::Object(resource.clone()).to_string();
        Entry { resource, ..Entry::of(kind, name) }
    }

    pub(crate) fn messages(kind: Kind, name: &str, messages: &[Arc<Message>]) -> Self {
        let messages = messages.iter().map(|message| message.wire.clone()).collect();
        Entry { messages, ..Entry::of(kind, name) }
    }

    pub(crate) fn acknowledged(name: &str, ids: &[u64]) -> Self {
        Entry { ids: ids.to_vec(), ..Entry::of(Kind::Acknowledged, name) }
    }

    pub(crate) fn sought(name: &str, moment: i64) -> Self {
        Entry { moment, ..Entry::of(Kind::Sought, name) }
    }

    pub(crate) fn read_resource(&self) -> Resource {
        serde_json::from_str(&self.resource).unwrap_or_default()
    }
}

/// A file that grows by one entry for each change. The system keeps what is written when the process dies, but not when
/// the machine does.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// All entries of a file, up to one that was not written to its end.
    pub(crate) fn read(path: &Path) -> io::Result<Vec<Entry>> {
        let mut bytes = match fs::read(path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Bytes::new(),
            Err(e) => return Err(e),
        };
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let Ok(entry) = Entry::decode_length_delimited(&mut bytes) else { break };
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Begins a file with these entries, in place of the one that is there.
    pub(crate) fn write(path: &Path, entries: &[Entry]) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension("new");
        let mut journal = Journal { file: File::create(&new)? };
        for entry in entries {
            journal.file.write_all(&entry.encode_length_delimited_to_vec())?;
        }
        fs::rename(&new, path)?;
        Ok(journal)
    }

    pub(crate) fn append(&mut self, entry: &Entry) {
        let mut bytes = BytesMut::with_capacity(entry.encoded_len() + 10);
        let written = entry.encode_length_delimited(&mut bytes).map_err(io::Error::other);
        if let Err(error) = written.and_then(|()| self.file.write_all(&bytes)) {
            tracing::error!(%error, "a change of Pub/Sub could not be written down and is lost at a restart");
        }
    }
}
