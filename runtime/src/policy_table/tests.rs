//! What the table shows, whatever stands in it.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::policy::{Policy, Route, Rule};
use crate::rate_limit::{By, Count, RateLimit};

const HOSTILE: &str = "<script>alert('1')</script> & \"x\" | `y`\n\u{1b}[31m\u{202e} \\| _z_";

static LOGIN: Policy = Policy::new(Rule::Public)
    .of("accounts::session", "login")
    .because("the way in")
    .limits(&[RateLimit::per_seconds("login", 5, 900).count(Count::Failures)])
    .validates_inputs();
static SHOW: Policy = Policy::new(Rule::Owner("id")).of("accounts::users", "show").validates(&["query", "body"]);
static HOSTILE_POLICY: Policy = Policy::new(Rule::Nobody).of("app", "closed").because(HOSTILE);
static EXPORT: Policy = Policy::new(Rule::Any(&[Rule::Role("a"), Rule::Owner("id")])).of("app", "export").limits(&[
    RateLimit::per_seconds("login", 10, 86_400).by(By::Principal).shared(),
    RateLimit::per_seconds("b", 1, 90).by(By::Principal).count(Count::Failures),
]);

fn login() -> PolicyRow {
    PolicyRow::new(&Route::post("/login"), "/api", &LOGIN, &[], &[api()])
}

fn api() -> (String, RateLimit) {
    ("/api".to_owned(), RateLimit::per_seconds("api", 100, 900))
}

fn show() -> PolicyRow {
    let route = const { Route::new(&["GET", "PUT"], "/users/{id}") };
    PolicyRow::new(&route, "/admin", &SHOW, &[("/admin".to_owned(), Rule::Role("admin"))], &[])
}

fn hostile() -> PolicyRow {
    PolicyRow::new(&Route::get("/<b>|{x}\u{7}"), "", &HOSTILE_POLICY, &[], &[])
}

fn table() -> PolicyTable {
    let mut table = PolicyTable::default();
    table.push(login());
    table.push(show());
    table.exempt("/health", "asked by the orchestrator");
    table
}

fn hostile_table() -> PolicyTable {
    let mut table = table();
    table.push(hostile());
    table.exempt("/<i>|", HOSTILE);
    table
}

#[test]
fn access_is_in_the_words_of_the_attributes_and_the_scope_comes_first() {
    assert_eq!(login().access(), "public");
    assert_eq!(show().access(), "require_role(\"admin\") (scope /admin), owner(id)");
    assert_eq!(show().rules().collect::<Vec<_>>(), [Rule::Role("admin"), Rule::Owner("id")]);
}

#[test]
fn rate_limits_say_all_that_they_are() {
    assert_eq!(login().rate_limits(), "5 per 15m (failures); 100 per 15m (scope /api)");
    let export = PolicyRow::new(&Route::get("/export"), "", &EXPORT, &[], &[]);
    assert_eq!(export.rate_limits(), "10 per 1d by principal, shared as \"login\"; 1 per 90s by principal (failures)");
    assert_eq!(show().rate_limits(), "");
}

#[test]
fn a_window_is_in_its_largest_whole_unit() {
    for (seconds, words) in [
        (1, "1 per 1s"),
        (61, "1 per 61s"),
        (60, "1 per 1m"),
        (5400, "1 per 90m"),
        (7200, "1 per 2h"),
        (129_600, "1 per 36h"),
        (604_800, "1 per 7d"),
    ] {
        assert_eq!(row::rate_limit(&RateLimit::per_seconds("x", 1, seconds), None), words);
    }
}

#[test]
fn validation_is_all_inputs_or_the_names() {
    assert_eq!(login().validates(), "inputs");
    assert_eq!(show().validates(), "query, body");
    assert_eq!(hostile().validates(), "");
}

#[test]
fn a_path_is_what_actix_makes_of_prefix_and_template() {
    let path =
        |prefix: &str, template| PolicyRow::new(&Route::get(template), prefix, &SHOW, &[], &[]).path().to_owned();
    assert_eq!(path("/api", "/users"), "/api/users");
    assert_eq!(path("/api", ""), "/api");
    assert_eq!(path("/api", "users"), "/api/users");
    assert_eq!(path("", ""), "/");
}

#[test]
fn public_under_a_guarded_scope_is_not_public() {
    let under = |outer: &[Rule], own| {
        let outer: Vec<_> = outer.iter().map(|rule| ("/s".to_owned(), *rule)).collect();
        PolicyRow::new(&Route::get("/"), "/s", own, &outer, &[]).openness()
    };
    static BOTH: Policy = Policy::new(Rule::All(&[Rule::Public, Rule::Nobody]));
    static EMPTY: Policy = Policy::new(Rule::Any(&[]));
    assert_eq!(under(&[], &LOGIN), Openness::Public);
    assert_eq!(under(&[Rule::OptionalAuth], &LOGIN), Openness::Public);
    assert_eq!(under(&[Rule::Authenticated], &LOGIN), Openness::Guarded);
    assert_eq!(under(&[Rule::Nobody], &LOGIN), Openness::Denied);
    assert_eq!(under(&[], &BOTH), Openness::Denied);
    assert_eq!(under(&[], &EMPTY), Openness::Denied);
    assert_eq!(under(&[], &SHOW), Openness::Guarded);
}

