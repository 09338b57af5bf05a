//! CWE-20, CWE-248, CWE-770: 10,000 hostile bodies to each route that reads a body. Each response is a success or an error of the
//! client, no handler panics, and the memory stays bounded. A failure prints the seed, and `HOSTILE_SEED` repeats the run.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use fastrand::Rng;
use palisade::Principal;
use palisade::testing::AsPrincipal as _;

use crate::{
    app,
    db::NewAccount,
    email::Email,
    in_process::InProcess,
    model::DocumentText,
    roles::{MANAGE, Role},
};

const BODIES: u64 = 10_000;

const PEER: &str = "203.0.113.7:4711";

/// The most memory that this process may have had at any time, in KiB.
const MOST_MEMORY: u64 = 96 * 1024;

fn pick<'t>(random: &mut Rng, texts: &[&'t str]) -> &'t str {
    texts[random.usize(..texts.len())]
}

/// The fields of the routes, with sound values. The last two are unknown to all of them.
const NAMES: [&str; 14] = [
    "name",
    "email",
    "password",
    "refresh_token",
    "age",
    "role",
    "title",
    "body",
    "scopes",
    "expires_in_days",
    "owner",
    "id",
    "is_admin",
    "",
];

const VALUES: [&str; 34] = [
    "null",
    "true",
    "0",
    "-1",
    "1",
    "150",
    "151",
    "255",
    "256",
    "4294967296",
    "9223372036854775808",
    "18446744073709551616",
    "1e5",
    "1e309",
    "-0.0",
    "01",
    "1.",
    "\"\"",
    "\"admin\"",
    "\"a@example.com\"",
    "\"x' OR '1'='1\"",
    "\"\u{202e}x\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\u{feff}\"",
    "[]",
    "[[]]",
    "[\"reports:read\"]",
    "{}",
    "{\"a\":{}}",
    "[null]",
    "nul",
    "\"",
];

const MEDIA_TYPES: [&str; 7] = [
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
];

fn member(random: &mut Rng) -> String {
    format!("\"{}\":{}", pick(random, &NAMES), pick(random, &VALUES))
}

fn body(random: &mut Rng, sound: &[&str]) -> Vec<u8> {
    let mut members: Vec<String> = sound.iter().map(|member| (*member).to_owned()).collect();
    // Nearly each body has a mistake, because a sound login costs the server the hash of a password.
    let mistake = random.usize(..10);
    // Large bodies are rare, because the server of this test is not optimized.
    let large = if random.usize(..10) == 0 { 100 } else { 1 };
    let at = random.usize(..=members.len());
    match mistake {
        0 => members.insert(at, member(random)),
        1 => members.push(members[random.usize(..members.len())].clone()),
        2 => {
            let depth = random.usize(..300);
            members.push(format!("\"deep\":{}1{}", "[".repeat(depth), "]".repeat(depth)));
        }
        3 => members.push(format!("\"many\":[{}0]", "0,".repeat(random.usize(..120 * large)))),
        4 => members.extend((0..random.usize(..20 * large)).map(|index| format!("\"f{index}\":{index}"))),
        5 => members.push(format!("\"long\":\"{}\"", "x".repeat(random.usize(..800 * large)))),
        6 => _ = members.pop(),
        _ => {
            let at = random.usize(..members.len());
            let name = members[at].split(':').next().unwrap_or_default().to_owned();
            members[at] =
                format!("{name}:{}", pick(random, &["null", "[]", "{}", "1e309", "-1", "\"\\u0000\"", "true"]));
        }
    }
    let mut bytes = format!("{{{}}}", members.join(",")).into_bytes();
    if random.usize(..10) == 0 {
        let at = random.usize(..bytes.len());
        bytes[at] = random.u8(..);
    }
    if random.usize(..20) == 0 {
        bytes.truncate(random.usize(..bytes.len()));
    }
    if random.usize(..30) == 0 {
        bytes.splice(0..0, *b"\xef\xbb\xbf");
    }
    bytes
}

