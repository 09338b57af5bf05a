//! The cell about browsers in each format.

use std::time::Duration;

use crate::headers::{HeaderChange, Hsts, SecurityHeaders};
use crate::policy::{Policy, Route, Rule};
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::{Palisade, PalisadeBuilder};

static PLAIN: Policy = Policy::new(Rule::Public);
static SHOW: Policy =
    Policy::new(Rule::Public).headers(&[HeaderChange::Pages, HeaderChange::Without("referrer-policy")]);

#[test]
fn browser_shows_what_scopes_and_handler_change() {
    let of_scopes = [("/site".to_owned(), SecurityHeaders::new().frame("same-origin"))];
    let plain = PolicyRow::new(&Route::get("/"), "", &PLAIN, &[], &[]);
    let row = PolicyRow::new(&Route::get("/"), "/site", &SHOW, &[], &[]).with_headers(&of_scopes);
    assert_eq!(row.browser(), "headers: frame SAMEORIGIN (scope /site); headers: pages; without referrer-policy");
    assert_eq!(
        (row.own_browser(), plain.browser()),
        ("headers: pages; without referrer-policy".to_owned(), String::new())
    );
    let mut table = PolicyTable::default().with_headers(SecurityHeaders::api().danger_without("permissions-policy"));
    table.push(row);
    let text = table.to_text();
    assert!(text.contains("SCOPE /site: headers: frame SAMEORIGIN\n"), "{text}");
    let application = "All responses: headers: api; without permissions-policy.";
    for shown in [text, table.to_markdown(), table.to_html()] {
        assert!(shown.contains(application), "{shown}");
    }
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    assert_eq!(json["headers"][1], serde_json::json!({ "name": "permissions-policy", "value": null }));
    let of_route = serde_json::json!([
        { "changes": [{ "name": "x-frame-options", "value": "SAMEORIGIN" }], "scope": "/site" },
        { "changes": json["routes"][0]["headers"][1]["changes"], "scope": null },
    ]);
    assert_eq!(json["routes"][0]["headers"], of_route);
    assert!(!PolicyTable::default().to_text().contains("All responses"));
}

/// The lines about HSTS and hosts, which are in each format, and the members of the JSON.
fn transport(builder: PalisadeBuilder) -> (Vec<String>, serde_json::Value) {
    let table = builder.build().unwrap().policies();
    let of_interest = |line: &&str| line.starts_with("Over TLS: ") || line.starts_with("Hosts: ");
    let markdown = table.to_markdown();
    let lines: Vec<&str> = markdown.lines().filter(of_interest).collect();
    let text = table.to_text().replace("\n        ", " ");
    let unescaped = |line: &str| line.replace('\\', "");
    for line in &lines {
        let shown = unescaped(line);
        assert!(text.contains(&shown) && table.to_html().contains(&shown), "{text}");
        assert!(table.to_committed().contains(line));
    }
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    (lines.into_iter().map(unescaped).collect(), serde_json::json!([json["hsts"], json["hosts"]]))
}

#[test]
fn hsts_and_hosts_of_the_application_are_shown() {
    let (lines, json) = transport(Palisade::builder());
    assert_eq!(
        lines,
        [
            "Over TLS: Strict-Transport-Security is max-age=31536000; includeSubDomains.",
            "Hosts: loopback names over a loopback address, and every host over another one.",
        ]
    );
    let of_listener = serde_json::json!({ "rule": "of_listener", "names": [] });
    assert_eq!(json, serde_json::json!(["max-age=31536000; includeSubDomains", of_listener]));

    let short = Hsts::new().max_age(Duration::from_secs(60)).danger_without_subdomains();
    let hosts = ["API.example.com", "*.example.com:8443", "192.0.2.7", "[2001:DB8::1]:443"];
    let (lines, json) = transport(Palisade::builder().hsts(short).hosts(hosts));
    let shown = ["api.example.com", "*.example.com:8443", "192.0.2.7", "[2001:db8::1]:443"];
    assert_eq!(
        lines,
        ["Over TLS: Strict-Transport-Security is max-age=60.".to_owned(), format!("Hosts: {}.", shown.join(", "))]
    );
    assert_eq!(json, serde_json::json!(["max-age=60", { "rule": "listed", "names": shown }]));

    let (lines, json) = transport(Palisade::builder().hsts(Hsts::danger_forget_host()).danger_any_host());
    let forgotten =
        "Over TLS: Strict-Transport-Security is max-age=0, so browsers forget that the hosts use only HTTPS.";
    assert_eq!(lines, [forgotten, "Hosts: every host, also over a loopback address."]);
    assert_eq!(json, serde_json::json!(["max-age=0", { "rule": "any", "names": [] }]));

    let without = SecurityHeaders::new().danger_without("strict-transport-security");
    let (lines, json) = transport(Palisade::builder().security_headers(without));
    assert_eq!(lines.first().unwrap(), "Over TLS: Strict-Transport-Security is not sent.");
    assert_eq!(json[0], serde_json::Value::Null);
}
