use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flow_core::sink::{Commit, Committed, Delivery, Rejects, Sink, Writer, WriterContext};
use flow_core::{Bundle, Element, Meta, Result, Timestamp};
use futures::{StreamExt, TryStreamExt};

use super::registry::{lock, unwritable};
use super::target::Spot;
use super::temp::OpenFiles;
use super::{FilePath, Line, Target, TempFile};
use crate::files::blocking::off_thread;
use crate::files::remote::Remote;

type Naming<T> = Arc<dyn Fn(&T) -> FilePath + Send + Sync>;

/// Writes each element to a file of its own, a line: made by
/// [`JsonFiles::each_under`](crate::files::JsonFiles::each_under).
///
/// The name is a function of the element. An element that comes again, in this run or another, replaces its file by one
/// of the same content. Files appear when their epoch commits.
pub struct WriteEach<T, L> {
    root: PathBuf,
    line: L,
    naming: Naming<T>,
    remote: Remote,
    whole: Arc<Whole>,
}

/// The files that are whole and wait for their names, by their temporary ones.
#[derive(Debug)]
struct Whole {
    target: Arc<dyn Target>,
    open_files: Arc<OpenFiles>,
    files: Mutex<BTreeMap<PathBuf, (Arc<TempFile>, PathBuf)>>,
}

/// The temporary path of a file that is whole, and the one that it gets.
type Token = (PathBuf, PathBuf);

/// How many files get their names at the same time.
const NAMED_AT_ONCE: usize = 32;

impl<T, L: fmt::Debug> fmt::Debug for WriteEach<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteEach")
            .field("root", &self.root)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// A clone writes to the same files.
impl<T, L: Clone> Clone for WriteEach<T, L> {
    fn clone(&self) -> Self {
        WriteEach {
            root: self.root.clone(),
            line: self.line.clone(),
            naming: Arc::clone(&self.naming),
            remote: self.remote.clone(),
            whole: Arc::clone(&self.whole),
        }
    }
}

impl<T: Element, L: Line<T> + Clone> WriteEach<T, L> {
    /// Writes lines beneath a directory or `gs://bucket/prefix`. A name that [`FilePath`] leaves out is `data`.
    pub fn new(
        root: impl Into<PathBuf>,
        line: L,
        naming: impl Fn(&T) -> FilePath + Send + Sync + 'static,
    ) -> Self {
        let (root, remote) = (root.into(), Remote::default());
        let whole = Whole::at(&root, &remote);
        WriteEach { root, line, naming: Arc::new(naming), remote, whole }
    }

    /// Reaches `gs://` by these endpoints and credentials; [`GoogleCloud::from_env`](crate::gcp::GoogleCloud::from_env)
    /// unless set.
    #[cfg(feature = "gcs")]
    pub fn on(mut self, cloud: &crate::gcp::GoogleCloud) -> Self {
        self.remote.storage = self.remote.storage.on(cloud);
        self.whole = Whole::at(&self.root, &self.remote);
        self
    }
}

impl Whole {
    fn at(root: &std::path::Path, remote: &Remote) -> Arc<Self> {
        let (target, open_files) = (remote.target(root), Arc::new(OpenFiles::new(64)));
        Arc::new(Whole { target, open_files, files: Mutex::default() })
    }

    /// Gives files their names.
    async fn publish(&self, tokens: Vec<Token>, last: bool) -> Result<()> {
        let files: Vec<_> = {
            let mut files = lock(&self.files);
            tokens.iter().filter_map(|(temporary, _)| files.remove(temporary)).collect()
        };
        let naming = files.into_iter().map(|(file, path)| async move {
            self.target.publish(Arc::clone(&file), &path, true).await.map(|_| (file, path))
        });
        let mut under_way = futures::stream::iter(naming).buffer_unordered(NAMED_AT_ONCE);
        let (mut named, mut hidden) = (Vec::new(), Vec::new());
        while let Some(published) = under_way.next().await {
            let (file, path) = published?;
            named.push(path);
            hidden.push(file);
        }
        self.target.settle(named, last).await?;
        for file in hidden {
            file.kept().set(false); // until its name is durable it is all there is
        }
        Ok(())
    }

    /// Has files outlive the process and the machine's failure.
    async fn keep(&self, tokens: &[Token]) -> Result<()> {
        let files: Vec<_> = {
            let files = lock(&self.files);
            tokens
                .iter()
                .filter_map(|(temporary, _)| files.get(temporary))
                .map(|(file, _)| Arc::clone(file))
                .collect()
        };
        let syncing = futures::stream::iter(files).map(|file| {
            off_thread(move || {
                file.kept().set(true);
                file.sync().map_err(|cause| unwritable(file.path(), cause))
            })
        });
        syncing.buffer_unordered(NAMED_AT_ONCE).try_collect::<()>().await?;
        self.target.anchor(tokens.iter().map(|(temporary, _)| temporary.clone()).collect()).await
    }

