//! Whether a directory outlives the machine's memory and the container.

use std::path::{Path, PathBuf};

use flow_core::{Error, Result};

/// File systems that are gone with the memory or the container.
const EPHEMERAL: [&str; 4] = ["tmpfs", "ramfs", "overlay", "aufs"];

/// Refuses a directory that lies where nothing lasts. Where the system does not tell, it is believed.
pub(super) fn check(root: &Path) -> Result<()> {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else { return Ok(()) };
    let Ok(place) = root.canonicalize() else { return Ok(()) };
    let Some(kind) = file_system_of(&place, &mounts).filter(|kind| EPHEMERAL.contains(kind)) else {
        return Ok(());
    };
    Err(Error::config(format!(
        "the state directory {} is on a file system of the kind `{kind}`, which does not outlive the machine or the \
         container: name one on a disk, or allow it with `--allow-ephemeral-state`",
        root.display()
    )))
}

/// The kind of file system that a path is on, by a table of mounts.
fn file_system_of<'a>(path: &Path, mounts: &'a str) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((unescaped(fields.next()?), fields.next()?))
    });
    // Of mounts at one place, the last counts.
    mounts.filter(|(at, _)| path.starts_with(at)).max_by_key(|(at, _)| at.components().count()).map(|(_, kind)| kind)
}

/// Blanks and the like stand in octal.
fn unescaped(field: &str) -> PathBuf {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "overlay / overlay rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sda1 /my\\040data ext4 rw 0 0\n\
                          tmpfs /data tmpfs rw 0 0\n/dev/sdb /data xfs rw 0 0\n";

    #[test]
    fn the_nearest_mount_says_what_a_directory_is_on() {
        let kind = |path: &str| file_system_of(Path::new(path), MOUNTS);
        assert_eq!(kind("/srv/state"), Some("overlay"));
        assert_eq!(kind("/run/state"), Some("tmpfs"));
        assert_eq!(kind("/my data/state"), Some("ext4"));
        assert_eq!(kind("/running"), Some("overlay"));
        assert_eq!(kind("/data/x"), Some("xfs"), "mounted over the other");
    }
}
