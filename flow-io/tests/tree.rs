//! What the sources of the workspace must not say.

use std::fs;
use std::path::{Path, PathBuf};

/// TLS is verified, whatever anybody asks for.
#[test]
fn nothing_switches_the_verification_of_certificates_off() {
    let everywhere = |_: &str| true;
    assert_not_said(&["danger_accept", "_invalid"].concat(), everywhere);
    assert_not_said(&["Server", "CertVerifier"].concat(), everywhere);
    assert_not_said(&["SSL_VERIFY", "_NONE"].concat(), everywhere);
}

/// Only the emulator can be talked to, and tests talk to servers of their own.
#[test]
fn nothing_but_the_emulator_listens() {
    let shipped = |path: &str| path.contains("/src/") && !path.starts_with("flow-gcp-emulator/");
    for listener in ["TcpListener", "UdpSocket", "UnixListener", "UnixDatagram"] {
        assert_not_said(listener, shipped);
    }
}

/// No shell gets what data says, and no program is started at all, but by tests.
#[test]
fn nothing_starts_a_program() {
    assert_not_said(&["process::", "Command"].concat(), |path| {
        path.contains("/src/") && !path.ends_with("_tests.rs")
    });
}

/// Every crate takes the lints of the workspace, which forbid `unsafe`.
#[test]
fn every_crate_forbids_unsafe_code() {
    let root = root();
    let workspace = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let members = workspace.lines().find(|line| line.starts_with("members = ")).expect("members");
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() >= 7, "{members:?}");
    for member in members {
        let manifest = fs::read_to_string(root.join(member).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} has lints of its own");
    }
}

fn assert_not_said(needle: &str, looked_at: impl Fn(&str) -> bool) {
    let root = root();
    let name = |file: &PathBuf| {
        file.strip_prefix(&root).expect("it is beneath").to_string_lossy().replace('\\', "/")
    };
    let files: Vec<PathBuf> = sources(&root).into_iter().filter(|file| looked_at(&name(file))).collect();
    assert!(files.len() > 250, "only {} files were looked at", files.len());
    let said = |file: &&PathBuf| fs::read_to_string(file).expect("a readable source").contains(needle);
    let found: Vec<String> =
        files.iter().filter(said).map(name).filter(|name| !name.ends_with("tests/tree.rs")).collect();
    assert!(found.is_empty(), "{needle} stands in {found:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
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
