//! The formats of the table, with harmless and with hostile text.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::row::Openness;
use super::*;
use crate::headers::HeaderChange;
use crate::policy::{Policy, Route, Rule};
use crate::rate_limit::{By, Count, RateLimit};

const HOSTILE: &str = "<script>alert('1')</script> & \"x\" | `y`\n\u{1b}[31m\u{202e} \\| _z_";

static LOGIN: Policy = Policy::new(Rule::Public)
    .of("accounts::session", "login")
    .with_reason("the way in")
    .limits(&[RateLimit::per_seconds("login", 5, 900).count(Count::Failures)])
    .validates_inputs();
static SHOW: Policy = Policy::new(Rule::Owner("id"))
    .of("accounts::users", "show")
    .validates(&["query", "body"])
    .headers(&[HeaderChange::Pages, HeaderChange::Without("referrer-policy")]);
static HOSTILE_POLICY: Policy = Policy::new(Rule::Nobody).of("app", "closed").with_reason(HOSTILE);
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
    table.exempt("/health", "called by the orchestrator");
    table
}

fn hostile_table() -> PolicyTable {
    let mut table = table();
    table.push(hostile());
    table.exempt("/<i>|", HOSTILE);
    table
}

#[test]
fn access_is_shown_as_attributes_scope_first() {
    assert_eq!(login().access(), "public");
    assert_eq!(show().access(), "require_role(\"admin\") (scope /admin), owner(id)");
    assert_eq!(show().rules().collect::<Vec<_>>(), [Rule::Role("admin"), Rule::Owner("id")]);
}

#[test]
fn rate_limits_show_all_their_options() {
    assert_eq!(login().rate_limits(), "5 per 15m (failures); 100 per 15m (scope /api)");
    let export = PolicyRow::new(&Route::get("/export"), "", &EXPORT, &[], &[]);
    assert_eq!(export.rate_limits(), "10 per 1d by principal, shared as \"login\"; 1 per 90s by principal (failures)");
    assert_eq!(show().rate_limits(), "");
}

#[test]
fn input_shows_what_is_validated_and_how_large_a_body_may_be() {
    static STRICT: Policy = Policy::new(Rule::Public).of("app", "add").validates_inputs().strict().body_limit(65_536);
    let strict = PolicyRow::new(&Route::post("/add"), "", &STRICT, &[], &[]);
    assert_eq!(strict.input(), "inputs; strict; body up to 64KiB");
    assert_eq!(login().input(), "inputs");
    let mut table = table();
    table.push(strict);
    let routes: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let member =
        |name: &str| routes["routes"].as_array().unwrap().iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(member("strict"), [false, false, true]);
    assert_eq!(member("max_body_bytes"), [serde_json::Value::Null, serde_json::Value::Null, 65_536.into()]);
}

#[test]
fn every_format_shows_the_reason_for_raw_sql() {
    static SORT: Policy = Policy::new(Rule::Public).of("app", "sort").with_reason("a demo").allows_raw_sql("a <pivot>");
    static LIST: Policy = Policy::new(Rule::Authenticated).of("app", "list").allows_raw_sql("columns of a file");
    assert_eq!((SORT.raw_sql_reason(), LOGIN.raw_sql_reason()), (Some("a <pivot>"), None));
    let mut table = table();
    table.push(PolicyRow::new(&Route::get("/sort"), "", &SORT, &[], &[]));
    table.push(PolicyRow::new(&Route::get("/list"), "", &LIST, &[], &[]));
    let [text, markdown, html] = [table.to_text(), table.to_markdown(), table.to_html()];
    assert!(text.contains("REASON       a demo; raw SQL: a <pivot>\n"), "{text}");
    assert!(text.contains("REASON       raw SQL: columns of a file\n"), "{text}");
    assert!(
        markdown.contains("| a demo; raw SQL: a &lt;pivot&gt; |")
            && markdown.contains("| raw SQL: columns of a file |"),
        "{markdown}"
    );
    assert!(html.contains("a demo; raw SQL: a &lt;pivot&gt;") && html.contains("raw SQL: columns of a file"), "{html}");
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let members: Vec<_> = (0..4).map(|row| &json["routes"][row]["raw_sql"]).collect();
    assert_eq!(
        members,
        [&serde_json::Value::Null, &serde_json::Value::Null, &"a <pivot>".into(), &"columns of a file".into()]
    );
    assert_eq!(json["routes"][2]["reason"], "a demo");
    assert_eq!(json["routes"][3]["reason"], serde_json::Value::Null);
}

