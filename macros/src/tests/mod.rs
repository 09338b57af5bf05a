//! The attributes as the compiler sees them: snapshots of expansions, and of the mistakes in every fixture.

mod compiler;
mod expand;
mod expanded;
mod kinds;
mod ui;

use std::fs;
use std::path::{Path, PathBuf};

/// `tests/{folder}` of the workspace.
fn folder(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(folder)
}

/// The Rust files of a folder, without subfolders, sorted by name.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    files.sort();
    files
}

/// Snapshots are stored beside the fixtures.
fn snapshots(beside: &Path) -> insta::Settings {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(beside);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
