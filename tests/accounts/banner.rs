//! The example lines that the server prints at the start work when they are pasted into a shell.

use std::process::{Command, Stdio};

use palisade_tests::missing::not_run;

use super::support::{Server, program::fresh_data};

/// The steps of a banner: the promised status, if any, and the line to paste.
fn steps<'a>(banner: &'a str) -> Vec<(Option<u16>, &'a str)> {
    let lines: Vec<_> = banner.lines().collect();
    let step = |pair: &[&'a str]| {
        let means = pair[0].strip_prefix("  # ")?;
        Some((means.split(':').next().and_then(|word| word.parse().ok()), pair[1].trim()))
    };
    lines.windows(2).filter_map(step).collect()
}

#[test]
fn banner_lines_work_when_pasted_in_order() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        return not_run("curl");
    }
    let server = Server::start_in(fresh_data(), &[]);
    let banner = server.banner();
    let steps = steps(&banner);
    let promised: Vec<_> = steps.iter().filter_map(|(status, _)| *status).collect();
    assert_eq!(promised, [201, 200, 401, 403, 404, 422, 429], "{banner}");

    // One shell, as a user would have; the separator divides the outputs.
    let script: String = steps.iter().map(|(_, line)| format!("{line}\necho ===\n")).collect();
    let output = Command::new("sh").args(["-c", &script]).env_remove("TOKEN").output().expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(err, "", "{out}");
    for ((status, line), printed) in steps.iter().zip(out.split("===\n")) {
        if let Some(status) = status {
            assert!(printed.ends_with(&format!(" {status}\n")), "{line}\n{printed}");
        }
    }
    let tries = out.split("===\n").nth(steps.len() - 1).expect("the last").matches(" 401\n").count();
    assert_eq!(tries, 5, "five attempts before the sixth is rejected: {out}");
}

#[test]
fn observe_mode_banner_promises_no_429() {
    let server = Server::start_in(fresh_data(), &[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let banner = server.banner();
    assert!(banner.contains("rate limits: only observed"), "{banner}");
    let promised: Vec<_> = steps(&banner).iter().filter_map(|(status, _)| *status).collect();
    assert!(promised.contains(&200) && !promised.contains(&429), "{promised:?}: {banner}");
}
