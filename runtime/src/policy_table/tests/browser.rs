//! The cell about browsers in each format.

use crate::headers::HeaderChange;
use crate::headers::SecurityHeaders;
use crate::policy::{Policy, Route, Rule};
use crate::policy_table::{PolicyRow, PolicyTable};

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
