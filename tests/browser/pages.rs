//! The pages of the example `accounts`, walked in Chromium over HTTPS, as a person walks them (ASVS V3.4, V6.3.1, V7.4, V7.5.2; WCAG 2.2).

use std::path::Path;

use serde_json::json;

use crate::chromium;
use crate::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Server};

/// The steps of the script. One that is skipped is a failure.
const STEPS: usize = 12;

fn walk(http2: bool, javascript: bool, pictures: Option<&Path>) {
    let Some(executable) = chromium::executable() else { return };
    let server = Server::start(&[]);
    let input = json!({
        "executable": executable,
        "base": format!("https://localhost:{}", server.https.port()),
        "http2": http2,
        "javascript": javascript,
        "pictures": pictures,
        "admin": { "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD },
    });
    let output = chromium::node("pages.mjs", &[], &[], &input.to_string());
    let steps = String::from_utf8(output.stdout).unwrap();
    assert_eq!(steps.lines().count(), STEPS, "{steps}");
}

#[test]
fn pages_work_without_javascript_over_http_2() {
    walk(true, false, None);
}

#[test]
fn pages_work_without_javascript_over_http_1() {
    walk(false, false, None);
}

/// The pictures are written to `target/pages`.
#[test]
fn pages_are_accessible_in_light_and_dark_at_each_width() {
    let test = std::env::current_exe().unwrap();
    walk(true, true, Some(&test.ancestors().nth(3).unwrap().join("pages")));
}
