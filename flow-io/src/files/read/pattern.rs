//! From patterns to files.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use flow_core::{Error, ErrorKind, Result};
use glob::{MatchOptions, PatternError};

use super::gunzip::is_gzip;
use super::origin::{Listed, modified};

/// As in a shell: `*` stays within a directory and does not match hidden names.
pub(crate) const SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files that a pattern matches, by name.
pub(super) fn list(pattern: &str) -> Result<Vec<Listed>> {
    let mut found = BTreeMap::new();
    for path in matches(pattern)? {
        add(&path, &mut found)?;
    }
    Ok(found.into_values().collect())
}

/// The paths that one pattern stands for. One that exists is meant literally, whatever characters it holds.
fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    if fs::metadata(pattern).is_ok() {
        return Ok(vec![pattern.into()]);
    }
    let paths = glob::glob_with(pattern, SHELL).map_err(|cause| no_pattern(pattern, cause))?;
    let readable = |path: glob::GlobResult| {
        path.map_err(|cause| {
            let path = cause.path().to_owned();
            failed(&path, io::Error::from(cause))
        })
    };
    paths.map(readable).collect()
}

pub(crate) fn no_pattern(pattern: &str, cause: PatternError) -> Error {
    Error::new(ErrorKind::Source, format!("`{pattern}` is no pattern for files")).caused_by(cause)
}

/// Adds a file, or all files in a directory.
fn add(path: &Path, files: &mut BTreeMap<String, Listed>) -> Result<()> {
    let metadata = fs::metadata(path).map_err(|cause| failed(path, cause))?;
    if metadata.is_dir() { add_all(path, files) } else { add_file(path, &metadata, files) }
}

fn add_file(path: &Path, metadata: &Metadata, files: &mut BTreeMap<String, Listed>) -> Result<()> {
    let Some(name) = path.to_str() else {
        return Err(Error::new(ErrorKind::Source, format!("the name of {} is not UTF-8", path.display())));
    };
    let (modified, gzip) = (modified(metadata), is_gzip(name));
    let listed = Listed { path: name.to_owned(), len: metadata.len(), modified, gzip, object: None };
    files.insert(name.to_owned(), listed);
    Ok(())
}

/// Adds the files beneath a directory, but for hidden and temporary ones. Links to files count, links to directories
/// do not: they could lead in circles.
fn add_all(directory: &Path, files: &mut BTreeMap<String, Listed>) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(|cause| failed(directory, cause))? {
        let entry = entry.map_err(|cause| failed(directory, cause))?;
        let path = entry.path();
        if is_passed_over(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let kind = entry.file_type().map_err(|cause| failed(&path, cause))?;
        let metadata = fs::metadata(&path).map_err(|cause| failed(&path, cause))?;
        if kind.is_dir() {
            add_all(&path, files)?;
        } else if metadata.is_file() {
            add_file(&path, &metadata, files)?;
        }
    }
    Ok(())
}

/// Whether a name found in a directory is hidden or temporary.
pub(crate) fn is_passed_over(name: &str) -> bool {
    name.starts_with(['.', '_']) || name.ends_with('~') || Path::new(name).extension() == Some("tmp".as_ref())
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::source_failed(format!("cannot list {}", path.display()), cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{ReadFiles, Text};

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root
    }

    /// The names beneath `root` that patterns relative to it match.
    fn found(root: &tempfile::TempDir, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> =
            patterns.iter().map(|p| root.path().join(p).to_str().unwrap().to_owned()).collect();
        let prefix = format!("{}/", root.path().display());
        let files = ReadFiles::new(&patterns[0], Text);
        let files = patterns[1..].iter().fold(files, ReadFiles::and);
        files.list().unwrap().into_iter().map(|file| file.path.replacen(&prefix, "", 1)).collect()
    }

    #[test]
    fn a_directory_stands_for_its_files_but_hidden_and_temporary_ones() {
        let root = tree(&["a.txt", "b/c.txt", "b/.hidden", ".git/d", "e.tmp", "f~", "_SUCCESS"]);
        assert_eq!(found(&root, &[""]), ["a.txt", "b/c.txt"]);
    }

    #[test]
    fn a_glob_matches_as_in_a_shell() {
        let root = tree(&["a.txt", "b.json", ".c.txt", "d/e.txt", "d/f/g.txt"]);
        assert_eq!(found(&root, &["*.txt"]), ["a.txt"]);
        assert_eq!(found(&root, &["**/*.txt"]), ["a.txt", "d/e.txt", "d/f/g.txt"]);
        assert_eq!(found(&root, &["[ab].*"]), ["a.txt", "b.json"]);
    }

    #[test]
    fn a_file_matched_twice_is_read_once() {
        let root = tree(&["a.txt", "b.txt"]);
        assert_eq!(found(&root, &["*.txt", "a.txt"]), ["a.txt", "b.txt"]);
    }

    #[test]
    fn a_name_with_brackets_is_found_literally() {
        let root = tree(&["a[1].txt"]);
        assert_eq!(found(&root, &["a[1].txt"]), ["a[1].txt"]);
    }

    #[test]
    fn no_match_is_an_error_that_names_the_pattern() {
        let root = tree(&["a.txt", "empty/.hidden"]);
        for pattern in ["*.csv", "missing.txt", "empty"] {
            let pattern = root.path().join(pattern).to_str().unwrap().to_owned();
            let error = ReadFiles::new(&pattern, Text).list().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Source);
            assert_eq!(error.to_string(), format!("no file matches `{pattern}`"));
            let one_matches = ReadFiles::new(root.path().join("a.txt").to_str().unwrap(), Text).and(pattern);
            assert!(one_matches.list().is_err());
        }
    }
}
