//! The policy table for reviewers, as a command and as a page.

use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, program::run};

#[test]
fn policies_command_prints_four_formats_without_settings() {
    for (form, begins, has) in [
        (None, "METHOD", "owner_or_admin(id, of = Document)"),
        (Some("--markdown"), "|", "owner_or_admin(id, of = Document)"),
        (Some("--json"), "{", "\"path\": \"/api/documents/{id}\""),
        (Some("--html"), "<!doctype html>", "owner_or_admin(id, of = Document)"),
    ] {
        let printed = run(&[&["policies"], form.as_slice()].concat());
        assert!(printed.status.success(), "{printed:?}");
        let text = String::from_utf8(printed.stdout).expect("text");
        assert!(text.starts_with(begins) && text.contains(has), "{text}");
        assert!(
            form.is_some_and(|form| form != "--markdown") || text.contains("examples/accounts/src/documents.rs:"),
            "{text}"
        );
        assert_eq!(printed.stderr, b"");
    }
}

#[test]
fn unknown_argument_is_rejected() {
    for (words, expected) in [
        (&["policys"][..], "try --help"),
        (&["policies", "--yaml"], "--markdown, --json and --html"),
        (&["policies", "--json", "more"], "try --help"),
    ] {
        let rejected = run(words);
        assert_eq!(rejected.status.code(), Some(2), "{rejected:?}");
        let text = String::from_utf8(rejected.stderr).expect("text");
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
    }
    assert!(run(&["--help"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_page_is_admin_only_and_self_contained() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let path = "/api/admin/policies";
    anyone.get(path).await.expect(401);
    let admin = anyone.bearing(&anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    let page = admin.get(path).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(
        page.text.contains("/api/admin/policies") && page.text.contains("require_role(&quot;admin&quot;)"),
        "{}",
        page.text
    );
    // The names of the allowed origins are text, and nothing else of the page names another place.
    let page = page.text.replace("https://app.example.com", "").replace("https://admin.example.com", "");
    for outside in ["http://", "https://", "<script", "<link", "<img", "@import", "url(", "src=", "href="] {
        assert!(!page.contains(outside), "{outside}");
    }
}
