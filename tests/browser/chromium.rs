//! Runs a script of this folder with Node.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use palisade_tests::node::{packages, program, script as beside_packages};

const CHROMIUM: &[&str] = &["chromium", "chromium-browser"];

/// The path of Chromium if everything is there that a script needs. In CI a missing part fails the test.
pub fn executable() -> Option<PathBuf> {
    packages("browser", &[CHROMIUM]).and_then(|_| program(CHROMIUM))
}

/// Runs the script with this text as its standard input.
pub fn node(script: &str, arguments: &[&str], settings: &[(&str, &Path)], input: &str) -> Output {
    let folder = packages("browser", &[CHROMIUM]).expect("the packages were found before");
    // Other scripts import it.
    beside_packages("browser", "look.mjs", &folder);
    let mut node = Command::new("node");
    node.arg(beside_packages("browser", script, &folder)).args(arguments).envs(settings.iter().copied());
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = node.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stdout));
    output
}
