//! The table as one page.
//!
//! Threat: markup in a path, name or reason (CWE-79), and a page that loads what it should not (ASVS V3.4.3). Promise: every
//! word is escaped; the page has no script and refers to nothing; its policy admits the one style, by its hash.

use actix_web::http::header::HeaderValue;

use super::{Openness, PolicyRow, PolicyTable, escape};

/// The hash is that of [`STYLE`]; a test recomputes it.
pub(super) const CONTENT_SECURITY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-WisEMkJjb5m3YxEfTvw93ws+s1uFi5iNDmxT3vDPgck='; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --quiet: #57606a;
  --open: #9a3412; --open-paper: #fff4e5; --closed: #57606a; --closed-paper: #f0f2f4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --quiet: #9aa4af;
    --open: #ffb074; --open-paper: #2b1d0e; --closed: #9aa4af; --closed-paper: #1b2028; }
}
body { margin: 1rem; font: 1rem/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-size: 1.3rem; font-weight: 600; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; font-weight: 400; }
thead th { font-weight: 600; color: var(--quiet); overflow-wrap: normal; }
code { font: .9em/1.45 ui-monospace, monospace; }
small { color: var(--quiet); display: block; }
.public { background: var(--open-paper); } .public strong { color: var(--open); }
.closed { background: var(--closed-paper); } .closed strong { color: var(--closed); }
@media (max-width: 60rem) {
  table, caption, tbody, tr, th, td { display: block; }
  thead { position: absolute; clip-path: inset(50%); }
  tr { border: 1px solid var(--line); border-radius: .4rem; margin-bottom: .8rem; }
  tbody th, td { border: 0; padding: .25rem .6rem; }
  tbody th::before, td::before { content: attr(data-label); display: block; font-size: .8rem; color: var(--quiet); }
  td:empty { display: none; }
}
";

const HEADINGS: [&str; 7] = ["Method", "Path", "Access", "Rate limits", "Validates", "Handler", "Reason"];

pub(super) fn render(table: &PolicyTable) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Policies</title>\n<style>",
    );
    page.push_str(STYLE);
    // A table whose boxes a narrow screen stacks is no table to a screen reader any more, unless its roles say so.
    page.push_str("</style>\n</head>\n<body>\n<main>\n<table role=\"table\">\n<caption>Policies</caption>\n");
    page.push_str("<thead role=\"rowgroup\">\n<tr role=\"row\">");
    for heading in HEADINGS {
        page.push_str(&format!("<th scope=\"col\" role=\"columnheader\">{heading}</th>"));
    }
    page.push_str("</tr>\n</thead>\n<tbody role=\"rowgroup\">\n");
    for row in table.rows() {
        push_row(&mut page, row);
    }
    page.push_str("</tbody>\n</table>\n<p>");
    page.push_str(&table.summary());
    page.push_str("</p>\n");
    push_exemptions(&mut page, table);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn push_row(page: &mut String, row: &PolicyRow) {
    let (class, badge) = match row.openness() {
        Openness::Public => (" class=\"public\"", "<strong>PUBLIC</strong> "),
        Openness::Denied => (" class=\"closed\"", "<strong>CLOSED</strong> "),
        Openness::Guarded => ("", ""),
    };
    let place = row.declared_at();
    let place = escaped(&format!("{}:{}", place.file(), place.line()));
    page.push_str(&format!("<tr role=\"row\"{class}>\n"));
    let cells = [
        escaped(&row.methods().join(", ")),
        code(row.path()),
        format!("{badge}{}", code(&row.access())),
        escaped(&row.rate_limits()),
        escaped(&row.input()),
        format!("{}<small>{place}</small>", code(&row.handler().to_string())),
        escaped(row.reason().unwrap_or_default()),
    ];
    for (label, cell) in HEADINGS.into_iter().zip(cells) {
        // The path is what a row is called by.
        let (tag, role) = if label == "Path" { ("th scope=\"row\"", "rowheader") } else { ("td", "cell") };
        let end = if label == "Path" { "th" } else { "td" };
        page.push_str(&format!("<{tag} role=\"{role}\" data-label=\"{label}\">{cell}</{end}>\n"));
    }
    page.push_str("</tr>\n");
}

fn push_exemptions(page: &mut String, table: &PolicyTable) {
    let mut exempt = table.exemptions().peekable();
    if exempt.peek().is_none() {
        return;
    }
    page.push_str("<h2>Exempt</h2>\n<p>Under these prefixes handlers need not declare anything.</p>\n<ul>\n");
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
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => words.push_str("&amp;"),
            '<' => words.push_str("&lt;"),
            '>' => words.push_str("&gt;"),
            '"' => words.push_str("&quot;"),
            '\'' => words.push_str("&#39;"),
            c => words.push(c),
        }
    }
    words
}