#[test]
fn a_window_is_in_its_largest_whole_unit() {
    for (seconds, expected) in [
        (1, "1 per 1s"),
        (61, "1 per 61s"),
        (60, "1 per 1m"),
        (5400, "1 per 90m"),
        (7200, "1 per 2h"),
        (129_600, "1 per 36h"),
        (604_800, "1 per 7d"),
    ] {
        assert_eq!(row::rate_limit(&RateLimit::per_seconds("x", 1, seconds), None), expected);
    }
}

#[test]
fn validation_shows_inputs_or_argument_names() {
    assert_eq!(login().validates(), "inputs");
    assert_eq!(show().validates(), "query, body");
    static BESIDE: Policy = Policy::new(Rule::Public).of("t", "beside").validates_inputs_except(&["session", "db"]);
    let beside = PolicyRow::new(&Route::get("/beside"), "", &BESIDE, &[], &[]);
    assert_eq!(beside.validates(), "inputs except session, db");
    let mut table = PolicyTable::default();
    table.push(beside);
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let row = &json["routes"][0];
    assert_eq!(
        (&row["validation"], &row["arguments"]),
        (&serde_json::json!("inputs_except"), &serde_json::json!(["session", "db"]))
    );
    assert_eq!(hostile().validates(), "");
}

#[test]
fn prefix_and_template_are_joined_like_actix_does() {
    let path =
        |prefix: &str, template| PolicyRow::new(&Route::get(template), prefix, &SHOW, &[], &[]).path().to_owned();
    assert_eq!(path("/api", "/users"), "/api/users");
    assert_eq!(path("/api", ""), "/api");
    assert_eq!(path("/api", "users"), "/api/users");
    assert_eq!(path("", ""), "/");
}

#[test]
fn public_routes_in_guarded_scopes_are_guarded() {
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
fn the_text_is_grouped_by_scope_and_aligned() {
    let text = table().to_string();
    assert_eq!(text, table().to_text());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "METHOD    PATH               ACCESS", "{text}");
    let (login_line, show_line) = (LOGIN.declared_at().line(), SHOW.declared_at().line());
    let file = LOGIN.declared_at().file();
    let expected = [
        String::new(),
        "SCOPE /api: 100 per 15m".to_owned(),
        "POST      /api/login         public".to_owned(),
        "        RATE LIMITS  5 per 15m (failures)".to_owned(),
        "        VALIDATES    inputs".to_owned(),
        format!("        HANDLER      accounts::session::login ({file}:{login_line})"),
        "        REASON       the way in".to_owned(),
        String::new(),
        "SCOPE /admin: require_role(\"admin\")".to_owned(),
        "GET, PUT  /admin/users/{id}  owner(id)".to_owned(),
        "        VALIDATES    query, body".to_owned(),
        "        BROWSER      headers: pages; without referrer-policy".to_owned(),
        format!("        HANDLER      accounts::users::show ({file}:{show_line})"),
        String::new(),
        "1 of 2 routes is public.".to_owned(),
        "Exempt: /health (called by the orchestrator)".to_owned(),
    ];
    assert_eq!(lines[1..], expected, "{text}");
}

#[test]
fn each_format_shows_each_column() {
    let table = table();
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    for column in &columns::COLUMNS {
        assert!(table.to_text().contains(&column.heading.to_uppercase()), "{}", column.heading);
        assert!(table.to_markdown().contains(&format!("| {} |", column.heading)), "{}", column.heading);
        assert!(table.to_html().contains(&format!(">{}</th>", column.heading)), "{}", column.heading);
        for (name, value) in (column.members)(&table.rows()[0]) {
            assert_eq!(json["routes"][0][name], value, "{name}");
        }
    }
}

