//! What the sources of the workspace must not say.

use std::fs;
use std::path::{Path, PathBuf};

/// TLS is verified, whatever anybody asks for.
#[test]
fn nothing_switches_the_verification_of_certificates_off() {
    let needle = ["danger_accept", "_invalid"].concat();
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    assert!(files.len() > 300, "only {} files were looked at", files.len());
    let found: Vec<_> = files.iter().filter(|file| says(file, &needle)).collect();
    assert!(found.is_empty(), "{needle} stands in {found:?}");
}

fn says(file: &Path, needle: &str) -> bool {
    fs::read_to_string(file).expect("a readable source").contains(needle)
}

/// The Rust sources and manifests beneath a folder, but for what is built.
fn sources(root: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs" || end == "toml") {
                found.push(path);
            }
        }
    }
    found
}