/// The other tests hash passwords, so this one measures the memory of a process of its own.
#[test]
fn hostile_bodies_are_rejected_in_bounded_memory() {
    let name = "hostile::hostile_bodies_in_this_process";
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let output = alone.args(["--exact", name, "--ignored"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[actix_web::test]
#[ignore = "another test runs it in a process of its own"]
async fn hostile_bodies_in_this_process() {
    let seed = std::env::var("HOSTILE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| std::process::id().into());
    let InProcess { config, db, service, folder: _folder } =
        InProcess::start(&[("ACCOUNTS_RATE_LIMITS", "observe")]).await;
    let email = Email::parse("ada@example.com").unwrap();
    let ada = NewAccount { name: "Ada", email: &email, age: None, role: Role::User, password_hash: None };
    let ada = db.create_account(ada).await.unwrap().id.to_string();
    let text = DocumentText { title: "t".to_owned(), body: String::new() };
    let document = db.insert_document(&ada, &text).await.unwrap().unwrap().id.to_string();
    let palisade = service.palisade.clone();
    let app = init_service(App::new().configure(|routes| app::configure(routes, &service)).wrap(palisade)).await;
    let owner =
        Principal::new("Bearer", config.issuer.clone(), ada.clone()).with_roles(["admin"]).with_scopes([MANAGE]);

    let (user, document) = (format!("/api/users/{ada}"), format!("/api/documents/{document}"));
    let (name, email, password) =
        (r#""name":"Ann""#, r#""email":"ann@example.org""#, r#""password":"a long pass phrase""#);
    let text = [r#""title":"t""#, r#""body":"b""#];
    let routes = [
        (Method::POST, "/auth/refresh", &[r#""refresh_token":"x""#][..]),
        (Method::POST, "/api/users", &[name, email, r#""age":7"#, r#""role":"user""#]),
        (Method::PATCH, &user, &[name, r#""age":7"#]),
        (Method::POST, "/api/documents", &text),
        (Method::PUT, &document, &text),
        (Method::POST, "/api/keys", &[name, r#""scopes":["reports:read"]"#, r#""expires_in_days":7"#]),
        // The hash of a password needs 19 MiB, so the memory is measured before these.
        (Method::POST, "/auth/register", &[name, email, password]),
        (Method::POST, "/auth/login", &[email, password]),
    ];
    for (method, path, sound) in routes {
        if path == "/auth/register" {
            let memory = peak_memory();
            assert!((1_000..MOST_MEMORY).contains(&memory), "HOSTILE_SEED={seed}: {memory} KiB");
        }
        let mut random = Rng::with_seed(seed);
        let mut statuses = BTreeMap::<u16, u32>::new();
        for _ in 0..BODIES {
            let body = body(&mut random, sound);
            let media_type = if random.usize(..12) == 0 { pick(&mut random, &MEDIA_TYPES) } else { MEDIA_TYPES[0] };
            let request = TestRequest::default().method(method.clone()).uri(path).peer_addr(PEER.parse().unwrap());
            let request = request.insert_header(("host", "localhost"));
            let request =
                request.insert_header(("content-type", media_type)).set_payload(web::Bytes::from(body.clone()));
            let request = request.as_principal(owner.clone());
            let status = call_service(&app, request).await.status().as_u16();
            *statuses.entry(status).or_default() += 1;
            let is_bounded = (200..300).contains(&status) || (400..500).contains(&status);
            assert!(
                is_bounded,
                "HOSTILE_SEED={seed}: {method} {path}: {status} for {:?}",
                String::from_utf8_lossy(&body)
            );
        }
        assert!(
            statuses.contains_key(&422) && statuses.contains_key(&400),
            "HOSTILE_SEED={seed}: {path}: {statuses:?}"
        );
    }
    db.close().await;
}

/// The most memory that this process has had, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
