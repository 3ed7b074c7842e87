use std::sync::Arc;

use super::cursor::Cursor;
use super::file::SpillFile;
use super::merge::Merge;
use super::not_kept;
use super::run::{Run, RunWriter};
use crate::BoxError;
use crate::scratch::Space;

/// Runs of the same keys, in the order of writing.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    file: Option<Arc<SpillFile>>,
    runs: Vec<Run>,
}

/// How a key of several runs is written into one: its pieces are still to come, and the key is not written yet.
type Rewrite<'a> = &'a mut dyn FnMut(&mut Merge, &mut RunWriter) -> Result<(), BoxError>;

impl Runs {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Writes a run; whether a durable run has saved what is in it.
    pub(crate) fn write(
        &mut self,
        space: &Space,
        is_saved: bool,
        keys: impl FnOnce(&mut RunWriter) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(SpillFile::new(&*space.scratch)?))),
        };
        let mut writer = RunWriter::new(file);
        keys(&mut writer)?;
        self.runs.push(writer.finish(0, is_saved)?);
        Ok(())
    }

    /// Merges runs that are many, so that a part of each fits into memory: those of a level, which are about as large.
    pub(crate) fn compact(&mut self, space: &Space, rewrite: Rewrite<'_>) -> Result<(), BoxError> {
        while let Some(last) = self.runs.last() {
            let (level, is_saved) = (last.level, last.is_saved);
            let alike = |run: &&Run| run.level == level && run.is_saved == is_saved;
            let many = self.runs.iter().rev().take_while(alike).count();
            if many < most(space) {
                break;
            }
            self.merge_last(many, space, rewrite)?;
        }
        Ok(())
    }

    fn merge_last(&mut self, many: usize, space: &Space, rewrite: Rewrite<'_>) -> Result<(), BoxError> {
        let runs = self.runs.split_off(self.runs.len() - many);
        let level = 1 + runs.iter().map(|run| run.level).max().unwrap_or(0);
        let is_saved = runs.iter().all(|run| run.is_saved);
        // A file of its own, so that those of the merged runs go with the last of them.
        let file = Arc::new(SpillFile::new(&*space.scratch)?);
        let mut writer = RunWriter::new(Arc::clone(&file));
        let mut merge = Merge::new(&runs, memory(space))?;
        while merge.next_key()? {
            writer.encoded_key(merge.hash(), merge.key())?;
            rewrite(&mut merge, &mut writer)?;
        }
        self.runs.push(writer.finish(level, is_saved)?);
        self.file = None;
        Ok(())
    }

    /// Takes over the runs of others, which have other keys or come behind these.
    pub(crate) fn append(&mut self, mut others: Runs) {
        self.runs.append(&mut others.runs);
    }

    /// All of them as one.
    pub(crate) fn merge(mut self, space: &Space, rewrite: Rewrite<'_>) -> Result<Merge, BoxError> {
        // The youngest, which are the smallest, and neighbours, so that the pieces of a key stay in order.
        while self.runs.len() > most(space) {
            self.merge_last(most(space).min(1 + self.runs.len() - most(space)).max(2), space, rewrite)?;
        }
        Merge::new(&self.runs, memory(space))
    }

    /// Whether there are keys that a durable run has saved.
    pub(crate) fn has_saved(&self) -> bool {
        self.runs.iter().any(|run| run.is_saved)
    }

    /// Goes through all pieces that are not saved, or through all, run by run: hash, encoded key, items and their number.
    pub(crate) fn save(
        &mut self,
        all: bool,
        put: &mut dyn FnMut(u64, &[u8], &[u8], u32) -> crate::Result<()>,
    ) -> crate::Result<()> {
        for run in self.runs.iter_mut().filter(|run| all || !run.is_saved) {
            let mut cursor = Cursor::new(run, super::PIECE);
            while cursor.next().map_err(not_kept)? {
                let (hash, count) = (cursor.hash, cursor.extent().1);
                let key = std::mem::take(&mut cursor.key);
                put(hash, &key, cursor.items().map_err(not_kept)?, count)?;
                cursor.key = key;
            }
            run.is_saved = true;
        }
        Ok(())
    }
}

/// What buffers may take together.
fn memory(space: &Space) -> usize {
    space.memory / 2
}

/// How many runs are merged at a time: a part of each is in memory.
fn most(space: &Space) -> usize {
    (memory(space) / (8 << 10)).clamp(8, 512)
}
