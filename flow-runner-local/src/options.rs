use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;

/// How a pipeline is run on this machine. A program flattens it into its own options:
///
/// ```
/// use clap::Parser;
///
/// #[derive(Parser)]
/// struct Args {
///     #[clap(flatten)]
///     runner: flow_runner_local::Options,
/// }
/// let args = Args::try_parse_from(["program", "--workers", "2", "--memory-limit", "512MB"])?;
/// assert_eq!(args.runner.workers(), 2);
/// # Ok::<(), clap::Error>(())
/// ```
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Runner")]
pub struct Options {
    /// How many workers run the pipeline [default: one for each core]
    #[arg(long, env = "FLOW_WORKERS", value_parser = parse_workers)]
    pub workers: Option<usize>,

    /// How much memory elements under way, and those that are grouped, may take, e.g. 512MB
    #[arg(long, env = "FLOW_MEMORY_LIMIT", default_value = "2GiB", value_parser = parse_size)]
    pub memory_limit: u64,

    /// How often what a stream has written becomes visible and is acknowledged, e.g. 1s
    #[arg(long, env = "FLOW_EPOCH", default_value = "1s", value_parser = parse_duration)]
    pub epoch: Duration,

    /// How long a silent source holds the watermark of the others back, e.g. 30s
    #[arg(long, env = "FLOW_IDLE_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub idle_timeout: Duration,

    /// Where to put what does not fit into memory: on a disk, not in memory itself [default: the system's folder for
    /// temporary files]
    #[arg(long, env = "FLOW_SCRATCH_DIR")]
    pub scratch_dir: Option<PathBuf>,

    /// Where a run keeps what must outlive its process, so that it goes on exactly where it was after a crash: a directory
    /// of its own on a disk. Without it, a stream's source is told that elements are done only when they are in all sinks
    #[arg(long, env = "FLOW_STATE_DIR")]
    pub state_dir: Option<PathBuf>,

    /// Go on although the pipeline no longer has steps for which the state directory has something, and forget that
    #[arg(long)]
    pub allow_state_migration: bool,

    /// What a step of the state directory is called in the pipeline now
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_rename)]
    pub rename_step: Vec<(String, String)>,

    /// Read nothing more: close the windows of what a state directory still has, write it, and end
    #[arg(long, requires = "state_dir")]
    pub drain: bool,

    /// How long a durable run that is told to stop may take for it, before it gives up its last epoch, e.g. 25s
    #[arg(long, env = "FLOW_SUSPEND_TIMEOUT", default_value = "25s", value_parser = parse_duration)]
    pub suspend_timeout: Duration,

    /// Keep the state although it lies in memory or in a container's own layer, and does not outlive these
    #[arg(long)]
    pub allow_ephemeral_state: bool,

    /// Do not show progress on a terminal
    #[arg(long)]
    pub no_progress: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            workers: None,
            memory_limit: 2 << 30,
            epoch: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(30),
            scratch_dir: None,
            state_dir: None,
            allow_state_migration: false,
            rename_step: Vec::new(),
            drain: false,
            suspend_timeout: Duration::from_secs(25),
            allow_ephemeral_state: false,
            no_progress: true,
        }
    }
}

