//! What outlives a killed process, on disk: shelves that a sink writes to, and how far a source was acknowledged.

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use flow_core::prelude::*;
use flow_core::sink::{Commit, Committed, Delivery, Rejects, Writer, WriterContext};
use flow_core::source::{Next, Reader, ReaderContext};
use flow_core::{Bundle, Error, ErrorKind, Meta, Result};

/// A directory.
#[derive(Clone, Debug)]
pub(crate) struct Outside(Arc<PathBuf>);

impl Outside {
    pub(crate) fn at(root: &Path) -> Self {
        for directory in ["prepared", "visible", "acknowledged"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        Outside(Arc::new(root.to_path_buf()))
    }

    /// Has readers wait in the middle of their page, or go on, in whatever process they are.
    pub(crate) fn hold(&self, holds: bool) {
        let file = self.0.join("hold");
        if holds { fs::write(file, "").unwrap() } else { fs::remove_file(file).unwrap() }
    }

    fn holds(&self) -> bool {
        self.0.join("hold").exists()
    }

    /// All lines on all shelves, sorted.
    pub(crate) fn visible(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.join("visible")).unwrap();
        let read = |file: std::io::Result<fs::DirEntry>| fs::read_to_string(file.unwrap().path()).unwrap();
        let mut lines: Vec<String> =
            files.map(read).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.sort();
        lines
    }
}

/// Splits of numbers in order of time, which note how far they were acknowledged and never go back behind that.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    pub(crate) outside: Outside,
    pub(crate) pages: Arc<Vec<Vec<(u64, i64)>>>,
}

impl Pages {
    fn acknowledged(&self, page: usize) -> PathBuf {
        self.outside.0.join("acknowledged").join(page.to_string())
    }
}

impl Source for Pages {
    type Item = u64;
    type Split = usize;
    type Position = usize;
    type Reader = PageReader;

    fn is_bounded(&self) -> bool {
        false
    }

    fn splits(&self, _: usize) -> Result<Vec<usize>> {
        Ok((0..self.pages.len()).collect())
    }

    fn reader(&self, page: &usize, from: Option<usize>, _: &ReaderContext) -> Result<PageReader> {
        let at = from.unwrap_or(0);
        let noted = fs::read_to_string(self.acknowledged(*page)).unwrap_or_default();
        let acknowledged: usize = noted.lines().filter_map(|line| line.parse().ok()).max().unwrap_or(0);
        if at < acknowledged {
            let message = format!("page {page} is read from {at}, though {acknowledged} was acknowledged");
            return Err(Error::new(ErrorKind::Source, message));
        }
        Ok(PageReader { of: self.clone(), page: *page, at, turn: 0 })
    }
}

#[derive(Debug)]
pub(crate) struct PageReader {
    of: Pages,
    page: usize,
    at: usize,
    turn: u32,
}

impl Reader for PageReader {
    type Item = u64;
    type Position = usize;

    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Bundle<u64>) -> Poll<Result<Next>> {
        // Slow enough for several epochs, and never idle.
        self.turn += 1;
        let numbers = &self.of.pages[self.page];
        let is_in_the_middle = self.at >= numbers.len() / 2;
        if !self.turn.is_multiple_of(64) || (is_in_the_middle && self.of.outside.holds()) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        for (number, second) in numbers.iter().skip(self.at).take(5) {
            out.push(*number, Meta { time: Timestamp::from_secs(*second), ..Meta::default() });
            self.at += 1;
        }
        Poll::Ready(Ok(if self.at == numbers.len() { Next::End } else { Next::More }))
    }

    fn watermark(&self) -> Timestamp {
        let next = self.of.pages[self.page].get(self.at);
        next.map_or(Timestamp::MAX, |(_, second)| Timestamp::from_secs(*second))
    }

    fn position(&self) -> usize {
        self.at
    }

    fn commit(&mut self, position: usize) -> impl Future<Output = Result<()>> + Send + 'static {
        let path = self.of.acknowledged(self.page);
        async move {
            let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{position}\n").as_bytes()).unwrap(); // at once: several may be under way
            Ok(())
        }
    }
}

/// A sink whose lines become visible by a file's new name.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    outside: Outside,
    name: String,
    refusing: Option<&'static str>,
}

impl Shelf {
    pub(crate) fn of(outside: &Outside, name: &str) -> Self {
        Shelf { outside: outside.clone(), name: name.to_owned(), refusing: None }
    }

    /// Takes no lines that end so.
    pub(crate) fn refusing(self, ending: &'static str) -> Self {
        Shelf { refusing: Some(ending), ..self }
    }
}

impl Sink<String> for Shelf {
    type Writer = ShelfWriter;
    type Token = String;

    fn delivery(&self, _: bool) -> Delivery {
        Delivery::EffectivelyOnce
    }

    fn open(&self, _: &WriterContext) -> Result<ShelfWriter> {
        Ok(ShelfWriter { shelf: self.clone(), lines: String::new() })
    }

    fn commit(
        &self,
        commit: Commit<String>,
    ) -> impl Future<Output = Result<Committed<String>>> + Send + 'static {
        let root = Arc::clone(&self.outside.0);
        async move {
            for name in commit.tokens {
                let (prepared, visible) =
                    (root.join("prepared").join(&name), root.join("visible").join(&name));
                if fs::rename(&prepared, &visible).is_err() && !visible.exists() {
                    let message = format!("{name} is neither prepared nor visible");
                    return Err(Error::new(ErrorKind::Sink, message));
                }
            }
            Ok(Committed::default())
        }
    }
}

#[derive(Debug)]
pub(crate) struct ShelfWriter {
    shelf: Shelf,
    lines: String,
}

/// Tells the files of a process apart; its number tells them from those of others.
static FILES: AtomicU64 = AtomicU64::new(0);

impl Writer<String> for ShelfWriter {
    type Token = String;

    async fn write(&mut self, bundle: &mut Bundle<String>, rejects: &mut Rejects<String>) -> Result<()> {
        for (line, meta) in bundle.drain() {
            if self.shelf.refusing.is_some_and(|ending| line.ends_with(ending)) {
                rejects.reject(line, meta, &*self.shelf.name, "it is refused");
                continue;
            }
            self.lines.push_str(&line);
            self.lines.push('\n');
        }
        Ok(())
    }

    async fn prepare(&mut self, epoch: u64, _: Timestamp, _: &mut Rejects<String>) -> Result<Vec<String>> {
        if self.lines.is_empty() {
            return Ok(Vec::new());
        }
        let file = FILES.fetch_add(1, Relaxed);
        let name = format!("{}-{epoch}-{}-{file}", self.shelf.name, std::process::id());
        fs::write(self.shelf.outside.0.join("prepared").join(&name), std::mem::take(&mut self.lines))
            .unwrap();
        Ok(vec![name])
    }
}
