//! Runs a script of this folder with Node.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the scripts and of their packages.
fn folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("browser")
}

/// The path of the first of these programs that is installed.
fn program(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.into_iter().find(|path| path.is_file())
}

/// The path of Chromium if everything is there that a script needs. In CI a missing part fails the test.
pub fn executable() -> Option<PathBuf> {
    let found = program(&["chromium", "chromium-browser"]).filter(|_| program(&["node"]).is_some());
    let found = found.filter(|_| folder().join("node_modules").exists());
    if found.is_none() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "chromium, node or the packages of tests/browser are missing"
        );
        eprintln!("not run: chromium, node or the packages of tests/browser are not installed; see tests/run");
    }
    found
}

/// Runs the script with this text as its standard input.
pub fn node(script: &str, arguments: &[&str], settings: &[(&str, &Path)], input: &str) -> Output {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(script);
    let copy = folder().join(script);
    // Node looks for packages beside the script.
    std::fs::copy(source, &copy).unwrap();
    let mut node = Command::new("node");
    node.arg(copy).args(arguments).envs(settings.iter().copied());
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = node.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stdout));
    output
}
