//! The cases, and the table of what the browser allowed and what reached the handler.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use actix_web::rt;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::json;

use crate::chromium;
use crate::servers::{self, Record, Seen};

const API: &str = "api.example.test";
const HOSTS: [&str; 7] = [
    API,
    "app.example.test",
    "sub.app.example.test",
    "evil-app.example.test",
    "app.example.test.evil.test",
    "evil.test",
    "localhost",
];

/// Where a page comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// A host, on the port of the allowed origin.
    Host(&'static str),
    /// The allowed host on another port.
    OtherPort,
    /// The allowed host without TLS.
    OtherScheme,
    /// A page of the API itself.
    Api,
    /// A sandboxed frame in a page of the allowed origin.
    Sandboxed,
    /// A page of the allowed origin, whose request another site redirects to the API.
    Redirected,
}

const ORIGINS: [(&str, From); 10] = [
    ("the API itself", From::Api),
    ("the allowed origin", From::Host("app.example.test")),
    ("its subdomain", From::Host("sub.app.example.test")),
    ("a name that ends like it", From::Host("evil-app.example.test")),
    ("a name that begins like it", From::Host("app.example.test.evil.test")),
    ("its other port", From::OtherPort),
    ("its other scheme", From::OtherScheme),
    ("another site", From::Host("evil.test")),
    ("a sandboxed frame in it", From::Sandboxed),
    ("it, redirected by another site", From::Redirected),
];

/// A kind of request, and the path that it asks for.
const KINDS: [(&str, &str); 16] = [
    ("GET", "/open"),
    ("GET", "/any"),
    ("GET with cookie", "/data"),
    ("GET with an unlisted header", "/open"),
    ("POST with cookie", "/change"),
    ("POST no-cors", "/change"),
    ("POST no-cors", "/webhook"),
    ("POST of JSON with cookie", "/change"),
    ("PUT with cookie", "/change"),
    ("form POST", "/change"),
    ("top-level GET", "/data"),
    ("top-level GET", "/page"),
    ("img", "/image"),
    ("script", "/script"),
    ("frame", "/page"),
    ("WebSocket", "/socket"),
];

/// The kinds for which a redirect matters, and those that a sandboxed frame can send.
const OF_REDIRECT: [&str; 4] = ["GET with cookie", "POST with cookie", "POST no-cors", "img"];
const NOT_OF_SANDBOX: [&str; 2] = ["frame", "top-level GET"];

#[derive(Deserialize)]
struct Saw {
    id: usize,
    saw: String,
}

struct Case {
    from: &'static str,
    kind: &'static str,
    path: &'static str,
}

/// Names in place of origins, because the ports differ in each run.
struct Names(Vec<(String, &'static str)>);

impl Names {
    fn of(&self, origin: &str) -> String {
        match self.0.iter().find(|(own, _)| own == origin) {
            Some((_, name)) => (*name).to_owned(),
            None if origin.is_empty() => "none".to_owned(),
            None => origin.to_owned(),
        }
    }
}

fn request(seen: &Seen, names: &Names) -> String {
    let site = if seen.site.is_empty() { "none sent" } else { &seen.site };
    format!("{} {} ({site}; origin {})", seen.method, seen.status, names.of(&seen.origin))
}

fn render(cases: &[Case], saw: &BTreeMap<usize, String>, record: &Record, names: &Names) -> String {
    let mut text = String::from(
        "# What a browser allows to pages of other origins\n\n\
         Chromium opens a page of each origin and sends each kind of request to an API over HTTPS, with the cookie of a signed-in\n\
         user. The columns show which requests arrived (method, status, `Sec-Fetch-Site` and `Origin`), whether the handler was\n\
         called, and what the page learned. The test `browser` compares the table; `PALISADE_BLESS=1` writes it again.\n\n",
    );
    for (origin, _) in ORIGINS {
        let _ = write!(
            text,
            "## A page of {origin}\n\n| request | arrived | handler called | the page |\n|---|---|---|---|\n"
        );
        for (index, case) in cases.iter().enumerate().filter(|(_, case)| case.from == origin) {
            let id = index + 1;
            let seen = record.seen.lock().unwrap();
            let arrived: Vec<String> =
                seen.iter().filter(|seen| seen.case == id).map(|seen| request(seen, names)).collect();
            let arrived = if arrived.is_empty() { "nothing".to_owned() } else { arrived.join(", then ") };
            let called = if record.called.lock().unwrap().contains(&id) { "yes" } else { "no" };
            let saw = saw.get(&id).map_or("nothing", String::as_str);
            let _ = writeln!(text, "| {} `{}` | {arrived} | {called} | {saw} |", case.kind, case.path);
        }
        text.push('\n');
    }
    text
}

#[actix_web::test]
async fn browser_and_api_agree_with_the_committed_table() {
    let Some(executable) = chromium::executable() else { return };
    let pages = servers::pages(&HOSTS, true);
    let (other_port, plain) = (servers::pages(&HOSTS, true), servers::pages(&HOSTS, false));
    let record = Data::new(Record::default());
    let allowed = format!("https://app.example.test:{}", pages.port);
    let api = servers::api(&HOSTS, API, allowed.clone(), record.clone());
    let base = format!("https://{API}:{}", api.port);
    let origin = |from| match from {
        From::Api => base.clone(),
        From::Host(host) => format!("https://{host}:{}", pages.port),
        From::OtherPort => format!("https://app.example.test:{}", other_port.port),
        From::OtherScheme => format!("http://app.example.test:{}", plain.port),
        From::Sandboxed | From::Redirected => allowed.clone(),
    };
    let names = ORIGINS.iter().filter(|(_, from)| !matches!(from, From::Sandboxed | From::Redirected));
    let names = Names(names.map(|(name, from)| (origin(*from), *name)).collect());
    let (mut cases, mut sent) = (Vec::new(), Vec::new());
    for (name, from) in ORIGINS {
        for (kind, path) in KINDS {
            let is_sent = match from {
                From::Sandboxed => !NOT_OF_SANDBOX.contains(&kind),
                From::Redirected => OF_REDIRECT.contains(&kind),
                _ => true,
            };
            if !is_sent {
                continue;
            }
            cases.push(Case { from: name, kind, path });
            let target = format!("{base}{path}?case={}", cases.len());
            let url = match from {
                From::Redirected => format!("https://evil.test:{}/redirect?to={target}", pages.port),
                _ => target,
            };
            // A page of the API: its policy for content forbids nothing that is sent to its own origin.
            let page = format!("{}/{}", origin(from), if from == From::Api { "data?case=0" } else { "" });
            let sandbox = from == From::Sandboxed;
            sent.push(json!({ "id": cases.len(), "page": page, "kind": kind, "url": url, "sandbox": sandbox }));
        }
    }
    let input = json!({ "executable": executable, "api": base, "cases": sent }).to_string();
    let output = rt::task::spawn_blocking(move || chromium::node("origins.mjs", &[], &[], &input)).await.unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let saw = lines.lines().map(|line| serde_json::from_str::<Saw>(line).unwrap());
    let saw: BTreeMap<usize, String> = saw.map(|saw| (saw.id, saw.saw)).collect();
    let table = render(&cases, &saw, &record, &names);
    for server in [pages, other_port, plain, api] {
        server.stop().await;
    }
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/table.md");
    if std::env::var_os("PALISADE_BLESS").is_some() {
        std::fs::write(&committed, &table).unwrap();
    }
    let expected = std::fs::read_to_string(&committed).unwrap_or_default();
    for (line, (seen, expected)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(seen, expected, "line {}: `PALISADE_BLESS=1` writes the table", line + 1);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}