#[test]
fn text_lines_have_at_most_100_characters() {
    let long = "segment/".repeat(40);
    let prefix = format!("/{}", long.trim_end_matches('/'));
    let mut table = hostile_table();
    table.push(PolicyRow::new(&Route::get("/x"), &prefix, &SHOW, &[(prefix.clone(), Rule::Role("admin"))], &[]));
    table.push(PolicyRow::new(
        &Route::get("/y"),
        "/api",
        &SHOW,
        &[("/api".to_owned(), Rule::All(&[Rule::Role("a"); 30]))],
        &[],
    ));
    table.exempt("/other", "word ".repeat(60).trim_end().to_owned());
    let text = table.to_text();
    for line in text.lines() {
        assert!(line.chars().count() <= 100 && !line.ends_with(' '), "{line:?}");
    }
    // No text is lost at the end of a line.
    let joined: String = text.split_whitespace().collect();
    assert!(joined.contains(&format!("{prefix}/x")) && joined.matches("\"a\"").count() == 30, "{text}");
    assert_eq!(text.matches("word").count(), 60);
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let text = hostile_table().to_text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains("\\n\\u{1b}[31m\\u{202e}") && text.contains("{x}\\u{7}"), "{text}");
    let routes = text.lines().filter(|line| line.starts_with("GET") || line.starts_with("POST"));
    assert_eq!(routes.count(), 3, "{text}");
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
        assert_eq!(bars, columns::COLUMNS.len() + 1, "{line}");
    }
    assert!(markdown.contains("\\`y\\`") && markdown.contains("\\\\\\|") && markdown.contains("\\_z\\_"), "{markdown}");
    assert!(markdown.contains("require_role(\"admin\") (scope /admin), owner(id)"), "{markdown}");
    assert!(markdown.contains(&format!("tests.rs:{})", SHOW.declared_at().line())), "{markdown}");
}

#[test]
fn the_committed_page_has_no_files_and_lines() {
    let page = table().to_committed();
    assert!(page.starts_with("# Policies\n") && page.ends_with('\n') && page.contains("PALISADE_BLESS=1"), "{page}");
    assert!(page.contains("accounts::users::show |") && !page.contains("tests.rs"), "{page}");
    assert!(page.contains("- /health: called by the orchestrator\n"), "{page}");
}

#[test]
fn json_has_stable_names() {
    let json: serde_json::Value = serde_json::from_str(&hostile_table().to_json()).unwrap();
    let login = &json["routes"][0];
    assert_eq!(login["methods"], serde_json::json!(["POST"]));
    assert_eq!(login["path"], "/api/login");
    assert_eq!(login["openness"], "public");
    assert_eq!(login["validation"], "inputs");
    assert_eq!(login["handler"], "accounts::session::login");
    assert_eq!(login["line"], LOGIN.declared_at().line());
    assert_eq!(
        login["rate_limits"],
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
    assert_eq!(json["exempt"][0], serde_json::json!({ "prefix": "/health", "reason": "called by the orchestrator" }));
}

#[test]
fn html_escapes_hostile_text() {
    let html = hostile_table().to_html();
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
    for forbidden in ["<script", "<b>", "<i>", "\u{1b}", "\u{202e}", "\u{7}", " style=", "http://", "https://"] {
        assert!(!html.contains(forbidden), "{forbidden:?}\n{html}");
    }
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"), "{html}");
    assert!(html.contains("<h1>Policies</h1>") && html.contains("scope=\"col\"") && html.contains("name=\"viewport\""));
    assert!(html.contains("<strong>PUBLIC</strong>") && html.contains("<strong>CLOSED</strong>"), "{html}");
    assert!(html.contains("prefers-color-scheme"));
}

#[test]
fn the_page_shows_scope_demands_once() {
    let mut table = table();
    table.push(show());
    let html = table.to_html();
    assert_eq!(html.matches("require_role(&quot;admin&quot;)").count(), 1, "{html}");
    assert_eq!(html.matches("owner(id)").count(), 2, "{html}");
    assert_eq!(html.matches("class=\"scope\"").count(), 2, "{html}");
    assert!(!html.contains("<code>public</code>"), "the badge shows it already: {html}");
}

#[test]
fn each_filter_selects_one_class_of_rows() {
    let html = hostile_table().to_html();
    for class in ["public", "guarded", "closed"] {
        assert!(html.contains(&format!("id=\"{class}\"")), "{class}");
        assert!(html.contains(&format!("body:has(#{class}:checked) .route:not(.{class})")), "{class}");
        let headings = format!("body:has(#{class}:checked) tbody:not(:has(.{class}))");
        assert!(html.contains(&headings), "the heading of a scope without such a row is hidden: {class}");
        assert_eq!(html.matches(&format!("class=\"route {class}\"")).count(), 1, "{class}");
    }
    assert!(html.contains("id=\"all\" checked"));
}

#[test]
fn an_empty_table_shows_zero_routes() {
    let table = PolicyTable::default();
    assert!(table.to_text().contains("0 of 0 routes are public."));
    assert!(table.to_html().contains("0 of 0 routes are public."));
    assert!(table.rows().is_empty());
}

#[test]
fn the_page_allows_only_its_own_style() {
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
