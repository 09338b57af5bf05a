//! Node and the packages that `tests/run` installs from npm: `target/browser` for `tests/browser`, `target/provider` for
//! `tests/provider`.

use std::path::{Path, PathBuf};

use crate::missing::not_run;

/// The path of the first of these programs that is installed.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.into_iter().find(|path| path.is_file())
}

/// The folder where the packages of `tests/<name>` are installed, if Node and all of `needed` programs are there too. In CI a
/// missing part fails the test. The names of one program are alternatives.
pub fn packages(name: &str, needed: &[&[&str]]) -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(3).unwrap().join(name);
    let programs = needed.iter().all(|names| program(names).is_some()) && program(&["node"]).is_some();
    if programs && folder.join("node_modules").exists() {
        return Some(folder);
    }
    let missing: Vec<&str> = needed.iter().map(|names| names[0]).chain(["node"]).collect();
    not_run(&format!("{} or the packages of tests/{name}", missing.join(", ")));
    None
}

/// The path of this script of `tests/<name>` beside its packages, where Node looks for them.
pub fn script(name: &str, script: &str, folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join(script);
    let copy = folder.join(script);
    // Two test binaries may do this at once: each writes a file of its own and renames it.
    let own = folder.join(format!("{script}.{}", std::process::id()));
    std::fs::copy(source, &own).unwrap();
    std::fs::rename(own, &copy).unwrap();
    copy
}
