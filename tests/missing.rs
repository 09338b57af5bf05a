//! What a test needs and this machine does not have.

use std::io::Write as _;

/// Says in one line that a test was not run. In CI this fails instead. The line goes to the standard error itself, because the
/// harness keeps what a passing test prints to itself.
pub fn not_run(missing: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}: not installed");
    let _ = writeln!(std::io::stderr(), "not run: {missing}: not installed; see tests/run");
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    const CHILD: &str = "PALISADE_TESTS_MISSING";

    /// Runs this test again in a process of its own.
    fn child(name: &str, ci: &str) -> Output {
        let arguments = ["--exact", &format!("missing::tests::{name}")];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).env(CHILD, "1").env("CI", ci).output().unwrap()
    }

    #[test]
    fn line_is_shown_although_the_test_passes() {
        if std::env::var_os(CHILD).is_some() {
            return super::not_run("redis-server");
        }
        let shown = child("line_is_shown_although_the_test_passes", "");
        assert!(shown.status.success());
        let lines = String::from_utf8(shown.stderr).unwrap();
        assert_eq!(lines, "not run: redis-server: not installed; see tests/run\n");
    }

    #[test]
    fn ci_fails_instead() {
        if std::env::var_os(CHILD).is_some() {
            return super::not_run("redis-server");
        }
        assert!(!child("ci_fails_instead", "true").status.success());
    }
}
