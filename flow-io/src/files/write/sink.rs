use std::fmt::{self, Display};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use flow_core::sink::{Commit, Committed, Delivery, Sink, WriterContext};
use flow_core::{Element, Result};

use super::registry::Registry;
use super::settings::{Places, Settings};
use super::temp::OpenFiles;
use super::{Encode, FileName, FilePath, FilesWriter, Format, Prepared};

/// Writes files beneath a directory: made by [`TextFiles::under`](crate::files::TextFiles::under),
/// [`JsonFiles::under`](crate::files::JsonFiles::under) and `ParquetFiles::under`, or [`new`](WriteFiles::new) for
/// a format of your own.
///
/// There is one file for each window and shard, however many workers write, and it appears under its name when the
/// watermark has passed the window and the file is whole and synced. Elements that come for a window later, and
/// those of the global window of a collection that does not end, make further parts, one an epoch. A run that ends
/// replaces the files of an earlier run that have the same names; one that does not leaves them alone and writes
/// further parts, for their content may have been acknowledged (see [`replace`](WriteFiles::replace)).
///
/// In a durable run a file that is not whole outlives the process under its hidden name, beside where it is going to be:
/// the next process cuts off what came after the last epoch and goes on with it. Formats that cannot be gone on with, as
/// Parquet, then write a file for each window, worker and epoch instead. What a later process finds it does not
/// replace. Whoever takes files away should wait for an epoch: one that is gone while its commit is redone cannot be told from
/// one that was lost, which is an error that says so.
///
/// For dynamic destinations, make one sink and derive the others from it [`within`](WriteFiles::within) it: they
/// share its limits.
///
/// A root of `gs://bucket/prefix` (feature `gcs`) means objects of Cloud Storage, of the same names. A file is written to
/// a directory of this machine and uploaded when it is whole, in a piece or resumed where the connection broke. No object
/// is overwritten that was not there when the upload began, and an upload whose answer was lost is known by a token in
/// the object's metadata (`flow-commit`).
pub struct WriteFiles<F: Format> {
    registry: Arc<Registry<F>>,
}

impl<F: Format> fmt::Debug for WriteFiles<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteFiles").field(&self.registry.settings).finish()
    }
}

/// A clone writes to the same files.
impl<F: Format> Clone for WriteFiles<F> {
    fn clone(&self) -> Self {
        WriteFiles { registry: Arc::clone(&self.registry) }
    }
}

impl<F: Format> WriteFiles<F> {
    /// Writes files of a format beneath a directory, which is made if it is not there.
    pub fn new(root: impl Into<PathBuf>, format: F) -> Self {
        WriteFiles { registry: Arc::new(Registry::new(Settings::new(root.into()), format)) }
    }

    /// The same with other settings: a sink of its own.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.registry.settings.clone();
        change(&mut settings);
        WriteFiles { registry: Arc::new(Registry::new(settings, self.registry.format.clone())) }
    }

    /// Names the files. Whatever the naming leaves out, no file replaces another of the same run: it gets `-1`,
    /// `-2` before its extension.
    ///
    /// ```
    /// use flow_io::files::{FilePath, TextFiles};
    /// let sink = TextFiles::under("out").named(|name| {
    ///     FilePath::new().dir(format_args!("day={}", name.start().date())).file("visits.txt")
    /// });
    /// ```
    pub fn named(self, naming: impl Fn(FileName<'_>) -> FilePath + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.naming = Arc::new(naming))
    }

    /// Writes to a directory beneath the root, whose name may come from data: it is confined as [`FilePath`] says.
    ///
    /// ```
    /// use flow_io::files::JsonFiles;
    /// let events = JsonFiles::under("out");
    /// let by_kind = move |kind: &String| events.clone().within(kind);
    /// ```
    pub fn within(self, directory: impl Display) -> Self {
        self.with(|settings| settings.within.push(directory.to_string()))
    }

    /// How many files each window is spread over; 1 unless set. Workers take turns, so that no more files than
    /// workers appear.
    pub fn shards(self, shards: u32) -> Self {
        self.with(|settings| settings.shards = shards.max(1))
    }

    /// Whether files of an earlier run that have the same name are replaced. Unless set they are in runs that end,
    /// which write everything anew, and are not in runs that do not: those go on where an earlier one was stopped.
    pub fn replace(self, replace: bool) -> Self {
        self.with(|settings| settings.replace = Some(replace))
    }

    /// Reaches `gs://` by these endpoints and credentials; [`GoogleCloud::from_env`](crate::gcp::GoogleCloud::from_env)
    /// unless set.
    #[cfg(feature = "gcs")]
    pub fn on(self, cloud: &crate::gcp::GoogleCloud) -> Self {
        self.with(|settings| settings.remote.storage = settings.remote.storage.clone().on(cloud))
    }

    /// Where files are until they are whole and uploaded to `gs://`: in a directory of their own in this one, which only
    /// this user may enter. The system's directory for temporary files unless set; often that is memory.
    ///
    /// A run that is killed leaves its directory behind, and it may be removed.
    #[cfg(feature = "gcs")]
    pub fn staging(self, directory: impl Into<PathBuf>) -> Self {
        self.with(|settings| {
            settings.remote.storage = settings.remote.storage.clone().staging(directory.into());
        })
    }

    /// How many files are open at a time; 256 unless set. Further ones are closed in between.
    pub fn max_open(self, files: usize) -> Self {
        self.with(|settings| settings.open_files = Arc::new(OpenFiles::new(files)))
    }

    /// How many files are in progress at a time, open or not; 10,000 unless set. Elements that would begin one more
    /// are refused, lest timestamps or destinations gone wild fill the disk with files.
    pub fn max_files(self, files: usize) -> Self {
        self.with(|settings| settings.places = Places::new(files))
    }
}

impl<T: Element, F: Encode<T>> Sink<T> for WriteFiles<F> {
    type Writer = FilesWriter<T, F>;
    type Token = Prepared;

    /// A run that ends replaces what an earlier one wrote; one that does not may write again what was not yet
    /// acknowledged when the earlier one failed, unless it is durable, which is known once it is open.
    fn delivery(&self, bounded: bool) -> Delivery {
        if bounded || self.registry.is_durable() { Delivery::EffectivelyOnce } else { Delivery::AtLeastOnce }
    }

    fn holds_windows(&self) -> bool {
        true
    }

    fn open(&self, cx: &WriterContext) -> Result<FilesWriter<T, F>> {
        self.registry.begin(cx)?;
        self.registry.format.encoder()?; // wrong settings are told before anything runs
        Ok(FilesWriter::new(Arc::clone(&self.registry), cx))
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.registry.target.check()
    }

    fn commit(
        &self,
        commit: Commit<Prepared>,
    ) -> impl Future<Output = Result<Committed<Prepared>>> + Send + 'static {
        Arc::clone(&self.registry).commit(commit)
    }

    fn resume(
        &self,
        commit: Commit<Prepared>,
    ) -> impl Future<Output = Result<Committed<Prepared>>> + Send + 'static {
        Arc::clone(&self.registry).resume(commit)
    }

    fn describe(&self) -> String {
        format!("{} files under {}", F::EXTENSION, self.registry.target.root())
    }
}
