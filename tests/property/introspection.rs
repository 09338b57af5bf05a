//! A provider that answers anything (CWE-287, CWE-248): whatever bytes an introspection response has, nobody is accepted unless it says
//! `"active": true` once, for this API and in time, and no answer ends the task that reads it.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use actix_web::rt;
use palisade::authn::AuthError;
use palisade::oauth::{Introspection, OAuthClient, Provider};
use palisade::testing::ManualClock;
use palisade_tests::AUDIENCE;
use palisade_tests::liar::{Liar, Scripted};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

const ISSUER: &str = "{issuer}";
const IN_TIME: u64 = 600;

/// Arbitrary JSON, with the values that some member has.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        select(vec!["true", "Bearer", "DPoP", "u-1", AUDIENCE, ISSUER]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let map = vec(("[a-z]{1,5}|sub|jkt|x5t#S256", inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            map.prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// A member of an answer, which is usually as it should be. `now` is since 1970.
fn member(now: u64) -> impl Strategy<Value = (String, Value)> {
    let good = vec![
        ("active", json!(true)),
        ("aud", json!([AUDIENCE, "another"])),
        ("exp", json!(now + IN_TIME)),
        ("sub", json!("u-1")),
        ("iss", json!(ISSUER)),
        ("token_type", json!("DPoP")),
        ("nbf", json!(now)),
        ("iat", json!(now)),
        ("scope", json!("a b")),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
        ("act", json!({"sub": "assistant"})),
        ("client_id", json!("app")),
        ("username", json!("Ada")),
        ("roles", json!(["admin"])),
        ("tenant", json!("acme")),
    ];
    let names: Vec<_> = good.iter().map(|(name, _)| (*name).to_owned()).collect();
    let good = select(good).prop_map(|(name, value)| (name.to_owned(), value));
    prop_oneof![3 => good, 1 => (select(names), value()), 1 => (".{0,8}", value())]
}

/// The members of an object, which may be there twice.
fn object(now: u64) -> impl Strategy<Value = Vec<u8>> {
    let usual =
        [("active", json!(true)), ("aud", json!(AUDIENCE)), ("sub", json!("u-1")), ("token_type", json!("Bearer"))];
    let usual = usual.map(|(name, value)| (name.to_owned(), value));
    // Some of the usual members, and others.
    let usual = proptest::sample::subsequence(usual.to_vec(), 2..=4);
    (usual, vec(member(now), 0..4)).prop_map(|(mut members, others)| {
        members.extend(others);
        let members = members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
    })
}

fn answer(now: u64) -> impl Strategy<Value = Vec<u8>> {
    let cut = (object(now), any::<proptest::sample::Index>()).prop_map(|(mut body, at)| {
        body.truncate(at.index(body.len()));
        body
    });
    let changed = (object(now), any::<proptest::sample::Index>(), any::<u8>()).prop_map(|(mut body, at, byte)| {
        let at = at.index(body.len());
        body[at] = byte;
        body
    });
    let other = value().prop_map(|value| value.to_string().into_bytes());
    prop_oneof![8 => object(now), 1 => cut, 1 => changed, 1 => other, 1 => vec(any::<u8>(), 0..200)]
}

/// Whether the answer says what one about an accepted token must, by a reader that is not the one under test.
fn may_be_accepted(body: &[u8], issuer: &str, now: u64) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else { return false };
    let is_audience =
        |value: &Value| value == AUDIENCE || value.as_array().is_some_and(|all| all.contains(&json!(AUDIENCE)));
    let in_time = |value: &Value| value.as_f64().is_some_and(|exp| exp + 60.0 > now as f64);
    members.get("active") == Some(&Value::Bool(true))
        && members.get("aud").is_some_and(is_audience)
        && members.get("iss").is_none_or(|named| named == issuer)
        && members.get("exp").is_none_or(in_time)
        && members.get("sub").is_some_and(Value::is_string)
}

#[test]
fn nobody_is_accepted_by_an_answer_that_does_not_say_so() {
    let clock = ManualClock::new();
    let now = clock.wall_time().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let liar = Liar::provider(&[]);
    let provider = Provider::builder(liar.origin()).clock(&clock).timeout(Duration::from_secs(5)).build().unwrap();
    let client = OAuthClient::secret_basic("orders-api", "secret");
    let tokens = Introspection::builder(&provider, client).audience(AUDIENCE).clock(&clock).build().unwrap();
    let runtime = rt::System::new();
    let (number, accepted, rejected) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
    let holds = |body: Vec<u8>| {
        let body = String::from_utf8(body)
            .map_or_else(|error| error.into_bytes(), |text| text.replace(ISSUER, liar.origin()).into_bytes());
        liar.answer("/introspection", Scripted::bytes(200, body.clone()));
        number.set(number.get() + 1);
        match runtime.block_on(tokens.verify(&format!("token-{}", number.get()))) {
            Ok(principal) => {
                accepted.set(accepted.get() + 1);
                prop_assert!(may_be_accepted(&body, liar.origin(), now));
                prop_assert_eq!(principal.issuer(), liar.origin());
                prop_assert!(!principal.subject().is_empty());
            }
            Err(AuthError::Invalid(_) | AuthError::Unavailable("introspection_answer")) => {
                rejected.set(rejected.get() + 1);
            }
            // A task that panics leaves no answer.
            Err(other) => prop_assert!(false, "{other:?}"),
        }
        Ok(())
    };
    runner.run(&answer(now), holds).unwrap();
    let (accepted, rejected) = (accepted.get(), rejected.get());
    assert!(accepted >= 100 && rejected >= 500, "{accepted} accepted, {rejected} rejected");
    assert_eq!(liar.calls("/introspection"), number.get());
}
