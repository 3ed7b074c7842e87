use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flow_core::exec::planted;

use super::disk::Disk;
use super::frame::{Frames, SegmentWriter};
use super::manifest::{Manifest, SegmentRef};
use crate::crash::point;

/// How many manifests are kept: the newest, and those before it that a user may go back to.
const KEPT: usize = 3;

/// The state of a durable run on disk.
pub(crate) struct StateDir<D> {
    disk: D,
    generation: u64,
    next_segment: AtomicU64,
    /// The manifests that are kept, oldest first.
    kept: Vec<Manifest>,
}

/// The epochs that have manifests, in order.
pub(crate) fn epochs(disk: &impl Disk) -> io::Result<Vec<u64>> {
    let mut epochs: Vec<u64> = disk.list()?.iter().filter_map(|name| Manifest::epoch_of(name)).collect();
    epochs.sort_unstable();
    Ok(epochs)
}

/// Reads the manifest of an epoch.
pub(crate) fn read_manifest(disk: &impl Disk, epoch: u64) -> io::Result<Manifest> {
    let name = Manifest::name_of(epoch);
    disk.open(&name).and_then(Manifest::decode).map_err(|error| about(&name, &error))
}

/// Reads a segment.
pub(crate) fn read_segment(disk: &impl Disk, segment: &SegmentRef) -> io::Result<Frames> {
    let frames = disk.open(&segment.name).and_then(|from| Frames::new(segment.name.clone(), from));
    frames.map_err(|error| about(&segment.name, &error))
}

impl<D: Disk> StateDir<D> {
    /// Where it is.
    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    /// Opens a directory, and removes what no manifest speaks of. An unreadable manifest is an error: to pass over it
    /// would forget what sources have been told of.
    pub(crate) fn open(disk: D) -> io::Result<StateDir<D>> {
        let kept = epochs(&disk)?
            .into_iter()
            .map(|epoch| read_manifest(&disk, epoch))
            .filter(|read| read.is_ok() || !planted("damage-passed-over")) // to an older epoch, in silence
            .collect::<io::Result<Vec<_>>>()?;
        let generation = kept.last().map_or(0, |manifest| manifest.generation) + 1;
        let mut dir = StateDir { disk, generation, next_segment: AtomicU64::new(0), kept };
        dir.collect_garbage()?;
        Ok(dir)
    }

    /// What the last epoch left behind; none in a directory that is new.
    pub(crate) fn last(&self) -> Option<&Manifest> {
        self.kept.last()
    }

    /// Begins a segment. It counts once it is finished and a manifest speaks of it.
    pub(crate) fn begin_segment(&self) -> io::Result<SegmentWriter> {
        let number = self.next_segment.fetch_add(1, Relaxed);
        let name = format!("segment-{:08x}-{number:016x}", self.generation);
        let file = self.disk.create(&name).map_err(|error| about(&name, &error))?;
        SegmentWriter::new(name.clone(), file).map_err(|error| about(&name, &error))
    }

    /// The commit point: when this returns, the epoch has happened and survives anything. Every segment that the
    /// manifest speaks of was written before.
    pub(crate) fn commit(&mut self, mut manifest: Manifest) -> io::Result<()> {
        manifest.generation = self.generation;
        let name = Manifest::name_of(manifest.epoch);
        self.put(&name, &manifest.encode()?).map_err(|error| about(&name, &error))?;
        self.kept.push(manifest);
        self.collect_garbage()?;
        point("garbage-removed");
        Ok(())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unnamed = format!("{name}.tmp");
        let mut file = self.disk.create(&unnamed)?;
        file.write(bytes)?;
        point("manifest-written");
        file.sync()?;
        point("manifest-synced");
        drop(file);
        // Names of segments first: a manifest must never be there without them.
        self.disk.sync_names()?;
        self.disk.rename(&unnamed, name)?;
        point("manifest-renamed");
        // Planted: the content is safe, and its name is not.
        if !planted("name-not-synced") {
            self.disk.sync_names()?;
        }
        point("manifest-durable");
        Ok(())
    }

    /// Removes what no kept manifest speaks of. The newest manifest is durable by now; removals need not be, since they
    /// are made again.
    fn collect_garbage(&mut self) -> io::Result<()> {
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
        let manifests = self.kept.iter().map(|manifest| Manifest::name_of(manifest.epoch));
        let many = if planted("garbage-by-age") { KEPT } else { usize::MAX }; // a segment lives as long as it is named
        let segments = self.kept.iter().flat_map(|manifest| manifest.files().rev().take(many));
        let used: BTreeSet<String> = manifests.chain(segments.map(str::to_owned)).collect();
        for name in self.disk.list()? {
            let is_ours = name.starts_with("manifest-") || name.starts_with("segment-");
            if is_ours && !used.contains(&name) {
                self.disk.remove(&name).map_err(|error| about(&name, &error))?;
            }
        }
        Ok(())
    }
}