    /// Takes up the files that an earlier process left behind; those that are gone have their names.
    fn take_up(&self, tokens: &[Token]) -> Result<()> {
        for (temporary, path) in tokens {
            let found = TempFile::again(temporary.clone(), None, Arc::clone(&self.open_files));
            match found {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound && self.target.has(path) => {}
                found => {
                    let found = found.map_err(|cause| unwritable(temporary, cause))?;
                    lock(&self.files).insert(temporary.clone(), (Arc::new(found), path.clone()));
                }
            }
        }
        Ok(())
    }
}

impl<T: Element, L: Line<T> + Clone + Sync> Sink<T> for WriteEach<T, L> {
    type Writer = EachWriter<T, L>;
    type Token = Token;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn check(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        self.whole.target.check()
    }

    fn open(&self, cx: &WriterContext) -> Result<EachWriter<T, L>> {
        self.whole.target.begin(cx)?;
        let durable = cx.durable.is_some();
        Ok(EachWriter { sink: self.clone(), durable, written: Vec::new(), text: Vec::new() })
    }

    fn commit(
        &self,
        commit: Commit<Token>,
    ) -> impl Future<Output = Result<Committed<Token>>> + Send + 'static {
        let whole = Arc::clone(&self.whole);
        async move {
            whole.publish(commit.tokens, commit.last).await?;
            Ok(Committed::default())
        }
    }

    fn resume(
        &self,
        commit: Commit<Token>,
    ) -> impl Future<Output = Result<Committed<Token>>> + Send + 'static {
        let whole = Arc::clone(&self.whole);
        async move {
            let (taking, tokens) = (Arc::clone(&whole), commit.tokens.clone());
            off_thread(move || taking.take_up(&tokens)).await?;
            whole.publish(commit.tokens, commit.last).await?;
            Ok(Committed::default())
        }
    }

    fn describe(&self) -> String {
        format!("a file each under {}", self.whole.target.root())
    }
}

/// Writes one worker's share of [`WriteEach`].
pub struct EachWriter<T, L> {
    sink: WriteEach<T, L>,
    durable: bool,
    written: Vec<Token>,
    text: Vec<u8>,
}

impl<T, L: fmt::Debug> fmt::Debug for EachWriter<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EachWriter").field(&self.sink).finish()
    }
}

impl<T: Element, L: Line<T> + Clone> EachWriter<T, L> {
    fn put(&mut self, value: T, meta: Meta, rejects: &mut Rejects<T>) -> Result<()> {
        let whole = &self.sink.whole;
        let root = || whole.target.root();
        self.text.clear();
        if let Err(reason) = self.sink.line.write(&value, &mut self.text) {
            rejects.reject(value, meta, root(), reason.to_string());
            return Ok(());
        }
        self.text.push(b'\n');
        let located = match (self.sink.naming)(&value).alone() {
            Ok(parts) => whole.target.locate(&parts)?,
            Err(reason) => Err(reason),
        };
        let Spot { path, temporary } = match located {
            Ok(spot) => spot,
            Err(reason) => {
                rejects.reject(value, meta, root(), reason);
                return Ok(());
            }
        };
        let open_files = Arc::clone(&whole.open_files);
        let file = TempFile::create(temporary.clone(), &*whole.target, open_files);
        let mut file = file.map_err(|cause| unwritable(&temporary, cause))?;
        file.write_all(&self.text).map_err(|cause| unwritable(&temporary, cause))?;
        lock(&whole.files).insert(temporary.clone(), (Arc::new(file), path.clone()));
        self.written.push((temporary, path));
        Ok(())
    }
}

impl<T: Element, L: Line<T> + Clone + Sync> Writer<T> for EachWriter<T, L> {
    type Token = Token;

    async fn write(&mut self, bundle: &mut Bundle<T>, rejects: &mut Rejects<T>) -> Result<()> {
        bundle.drain().try_for_each(|(value, meta)| self.put(value, meta, rejects))
    }

    async fn prepare(&mut self, _: u64, _: Timestamp, _: &mut Rejects<T>) -> Result<Vec<Token>> {
        let (whole, written) = (Arc::clone(&self.sink.whole), std::mem::take(&mut self.written));
        if self.durable && !written.is_empty() {
            whole.keep(&written).await?;
        }
        Ok(written)
    }
}