impl Options {
    /// With so many workers.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        Options { workers: Some(workers.max(1)), ..self }
    }

    /// With so many bytes for elements under way.
    #[must_use]
    pub fn with_memory_limit(self, bytes: u64) -> Self {
        Options { memory_limit: bytes, ..self }
    }

    /// With a folder for what does not fit into memory.
    #[must_use]
    pub fn with_scratch_dir(self, folder: impl Into<PathBuf>) -> Self {
        Options { scratch_dir: Some(folder.into()), ..self }
    }

    /// With a directory for what must outlive the process.
    #[must_use]
    pub fn with_state_dir(self, directory: impl Into<PathBuf>) -> Self {
        Options { state_dir: Some(directory.into()), ..self }
    }

    /// Although the directory may not outlive the machine or the container: for tests.
    #[must_use]
    pub fn allowing_ephemeral_state(self) -> Self {
        Options { allow_ephemeral_state: true, ..self }
    }

    /// With another time between two epochs.
    #[must_use]
    pub fn with_epoch(self, epoch: Duration) -> Self {
        Options { epoch, ..self }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.workers.unwrap_or_else(cores).max(1)
    }

    /// Bytes that may be under way to one exchange: enough to keep workers busy, few enough to stay in cache, and in
    /// all no more than two fifths of the limit. Never none, which nothing would fit in.
    pub(crate) fn exchange_bytes(&self, exchanges: usize) -> usize {
        let share = self.memory_limit * 2 / 5 / exchanges.max(1) as u64;
        usize::try_from(share).unwrap_or(usize::MAX).clamp(1, (4 << 20) * self.workers())
    }

    /// Bytes that a step with scratch may use before it goes there; with none it could not work at all.
    pub(crate) fn scratch_bytes(&self) -> usize {
        usize::try_from(self.memory_limit / 8).unwrap_or(usize::MAX).max(64 << 10)
    }

    /// The same for a grouping on each worker: a quarter of the limit among all of them. What it counts may be half of
    /// what it takes while its tables grow and are sorted.
    pub(crate) fn grouping_bytes(&self, exchanges: usize) -> usize {
        let share = self.memory_limit / 4 / self.workers() as u64 / exchanges.max(1) as u64;
        usize::try_from(share).unwrap_or(usize::MAX).max(64 << 10)
    }

    /// Bytes that one step may keep waiting on one worker.
    pub(crate) fn holding_bytes(&self) -> usize {
        let share = self.memory_limit / 5 / self.workers() as u64;
        usize::try_from(share).unwrap_or(usize::MAX).clamp(1, 16 << 20)
    }
}

/// An option that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsError(String);

impl std::fmt::Display for OptionsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptionsError {}

fn parse_workers(text: &str) -> Result<usize, OptionsError> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err(OptionsError("wanted a number from 1 to 1024".into())),
    }
}

fn parse_rename(text: &str) -> Result<(String, String), OptionsError> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err(OptionsError("wanted OLD=NEW, two names of steps".into())),
    }
}

fn parse_size(text: &str) -> Result<u64, OptionsError> {
    let size =
        ByteSize::from_str(text).map_err(|_| OptionsError("wanted a size, as 512MB or 2GiB".into()))?;
    if size.as_u64() < 1 << 20 {
        return Err(OptionsError("wanted at least 1MiB".into()));
    }
    Ok(size.as_u64())
}

fn parse_duration(text: &str) -> Result<Duration, OptionsError> {
    let wanted = || OptionsError("wanted a duration, as 500ms, 1s or 5min".into());
    let duration = text.parse::<jiff::SignedDuration>().map_err(|_| wanted())?;
    Duration::try_from(duration).ok().filter(|d| !d.is_zero()).ok_or_else(wanted)
}

/// Reads text as each kind of setting.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_settings(text: &str) {
    assert!(!parse_size(text).is_ok_and(|bytes| bytes < 1 << 20));
    assert!(!parse_duration(text).is_ok_and(|duration| duration.is_zero()));
    assert!(!parse_workers(text).is_ok_and(|workers| workers == 0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_people_write_them() {
        assert_eq!(parse_size("512MB"), Ok(512_000_000));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5min"), Ok(Duration::from_mins(5)));
    }

    #[test]
    fn nonsense_is_refused_with_what_was_wanted() {
        assert!(parse_size("lots").unwrap_err().to_string().contains("512MB"));
        assert!(parse_size("12").unwrap_err().to_string().contains("at least 1MiB"));
        assert!(parse_workers("0").is_err());
        assert!(parse_duration("-1s").is_err());
    }
}