pub(super) fn about(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Lies, SimulatedDisk};
    use super::*;

    /// A well-mixed number from a counter.
    fn mix(n: u64) -> u64 {
        let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Every so many epochs everything is written anew: more than there are manifests.
    const ANEW: u64 = 8;

    /// What the records of an epoch's segment are.
    fn records_of(epoch: u64) -> Vec<Vec<u8>> {
        (0..epoch % 5).map(|n| vec![epoch as u8; (mix(epoch + n) % 2000) as usize]).collect()
    }

    /// Commits the next epoch: a segment behind those of the epochs before, or a new one in their place.
    fn commit_next(dir: &mut StateDir<SimulatedDisk>) -> io::Result<u64> {
        let last = dir.last().cloned().unwrap_or_default();
        let epoch = last.epoch + 1;
        let mut writer = dir.begin_segment()?;
        records_of(epoch).iter().try_for_each(|record| writer.push(record))?;
        let segment = writer.finish()?;
        let before = if epoch.is_multiple_of(ANEW) { None } else { Some(last.segments) };
        let chain: Vec<SegmentRef> = before.unwrap_or_default().into_iter().chain([segment]).collect();
        dir.commit(Manifest { epoch, segments: chain, ..Manifest::default() })?;
        Ok(epoch)
    }

    /// Reads all that the last manifest speaks of.
    fn read_all(dir: &StateDir<SimulatedDisk>) -> io::Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for segment in dir.last().into_iter().flat_map(|manifest| &manifest.segments) {
            let mut records = read_segment(dir.disk(), segment)?;
            while let Some(record) = records.next()? {
                all.push(record.to_vec());
            }
        }
        Ok(all)
    }

    fn wanted(epoch: u64) -> Vec<Vec<u8>> {
        let first = (epoch - epoch % ANEW).max(1);
        (first..=epoch).flat_map(records_of).collect()
    }

    /// Runs with power failures; true if every epoch that was committed was there again, whole.
    fn survives(seed: u64, lies: Lies) -> bool {
        let disk = SimulatedDisk::lying(lies);
        let mut random = seed;
        let mut choose = |below: u64| {
            random = mix(random);
            random % below
        };
        let mut committed = 0;
        for _ in 0..8 {
            disk.fail_after(choose(60));
            let run = StateDir::open(disk.clone()).and_then(|mut dir| {
                loop {
                    committed = commit_next(&mut dir)?;
                }
            });
            let _: io::Result<()> = run;
            disk.restart(&mut choose);
            let Ok(dir) = StateDir::open(disk.clone()) else { return false };
            let epoch = dir.last().map_or(0, |manifest| manifest.epoch);
            if epoch < committed || read_all(&dir).ok() != Some(wanted(epoch)) {
                return false;
            }
        }
        true
    }

    #[test]
    fn no_power_failure_takes_a_committed_epoch() {
        for seed in 0..2_000 {
            assert!(survives(seed, Lies::None), "seed {seed}");
        }
    }

    #[test]
    fn a_disk_that_does_not_sync_files_is_noticed() {
        assert!((0..200).any(|seed| !survives(seed, Lies::AboutFiles)));
    }

    #[test]
    fn a_disk_that_does_not_sync_names_is_noticed() {
        assert!((0..200).any(|seed| !survives(seed, Lies::AboutNames)));
    }

    #[test]
    fn what_no_manifest_speaks_of_is_removed() {
        let disk = SimulatedDisk::default();
        let mut dir = StateDir::open(disk.clone()).unwrap();
        for _ in 0..9 {
            commit_next(&mut dir).unwrap();
        }
        // Epochs 7, 8 and 9; the segments of 1 to 7, and of 8 and 9.
        let names = disk.list().unwrap();
        assert_eq!(names.iter().filter(|name| name.starts_with("manifest-")).count(), 3);
        assert_eq!(names.iter().filter(|name| name.starts_with("segment-")).count(), 9);
        assert_eq!(names.len(), 12);
    }

    #[test]
    fn damage_is_an_error_that_names_the_file() {
        let disk = SimulatedDisk::default();
        let mut dir = StateDir::open(disk.clone()).unwrap();
        commit_next(&mut dir).unwrap();
        let segment = dir.last().unwrap().segments[0].clone();
        disk.damage(&segment.name, 20);
        let error = read_all(&dir).unwrap_err();
        assert!(error.to_string().contains("damaged at byte 8"), "{error}");
        disk.damage("manifest-0000000000000001", 12);
        let error = StateDir::open(disk).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "manifest-0000000000000001: its checksum is wrong");
    }

    #[test]
    fn a_manifest_of_a_later_format_is_refused() {
        let disk = SimulatedDisk::default();
        commit_next(&mut StateDir::open(disk.clone()).unwrap()).unwrap();
        disk.damage("manifest-0000000000000001", 7);
        let error = StateDir::open(disk).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
