//! Tokens in places where they must be ignored, and credentials that two parsers read differently (CWE-598, CWE-436,
//! RFC 6750 §2).

use palisade_tests::site::Site;
use palisade_tests::tokens::{encode, valid_claims, with};
use reqwest::RequestBuilder;
use serde_json::json;

use super::{EC, Keys, behind};

struct Row(&'static str, RequestBuilder, u16, Option<&'static str>);

async fn assert_rows(site: &Site, rows: Vec<Row>) {
    let mut failures = Vec::new();
    site.reasons();
    for Row(name, request, expected_status, reason) in rows {
        let status = request.send().await.unwrap().status().as_u16();
        let reasons = site.reasons();
        if status != expected_status || reasons.iter().map(String::as_str).ne(reason) {
            failures.push(format!("{name}: {status} {reasons:?}, not {expected_status} {reason:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[actix_web::test]
async fn token_is_read_only_from_authorization_header() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.4.1");
    let token = keys.ec.token(EC, &valid_claims());
    let absent = Some("no_credentials");
    let form = "application/x-www-form-urlencoded";
    let headed = |name: &str| site.get("/me").header(name, format!("Bearer {token}"));
    let rows = vec![
        Row("header", headed("authorization"), 200, None),
        Row("query", site.get(&format!("/me?access_token={token}")), 401, absent),
        Row("query, as a header", site.get(&format!("/me?authorization=Bearer%20{token}")), 401, absent),
        Row(
            "cookie",
            site.get("/me").header("cookie", format!("access_token={token}; Authorization={token}")),
            401,
            absent,
        ),
        Row("form", site.post("/note").header("content-type", form).body(format!("access_token={token}")), 401, absent),
        Row("JSON", site.post("/note").json(&json!({"access_token": token, "Authorization": token})), 401, absent),
        Row(
            "form of a GET",
            site.get("/me").header("content-type", form).body(format!("access_token={token}")),
            401,
            absent,
        ),
        Row("X-Authorization", headed("x-authorization"), 401, absent),
        Row("Proxy-Authorization", headed("proxy-authorization"), 401, absent),
        Row("X-Forwarded-Authorization", headed("x-forwarded-authorization"), 401, absent),
        Row("X-Access-Token", site.get("/me").header("x-access-token", &token), 401, absent),
        Row(
            "Sec-WebSocket-Protocol",
            site.get("/me").header("sec-websocket-protocol", format!("bearer, {token}")),
            401,
            absent,
        ),
        Row("query of an open route", site.get(&format!("/perhaps?access_token={token}")), 200, None),
        Row(
            "query beside a bad header",
            site.get(&format!("/me?access_token={token}")).bearer_auth("x"),
            401,
            Some("token_malformed"),
        ),
        Row(
            "cookie beside a bad header",
            site.get("/perhaps").header("cookie", &token).bearer_auth("x"),
            401,
            Some("token_malformed"),
        ),
    ];
    assert_rows(&site, rows).await;
    let nobody = site.get(&format!("/perhaps?access_token={token}")).send().await.unwrap();
    assert_eq!(nobody.text().await.unwrap(), "nobody");
    site.stop().await;
}

#[actix_web::test]
async fn ambiguous_credentials_are_rejected() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.4.2");
    let valid_token = keys.ec.token(EC, &valid_claims());
    let other = keys.ec.token(EC, &with("sub", json!("u-2")));
    let one = |value: String| site.get("/me").header("authorization", value);
    let both = |first: String, second: String| one(first).header("authorization", second);
    let (malformed, absent) = (Some("bearer_malformed"), Some("no_credentials"));
    let basic = format!("Basic {}", encode("admin:admin"));
    let rows = vec![
        Row("lower case", one(format!("bearer {valid_token}")), 200, None),
        Row("upper case", one(format!("BEARER {valid_token}")), 200, None),
        // RFC 9110 §11.4 allows several spaces.
        Row("two spaces", one(format!("Bearer  {valid_token}")), 200, None),
        Row("space behind", one(format!("Bearer {valid_token}  ")), 200, None),
        Row("tab", one(format!("Bearer\t{valid_token}")), 401, malformed),
        Row("space and tab", one(format!("Bearer \t{valid_token}")), 401, malformed),
        Row("colon", one(format!("Bearer: {valid_token}")), 401, malformed),
        Row("equals sign", one(format!("Bearer={valid_token}")), 401, malformed),
        Row("token=", one(format!("Bearer token={valid_token}")), 401, malformed),
        Row("quoted", one(format!("Bearer \"{valid_token}\"")), 401, malformed),
        Row("two tokens by a comma", one(format!("Bearer {valid_token},{other}")), 401, malformed),
        Row("two credentials by a comma", one(format!("Bearer {valid_token}, Bearer {other}")), 401, malformed),
        Row("the same twice by a comma", one(format!("Bearer {valid_token}, Bearer {valid_token}")), 401, malformed),
        Row("two tokens by a space", one(format!("Bearer {valid_token} {other}")), 401, malformed),
        Row("another scheme behind a comma", one(format!("Bearer {valid_token}, {basic}")), 401, malformed),
        Row("another scheme before a comma", one(format!("{basic}, Bearer {valid_token}")), 401, absent),
        Row("scheme alone", one("Bearer".into()), 401, malformed),
        Row("scheme and a space", one("Bearer ".into()), 401, malformed),
        Row("null", one("Bearer null".into()), 401, Some("token_malformed")),
        Row("Bearer twice", one(format!("Bearer Bearer {valid_token}")), 401, malformed),
        Row("token alone", one(valid_token.clone()), 401, absent),
        Row("scheme misspelt", one(format!("Bearers {valid_token}")), 401, absent),
        Row("scheme JWT", one(format!("JWT {valid_token}")), 401, absent),
        // RFC 9449 §7.1: the scheme of tokens that are bound to a key, which this one is not.
        Row("scheme DPoP", one(format!("DPoP {valid_token}")), 401, Some("token_not_bound")),
        Row("scheme Token", one(format!("Token {valid_token}")), 401, absent),
        Row("empty", one(String::new()), 401, absent),
        Row(
            "two headers",
            both(format!("Bearer {valid_token}"), format!("Bearer {other}")),
            400,
            Some("two_authorizations"),
        ),
        Row(
            "the same header twice",
            both(format!("Bearer {valid_token}"), format!("Bearer {valid_token}")),
            400,
            Some("two_authorizations"),
        ),
        Row("two schemes", both(basic.clone(), format!("Bearer {valid_token}")), 400, Some("two_authorizations")),
        Row(
            "an empty header first",
            both(String::new(), format!("Bearer {valid_token}")),
            400,
            Some("two_authorizations"),
        ),
    ];
    assert_rows(&site, rows).await;
    site.stop().await;
}

/// Each rejection looks the same, whatever was wrong with the token (RFC 6750 §3.1).
#[actix_web::test]
async fn all_token_rejections_look_alike() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.4.3");
    let mut bodies = Vec::new();
    let expired = keys.ec.token(EC, &with("exp", json!(1)));
    let foreign = keys.ec.token(EC, &with("aud", json!("other")));
    let forged = keys.attacker.token(EC, &valid_claims());
    let unknown = keys.ec.token("ec-9", &valid_claims());
    for token in [expired, foreign, forged, unknown, "x".repeat(9000), "x".to_owned()] {
        let response = site.show(&token).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="api", error="invalid_token""#);
        bodies.push(response.text().await.unwrap());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    site.stop().await;
}
