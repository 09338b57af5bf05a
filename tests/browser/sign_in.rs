//! A sign-in to the example `accounts` at a real OpenID provider, walked in Chromium as a person walks it.

use std::path::Path;

use serde_json::json;

use crate::chromium;
use crate::support::sign_in::SignInServer;

/// The steps of the script. One that is skipped is a failure.
const STEPS: usize = 9;

fn walk(http2: bool, javascript: bool, pictures: Option<&Path>) {
    let Some(executable) = chromium::executable() else { return };
    let accounts = json!({"ada": {"name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true}});
    let Some(site) = SignInServer::start(&accounts) else { return };
    let input = json!({
        "executable": executable, "base": site.base, "provider": site.provider.issuer(), "http2": http2, "javascript": javascript,
        "pictures": pictures,
    });
    let output = chromium::node("sign_in.mjs", &[], &[], &input.to_string());
    let steps = String::from_utf8(output.stdout).unwrap();
    assert_eq!(steps.lines().count(), STEPS, "{steps}");
}

#[test]
fn person_signs_in_without_javascript_over_http_1() {
    walk(false, false, None);
}

/// The pages of the way are accessible, too. The pictures are written to `target/pages`.
#[test]
fn person_signs_in_with_javascript_over_http_2() {
    let test = std::env::current_exe().unwrap();
    walk(true, true, Some(&test.ancestors().nth(3).unwrap().join("pages")));
}
