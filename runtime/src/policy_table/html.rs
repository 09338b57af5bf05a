//! The table as an HTML page.
//!
//! Threat: markup in a path, a name or a reason (CWE-79); a page that loads third-party content (ASVS V3.4.3). Promise: each text
//! is escaped. The page has no script and loads nothing. Its `Content-Security-Policy` allows only its own style, by hash.

use actix_web::http::header::HeaderValue;

use super::columns::{ACCESS, COLUMNS, Column, Detail, Group, PATH, groups};
use super::row::Openness;
use super::words::prefix_or_slash;
use super::{PolicyRow, PolicyTable, escape};

/// The hash is that of [`STYLE`]; a test recomputes it.
pub(super) const CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-kEjgFnex70EwtGUD8M5yO3Hutj8XRVNrm25e1BLa+DY='; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --quiet: #57606a; --band: #f6f8fa;
  --open: #9a3412; --open-paper: #fff4e5; --closed: #57606a; --closed-paper: #f0f2f4; --mark: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --quiet: #9aa4af; --band: #151b23;
    --open: #ffb074; --open-paper: #2b1d0e; --closed: #9aa4af; --closed-paper: #1b2028; --mark: #79b8ff; }
}
body { margin: 1rem; font: 1rem/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
p { margin: 0 0 .6rem; }
fieldset { border: 0; margin: 0 0 .8rem; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
legend { float: left; font-weight: 600; line-height: 1.6rem; margin-right: 1rem; padding: 0; }
label { display: flex; gap: .4rem; align-items: center; min-height: 1.6rem; }
input { accent-color: var(--mark); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; font-weight: 400; }
thead th { font-weight: 600; color: var(--quiet); overflow-wrap: normal; }
tr.scope th { background: var(--band); font-weight: 600; padding-top: .7rem; }
tr.scope th code { font-size: 1em; }
tr.scope span { font-weight: 400; margin-left: .8rem; }
code { font: .9em/1.45 ui-monospace, monospace; }
small { color: var(--quiet); display: block; }
[data-label=Path], [data-label=Reason] { min-width: 9rem; }
[data-label^=Rate] { min-width: 12rem; }
[data-label=Access], [data-label=Handler] { min-width: 14rem; }
.public { background: var(--open-paper); } .public strong { color: var(--open); }
.closed { background: var(--closed-paper); } .closed strong { color: var(--closed); }
body:has(#public:checked) .route:not(.public),
body:has(#public:checked) tbody:not(:has(.public)),
body:has(#guarded:checked) .route:not(.guarded),
body:has(#guarded:checked) tbody:not(:has(.guarded)),
body:has(#closed:checked) .route:not(.closed),
body:has(#closed:checked) tbody:not(:has(.closed)) { display: none; }
@media (max-width: 80rem) {
  table, tbody, tr, th, td { display: block; }
  thead { position: absolute; clip-path: inset(50%); }
  tr.route { border: 1px solid var(--line); border-radius: .4rem; margin-bottom: .8rem; }
  tr.route th, td { border: 0; padding: .25rem .6rem; }
  tr.scope th { border: 0; margin: .4rem 0; }
  tr.route th::before, td::before { content: attr(data-label); display: block; font-size: .8rem; color: var(--quiet); }
  td:empty { display: none; }
}
";

/// The filters of the page: the class of the rows that each one shows, and its label.
const FILTERS: [(&str, &str); 4] = [("all", "All"), ("public", "Public"), ("guarded", "Guarded"), ("closed", "Closed")];

pub(super) fn render(table: &PolicyTable) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Policies</title>\n<style>",
    );
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n<main>\n<h1>Policies</h1>\n<p>");
    page.push_str(&table.summary());
    table.for_browsers().iter().for_each(|sentence| page.push_str(&format!("</p>\n<p>{}", escaped(sentence))));
    // Only the style reads the choice, so the page needs no script and nothing is sent.
    page.push_str("</p>\n<fieldset>\n<legend>Show</legend>\n");
    for (class, label) in FILTERS {
        let checked = if class == "all" { " checked" } else { "" };
        page.push_str(&format!("<label><input type=\"radio\" name=\"show\" id=\"{class}\"{checked}>{label}</label>\n"));
    }
    // On a narrow screen the cells of the table are below each other. The roles keep it a table for a screen reader.
    page.push_str(
        "</fieldset>\n<table role=\"table\" aria-label=\"Policies\">\n<thead role=\"rowgroup\">\n<tr role=\"row\">",
    );
    for column in &COLUMNS {
        page.push_str(&format!("<th scope=\"col\" role=\"columnheader\">{}</th>", column.heading));
    }
    page.push_str("</tr>\n</thead>\n");
    for group in groups(table.rows()) {
        push_group(&mut page, &group);
    }
    page.push_str("</table>\n");
    push_exemptions(&mut page, table);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn push_group(page: &mut String, group: &Group<'_>) {
    let demands =
        if group.demands.is_empty() { String::new() } else { format!(" <span>{}</span>", code(&group.demands)) };
    page.push_str(&format!(
        "<tbody role=\"rowgroup\">\n<tr role=\"row\" class=\"scope\"><th scope=\"rowgroup\" role=\"rowheader\" colspan=\"{}\">\
         Scope {}{demands}</th></tr>\n",
        COLUMNS.len(),
        code(prefix_or_slash(group.prefix)),
    ));
    for row in &group.rows {
        push_row(page, row);
    }
    page.push_str("</tbody>\n");
}

fn push_row(page: &mut String, row: &PolicyRow) {
    let class = match row.openness() {
        Openness::Public => "public",
        Openness::Denied => "closed",
        Openness::Guarded => "guarded",
    };
    page.push_str(&format!("<tr role=\"row\" class=\"route {class}\">\n"));
    for column in &COLUMNS {
        // The path is the header of a row.
        let (tag, scope, role) =
            if column.heading == PATH { ("th", " scope=\"row\"", "rowheader") } else { ("td", "", "cell") };
        let (label, cell) = (column.heading, cell(column, row));
        page.push_str(&format!("<{tag}{scope} role=\"{role}\" data-label=\"{label}\">{cell}</{tag}>\n"));
    }
    page.push_str("</tr>\n");
}

fn cell(column: &Column, row: &PolicyRow) -> String {
    let text = (column.cell)(row, Detail::InScope);
    let shown = if column.is_code && !text.is_empty() { code(&text) } else { escaped(&text) };
    match (column.heading, row.openness()) {
        (ACCESS, Openness::Public) if text == "public" => "<strong>PUBLIC</strong>".to_owned(),
        (ACCESS, Openness::Public) => format!("<strong>PUBLIC</strong> {shown}"),
        (ACCESS, Openness::Denied) if text == "deny_all" => "<strong>CLOSED</strong>".to_owned(),
        (ACCESS, Openness::Denied) => format!("<strong>CLOSED</strong> {shown}"),
        _ => shown,
    }
}

fn push_exemptions(page: &mut String, table: &PolicyTable) {
    let mut exempt = table.exemptions().peekable();
    if exempt.peek().is_none() {
        return;
    }
    page.push_str("<h2>Exempt</h2>\n<p>Handlers below these prefixes need no policy.</p>\n<ul>\n");
    for (prefix, reason) in exempt {
        page.push_str(&format!("<li>{}: {}</li>\n", code(prefix), escaped(reason)));
    }
    page.push_str("</ul>\n");
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn escaped(text: &str) -> String {
    let text = escape(text);
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}