#[test]
fn the_text_is_aligned_and_ends_with_what_is_open() {
    let text = table().to_string();
    assert_eq!(text, table().to_text());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("METHOD   PATH               ACCESS"), "{text}");
    for (heading, first, second) in [
        ("PATH", "/api/login", "/admin/users/{id}"),
        ("ACCESS", "public", "require_role"),
        ("QUOTAS", "5 per", "-  "),
        ("VALIDATES", "inputs", "query, body"),
        ("HANDLER", "accounts::session::login (", "accounts::users::show ("),
        ("REASON", "the way in", "-"),
    ] {
        let at = lines[0].find(heading).unwrap();
        assert!(lines[1][at..].starts_with(first), "{heading}\n{text}");
        assert!(lines[2][at..].starts_with(second), "{heading}\n{text}");
    }
    assert!(text.contains(&format!("tests.rs:{}", LOGIN.declared_at().line())), "{text}");
    assert!(text.contains("\n1 of 2 routes is public.\n"), "{text}");
    assert!(text.contains("Exempt: /health (asked by the orchestrator)"), "{text}");
    assert!(lines.iter().all(|line| !line.ends_with(' ')), "{text}");
}

#[test]
fn no_word_of_a_route_moves_the_terminal() {
    let text = hostile_table().to_text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    assert!(text.contains("\\n\\u{1b}[31m\\u{202e}") && text.contains("{x}\\u{7}"), "{text}");
    let rows = 3;
    assert_eq!(text.lines().take_while(|line| !line.is_empty()).count(), rows + 1, "{text}");
}

#[test]
fn markdown_keeps_every_cell_in_its_column() {
    let markdown = hostile_table().to_markdown();
    assert!(!markdown.contains("<script") && !markdown.contains('\u{1b}') && !markdown.contains('\u{202e}'));
    for line in markdown.lines().filter(|line| line.starts_with('|')) {
        let mut escaped = false;
        let mut bars = 0;
        for c in line.chars() {
            bars += usize::from(c == '|' && !escaped);
            escaped = c == '\\' && !escaped;
        }
        assert_eq!(bars, 8, "{line}");
    }
    assert!(markdown.contains("\\`y\\`") && markdown.contains("\\\\\\|") && markdown.contains("\\_z\\_"), "{markdown}");
    assert!(markdown.contains("require_role(\"admin\") (scope /admin), owner(id)"), "{markdown}");
    assert!(markdown.contains(&format!("tests.rs:{})", SHOW.declared_at().line())), "{markdown}");
}

#[test]
fn the_committed_page_has_no_place_that_moves_with_the_code() {
    let page = table().to_committed();
    assert!(page.starts_with("# Policies\n") && page.ends_with('\n') && page.contains("PALISADE_BLESS=1"), "{page}");
    assert!(page.contains("accounts::users::show |") && !page.contains("tests.rs"), "{page}");
    assert!(page.contains("- /health: asked by the orchestrator\n"), "{page}");
}

#[test]
fn json_has_stable_names() {
    let json: serde_json::Value = serde_json::from_str(&hostile_table().to_json()).unwrap();
    let login = &json["routes"][0];
    assert_eq!(login["methods"], serde_json::json!(["POST"]));
    assert_eq!(login["path"], "/api/login");
    assert_eq!(login["standing"], "public");
    assert_eq!(login["validation"], "inputs");
    assert_eq!(login["handler"], "accounts::session::login");
    assert_eq!(login["line"], LOGIN.declared_at().line());
    assert_eq!(
        login["rate limits"],
        serde_json::json!([
            { "name": "login", "limit": 5, "window_seconds": 900, "by": ["ip"], "cost": 1, "observe": false, "on_outage": "deny", "count": "failures", "shared": false, "scope": null },
            { "name": "api", "limit": 100, "window_seconds": 900, "by": ["ip"], "cost": 1, "observe": false, "on_outage": "local", "count": "all", "shared": false, "scope": "/api" },
        ])
    );
    let show = &json["routes"][1];
    assert_eq!(
        show["access"],
        serde_json::json!([
            { "rule": "require_role(\"admin\")", "scope": "/admin" },
            { "rule": "owner(id)", "scope": null },
        ])
    );
    assert_eq!(show["arguments"], serde_json::json!(["query", "body"]));
    assert_eq!(show["reason"], serde_json::Value::Null);
    assert_eq!(json["routes"][2]["reason"], HOSTILE);
    assert_eq!(json["exempt"][0], serde_json::json!({ "prefix": "/health", "reason": "asked by the orchestrator" }));
}

#[test]
fn html_shows_hostile_words_as_words() {
    let html = hostile_table().to_html();
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
    for forbidden in ["<script", "<b>", "<i>", "\u{1b}", "\u{202e}", "\u{7}", " style=", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden:?}\n{html}");
    }
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"), "{html}");
    assert!(html.contains("<caption>") && html.contains("scope=\"col\"") && html.contains("name=\"viewport\""));
    assert!(html.contains("<strong>PUBLIC</strong>") && html.contains("<strong>CLOSED</strong>"), "{html}");
    assert!(html.contains("prefers-color-scheme"));
}

#[test]
fn the_page_of_an_empty_table_says_so() {
    let table = PolicyTable::default();
    assert!(table.to_text().contains("0 of 0 routes are public."));
    assert!(table.to_html().contains("0 of 0 routes are public."));
    assert!(table.rows().is_empty());
}

#[test]
fn the_page_admits_its_own_style_and_nothing_else() {
    let html = table().to_html();
    let (_, rest) = html.split_once("<style>").unwrap();
    let (style, after) = rest.split_once("</style>").unwrap();
    assert!(!after.contains("<style"));
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    let response: actix_web::HttpResponse<BoxBody> = table().into_response();
    let header = |name| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        header(CONTENT_SECURITY_POLICY),
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
    );
    assert_eq!(header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(CACHE_CONTROL), "no-store");
    assert_eq!(response.into_body().try_into_bytes().unwrap(), html.as_bytes());
}
