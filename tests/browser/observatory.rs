//! MDN's HTTP Observatory grades the start page of the example `accounts` (ASVS V3.4).

use std::path::Path;

use serde::Deserialize;

use crate::chromium;
use crate::support::Server;

#[derive(Debug, Deserialize)]
struct Report {
    grade: String,
    score: u32,
    results: std::collections::BTreeMap<String, TestResult>,
}

#[derive(Debug, Deserialize)]
struct TestResult {
    pass: bool,
    result: String,
}

#[test]
fn start_page_of_accounts_gets_an_a_plus() {
    if chromium::executable().is_none() {
        return;
    }
    let server = Server::start(&[]);
    let certificate = server.data().join("tls.crt");
    let site = format!("localhost:{}/", server.https.port());
    let trusted: [(&str, &Path); 1] = [("NODE_EXTRA_CA_CERTS", &certificate)];
    let output = chromium::node("observatory.mjs", &[&site], &trusted, "");
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.grade, "A+", "{report:#?}");
    assert!(report.score >= 110, "{report:#?}");
    let failed: Vec<_> = report.results.iter().filter(|(_, result)| !result.pass).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // The page was graded, and not a redirect or an error.
    let policy = report.results.get("content-security-policy").expect("the test of the policy");
    assert!(policy.result.starts_with("csp-implemented"), "{policy:?}");
}
