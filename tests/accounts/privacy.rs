//! CWE-532, CWE-117, CWE-778: the log records each rejection with its reason, and contains nothing that an attacker could
//! use.

use std::{collections::BTreeMap, fs};

use super::{
    all_routes,
    support::{Client, Server, program::fresh_data, raw::plain},
};

/// The statuses of rejected requests.
const REJECTIONS: [&str; 8] = ["400", "401", "403", "408", "413", "415", "422", "429"];

/// Groups the lines of a log by request id.
fn group_by_request(log: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut requests: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("request{id=") {
            let id = rest.split([' ', '}']).next().expect("an id");
            requests.entry(id).or_default().push(line);
        }
    }
    requests
}

fn generated_password(banner: &str) -> String {
    let line = banner.lines().find(|line| line.starts_with("administrator: ")).expect("a line about it");
    let (_, rest) = line.split_once("password ").expect("a generated password");
    rest.split(' ').next().expect("a word").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn log_has_no_secrets_and_one_event_per_rejection() {
    let data = fresh_data();
    let server = Server::start_in(data, &[("RUST_LOG", "debug")]);
    let admin_password = generated_password(&server.banner());
    let mut secrets = all_routes::call_all(&server, &admin_password).await.secrets;
    let anyone = Client::new(&server);
    anyone.get("/auth/nowhere?access_token=s3cr3t-in-a-query").await.expect(404);
    let http = server.http.expect("plain HTTP is enabled");
    plain(
        http,
        "GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cr3t-in-clear\r\nConnection: close\r\n\r\n",
    );
    let read_file = |name: &str| fs::read_to_string(server.data().join(name)).expect("a file");
    secrets.push(read_file("jwt.secret").trim().to_owned());
    secrets.extend(read_file("tls.key").lines().filter(|line| !line.starts_with("---")).map(String::from));
    secrets.extend(["s3cr3t", "Bearer ", "bearer ", "$argon2", "eyJ", "DROP TABLE"].map(String::from));
    let banner = server.banner();
    drop(anyone);
    let log = server.stop().log;
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret:?} must not be in the log");
    }
    assert_eq!(banner.matches(&admin_password).count(), 1, "shown once");

    let requests = group_by_request(&log);
    assert!(requests.len() > 90, "{} requests", requests.len());
    let mut rejected = 0;
    for (id, lines) in &requests {
        let final_lines: Vec<_> = lines.iter().filter(|line| line.contains("answered")).collect();
        assert_eq!(final_lines.len(), 1, "expected one line for the request {id}: {lines:#?}");
        let (_, rest) = final_lines[0].split_once("status=").expect("a status");
        let status = rest.split(' ').next().expect("a status");
        let events: Vec<_> = lines.iter().filter(|line| line.contains("palisade::audit")).collect();
        // A malformed id is rejected before any handler runs, with the same response as a missing one.
        let has_malformed_id = status == "404" && lines.iter().any(|line| line.contains("/api/users/1%20OR"));
        let expected = usize::from(REJECTIONS.contains(&status) || has_malformed_id);
        rejected += expected;
        assert_eq!(events.len(), expected, "{lines:#?}");
        for event in events {
            let reason = event.split_once("reason=\"").expect("a reason").1;
            assert!(!reason.starts_with('"'), "{event}");
            assert!(event.contains(&format!("status={status}")), "{event}");
        }
    }
    assert!(rejected > 40, "{rejected} rejections");
    let audited = log.lines().filter(|line| line.contains("palisade::audit")).count();
    assert_eq!(audited, rejected, "each event must belong to a request");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_cannot_forge_a_log_line() {
    let server = Server::start(&[]);
    // The client is dropped first, because the server would wait for an idle HTTP/2 connection.
    Client::new(&server).get("/x%0a2026-01-01T00:00:00Z%20WARN%20palisade::audit:%20forged%1b[31m").await;
    let log = server.stop().log;
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z")), "{log}");
    assert!(!log.contains('\u{1b}'));
}
