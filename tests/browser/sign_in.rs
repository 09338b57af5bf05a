//! A sign-in to the example `accounts` at a real OpenID provider, walked in Chromium as a person walks it.

use std::net::TcpListener;

use palisade_tests::provider::RealProvider;
use serde_json::json;

use crate::chromium;
use crate::support::Server;

/// The steps of the script. One that is skipped is a failure.
const STEPS: usize = 7;

fn walk(http2: bool, javascript: bool) {
    let Some(executable) = chromium::executable() else { return };
    // The provider must know the callback before the server runs.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = format!("https://localhost:{port}");
    let (callback, secret) = (format!("{base}/sign-in/callback"), "the secret of accounts, long enough");
    let setup = json!({
        "accounts": {"ada": {"name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true}},
        "clients": [{
            "client_id": "accounts", "client_secret": secret, "redirect_uris": [callback], "response_types": ["code"],
            "grant_types": ["authorization_code"],
        }],
    });
    let Some(provider) = RealProvider::start(&setup) else { return };
    let server = Server::start(&[
        ("ACCOUNTS_LISTEN", &format!("127.0.0.1:{port}")),
        ("ACCOUNTS_OIDC_ISSUER", provider.issuer()),
        ("ACCOUNTS_OIDC_CLIENT_ID", "accounts"),
        ("ACCOUNTS_OIDC_CLIENT_SECRET", secret),
        ("ACCOUNTS_OIDC_CALLBACK", &callback),
    ]);
    assert_eq!(server.https.port(), port);
    let input = json!({
        "executable": executable, "base": base, "provider": provider.issuer(), "http2": http2, "javascript": javascript,
    });
    let output = chromium::node("sign_in.mjs", &[], &[], &input.to_string());
    let steps = String::from_utf8(output.stdout).unwrap();
    assert_eq!(steps.lines().count(), STEPS, "{steps}");
}

#[test]
fn person_signs_in_without_javascript_over_http_1() {
    walk(false, false);
}

#[test]
fn person_signs_in_with_javascript_over_http_2() {
    walk(true, true);
}
