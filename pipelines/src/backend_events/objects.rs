//! One object for each event.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flow_core::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use flow_core::{Bundle, Error, Result, Timestamp};

use super::object::EventObject;
use super::paths;

/// Writes every event to an object of its own, whose name is a function of the event: a retry writes the same object.
#[derive(Clone, Debug)]
pub struct EventObjects {
    root: PathBuf,
}

impl EventObjects {
    /// Objects beneath a directory, in the folders of their minute.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        EventObjects { root: root.into() }
    }
}

impl Sink<EventObject> for EventObjects {
    type Writer = ObjectWriter;
    /// The object's name and its folder.
    type Token = (String, String);

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, cx: &WriterContext) -> Result<ObjectWriter> {
        let (root, synced) = (self.root.clone(), !cx.bounded);
        Ok(ObjectWriter { root, synced, made: BTreeSet::new(), written: Vec::new(), text: Vec::new() })
    }

    fn commit(
        &self,
        commit: Commit<(String, String)>,
    ) -> impl Future<Output = Result<Committed>> + Send + 'static {
        let root = self.root.clone();
        async move {
            for (folder, name) in &commit.tokens {
                let folder = root.join(folder);
                publish(&folder, name).map_err(|cause| unwritable(&folder.join(name), cause))?;
            }
            Ok(Committed::default())
        }
    }

    fn describe(&self) -> String {
        format!("an object each under {}", self.root.display())
    }
}

/// Gives a written object its name. It has it already if the commit is repeated, or if another worker had the same
/// event.
fn publish(folder: &Path, name: &str) -> io::Result<()> {
    match fs::rename(folder.join(hidden(name)), folder.join(name)) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && folder.join(name).exists() => Ok(()),
        done => done,
    }
}

fn hidden(name: &str) -> String {
    format!(".{name}.tmp")
}

fn unwritable(path: &Path, cause: io::Error) -> Error {
    Error::sink_failed(format!("cannot write {}", path.display()), cause)
}

/// Writes one worker's share of [`EventObjects`].
#[derive(Debug)]
pub struct ObjectWriter {
    root: PathBuf,
    /// Objects are synced one by one where their messages are acknowledged afterwards; a run that ends is run again.
    synced: bool,
    /// The folder written to last, and those before it.
    made: BTreeSet<String>,
    written: Vec<(String, String)>,
    text: Vec<u8>,
}

impl ObjectWriter {
    fn put(&mut self, object: &EventObject) -> Result<()> {
        let event = &object.0;
        let folder = paths::folders(&event.kind, event.at).join("/");
        let name = paths::event_object(event);
        let path = self.root.join(&folder);
        if !self.made.contains(&folder) {
            fs::create_dir_all(&path).map_err(|cause| unwritable(&path, cause))?;
            self.made.insert(folder.clone());
        }
        self.text.clear();
        serde_json::to_writer(&mut self.text, object)
            .map_err(|cause| Error::sink_failed("an event is no JSON", cause))?;
        self.text.push(b'\n');
        self.write_to(&path.join(hidden(&name))).map_err(|cause| unwritable(&path.join(&name), cause))?;
        self.written.push((folder, name));
        Ok(())
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(&self.text)?;
        if self.synced { file.sync_all() } else { Ok(()) }
    }
}

impl Writer<EventObject> for ObjectWriter {
    type Token = (String, String);

    async fn write(&mut self, bundle: &mut Bundle<EventObject>, _: &mut Rejects<EventObject>) -> Result<()> {
        bundle.values.iter().try_for_each(|object| self.put(object))?;
        bundle.clear();
        Ok(())
    }

    async fn prepare(
        &mut self,
        _: u64,
        _: Timestamp,
        _: &mut Rejects<EventObject>,
    ) -> Result<Vec<(String, String)>> {
        self.made.clear();
        Ok(std::mem::take(&mut self.written))
    }
}
