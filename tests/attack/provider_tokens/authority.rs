//! Roles, permissions, scopes and tenant from claims of the JSON types that issuers send: a string instead of an array,
//! an object instead of an array, and claims that have one of our names but another meaning (CWE-863).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use palisade::Principal;
use palisade::authn::AuthError;
use palisade_tests::tokens::{valid_claims, with};
use serde_json::{Value, json};

use super::{ReadyJwtBuilder, jwt_builder, token, verdict, verify};

fn principal(claims: &Value, configure: impl FnOnce(ReadyJwtBuilder) -> ReadyJwtBuilder) -> Principal {
    verify(&configure(jwt_builder()).build().unwrap(), &token(claims))
        .unwrap_or_else(|error| panic!("{error:?}: {claims}"))
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the log events of palisade during a call, one per line.
fn log_events_during(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("palisade=trace")
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn string_claim_is_one_role_or_permission() {
    for (value, expected) in [("admin", "admin"), ("admin editor", "admin editor"), ("a,b", "a,b")] {
        let claims = with("roles", json!(value));
        assert_eq!(principal(&claims, |jwt| jwt).roles(), [expected]);
        assert_eq!(principal(&claims, |jwt| jwt.roles_at("roles")).roles(), [expected]);
        let nested = with("realm", json!({"role": value}));
        assert_eq!(principal(&nested, |jwt| jwt.roles_at("realm.role")).roles(), [expected]);
        let permitted = with("permissions", json!(value));
        for permitted in [
            principal(&permitted, |jwt| jwt),
            principal(&permitted, |jwt| jwt.permissions_at("permissions")),
            principal(&nested, |jwt| jwt.permissions_at(["realm", "role"])),
        ] {
            assert!(permitted.has_permission(expected));
            assert_eq!(permitted.has_permission("admin"), value == "admin");
        }
    }
    // RFC 8693 §4.2: `scope` is one string with space-separated scopes.
    assert_eq!(principal(&with("scope", json!("read write")), |jwt| jwt).scopes(), ["read", "write"]);
    assert_eq!(principal(&with("scp", json!("read")), |jwt| jwt.scopes_at("scp")).scopes(), ["read"]);
}

#[test]
fn invalid_string_claim_is_rejected() {
    for value in ["", "admin\n", "\0", &"r".repeat(256)] {
        for (claim, reason) in [("roles", "token_roles"), ("permissions", "token_permissions")] {
            let rejected = verdict(&jwt_builder().build().unwrap(), &token(&with(claim, json!(value))));
            assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{value:?}");
        }
    }
}

#[test]
fn object_keys_can_be_roles() {
    const CLAIM: &str = "urn:zitadel:iam:org:project:roles";
    let at = |roles: Value| with(CLAIM, roles);
    let roles = json!({"editor": {"273": "acme.example"}, "admin": {"273": "acme.example", "9": "globex.example"}});
    let mut found_roles = principal(&at(roles.clone()), |jwt| jwt.roles_at(CLAIM)).roles().to_vec();
    found_roles.sort();
    assert_eq!(found_roles, ["admin", "editor"]);
    assert!(principal(&at(json!({})), |jwt| jwt.roles_at(CLAIM)).roles().is_empty());
    // `{"admin": false}` may mean that the role is not held, so only objects are accepted as values.
    let strict = jwt_builder().roles_at(CLAIM).build().unwrap();
    for malformed in [
        json!({"admin": false}),
        json!({"admin": true}),
        json!({"admin": null}),
        json!({"admin": 1}),
        json!({"admin": ["273"]}),
        json!({"editor": {"273": "acme.example"}, "admin": false}),
        json!({"": {}}),
        json!({"admin\n": {}}),
    ] {
        assert_eq!(
            verdict(&strict, &token(&at(malformed.clone()))),
            Err(AuthError::Invalid("token_roles")),
            "{malformed}"
        );
    }
    // An object lists role names only, not permissions or scopes.
    let permissions = jwt_builder().permissions_at(CLAIM).build().unwrap();
    assert_eq!(verdict(&permissions, &token(&at(roles.clone()))), Err(AuthError::Invalid("token_permissions")));
    let scopes = jwt_builder().scopes_at(CLAIM).build().unwrap();
    assert_eq!(verdict(&scopes, &token(&at(roles))), Err(AuthError::Invalid("token_scope")));
}

fn has_no_grants(principal: &Principal) -> bool {
    principal.roles().is_empty()
        && principal.scopes().is_empty()
        && principal.tenant().is_none()
        && !["admin", "273", "x", "0"].iter().any(|name| principal.has_permission(name))
}

#[test]
fn malformed_default_claim_grants_nothing_and_is_logged() {
    let malformed = [
        json!(null),
        json!(true),
        json!(7),
        json!(1.5),
        json!({}),
        json!({"admin": {}}),
        json!([7]),
        json!(["admin", 7]),
    ];
    let nested = [json!([["admin"]]), json!([{"name": "admin"}]), json!(["admin", null])];
    for claim in ["roles", "permissions", "scope", "tenant"] {
        for value in malformed.iter().chain(&nested) {
            let claims = with(claim, value.clone());
            let events = log_events_during(|| assert!(has_no_grants(&principal(&claims, |jwt| jwt)), "{claims}"));
            let [line] = events.as_slice() else { panic!("{claim} is {value}: {events:?}") };
            assert!(line.contains("DEBUG") && line.contains(&format!("claim=\"{claim}\"")), "{line}");
            assert!(!line.contains("admin"), "the log must not contain the value: {line}");
        }
    }
    // There is only one tenant, so an array of one string has the wrong type.
    assert_eq!(
        log_events_during(|| assert!(has_no_grants(&principal(&with("tenant", json!(["acme"])), |jwt| jwt)))).len(),
        1
    );
    // Well-formed claims log no event, and one malformed claim does not affect the others.
    assert_eq!(log_events_during(|| drop(principal(&with("roles", json!(["admin"])), |jwt| jwt))), [""; 0]);
    let mut mixed = with("roles", json!({"admin": {}}));
    mixed["scope"] = json!("orders:read");
    mixed["tenant"] = json!("acme");
    let principal = principal(&mixed, |jwt| jwt);
    assert_eq!(
        (principal.roles().len(), principal.scopes(), principal.tenant()),
        (0, &["orders:read".to_owned()][..], Some("acme"))
    );
}

#[test]
fn configured_claim_must_have_its_type() {
    let malformed = [json!(null), json!(true), json!(7), json!([7]), json!(["admin", 7]), json!([["admin"]])];
    for value in &malformed {
        for (claim, reason) in [
            ("roles", "token_roles"),
            ("permissions", "token_permissions"),
            ("scope", "token_scope"),
            ("tenant", "token_tenant"),
        ] {
            // A configured claim is strict even if its name is the default one.
            let jwt = match claim {
                "roles" => jwt_builder().roles_at(claim),
                "permissions" => jwt_builder().permissions_at(claim),
                "scope" => jwt_builder().scopes_at(claim),
                _ => jwt_builder().tenant_at(claim),
            };
            let rejected = verdict(&jwt.build().unwrap(), &token(&with(claim, value.clone())));
            assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{claim} is {value}");
        }
    }
}

/// A parser that ignores a claim must still find duplicate members inside it.
#[test]
fn ignored_claim_does_not_hide_duplicate_members() {
    let verdict_with = |members: &str| {
        let claims = valid_claims().to_string().replacen('{', &format!("{{{members},"), 1);
        let signer = palisade_tests::tokens::Signer::hmac(jsonwebtoken::Algorithm::HS256, palisade_tests::SECRET);
        verdict(&jwt_builder().build().unwrap(), &signer.seal(r#"{"alg":"HS256"}"#, claims))
    };
    for members in [
        r#""roles":7,"roles":["admin"]"#,
        r#""roles":null,"roles":"admin""#,
        r#""roles":{"a":{},"a":{}}"#,
        r#""roles":[{"a":1,"a":2}]"#,
        r#""permissions":[[{"a":1,"\u0061":2}]]"#,
        r#""scope":{"a":{"b":1,"b":2}}"#,
        r#""tenant":[{"a":1,"a":2}]"#,
        r#""jti":null,"jti":"1""#,
        r#""sid":null,"sid":null"#,
    ] {
        assert_eq!(verdict_with(members), Err(AuthError::Invalid("token_duplicate_member")), "{members}");
    }
    assert_eq!(verdict_with(r#""roles":[{"a":1,"b":2}],"jti":null"#), Ok(()));
}

#[test]
fn null_ids_count_as_absent() {
    let without_id = principal(&with("jti", json!(null)), |jwt| jwt);
    assert_eq!(without_id.token().unwrap().id(), None);
    let without_session = principal(&with("sid", json!(null)), |jwt| jwt);
    assert_eq!(without_session.token().unwrap().session(), None);
    let mut both = with("jti", json!(null));
    both["sid"] = json!("s-1");
    assert_eq!(principal(&both, |jwt| jwt).token().unwrap().revocable_ids().collect::<Vec<_>>(), ["s-1"]);
}

#[test]
fn ids_of_other_types_are_rejected() {
    for (claim, reason) in [("jti", "token_jti"), ("sid", "token_sid")] {
        for malformed in [json!(7), json!(true), json!({}), json!(["1"])] {
            let rejected = verdict(&jwt_builder().build().unwrap(), &token(&with(claim, malformed.clone())));
            assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{claim} is {malformed}");
        }
    }
}

#[test]
fn null_in_other_registered_claims_is_rejected() {
    for (claim, reason) in [("nbf", "token_nbf"), ("iat", "token_iat"), ("aud", "token_aud"), ("exp", "token_exp")] {
        let rejected = verdict(&jwt_builder().build().unwrap(), &token(&with(claim, json!(null))));
        assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{claim}");
    }
}
