//! Authority in claims of the types that issuers really send: a text instead of a list, an object instead of names,
//! and claims that only happen to have one of our names (CWE-863).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use palisade::Principal;
use palisade::authn::AuthError;
use palisade_tests::tokens::{sound, with};
use serde_json::{Value, json};

use super::{Configured, configured, token, verdict, verify};

fn principal(claims: &Value, configure: impl FnOnce(Configured) -> Configured) -> Principal {
    verify(&configure(configured()).build().unwrap(), &token(claims))
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
fn events(act: impl FnOnce()) -> Vec<String> {
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
fn single_text_claim_is_one_role() {
    for (text, expected) in [("admin", "admin"), ("admin editor", "admin editor"), ("a,b", "a,b")] {
        let claims = with("roles", json!(text));
        assert_eq!(principal(&claims, |jwt| jwt).roles(), [expected]);
        assert_eq!(principal(&claims, |jwt| jwt.roles_at("roles")).roles(), [expected]);
        let nested = with("realm", json!({"role": text}));
        assert_eq!(principal(&nested, |jwt| jwt.roles_at("realm.role")).roles(), [expected]);
        let permitted = with("permissions", json!(text));
        for permitted in [
            principal(&permitted, |jwt| jwt),
            principal(&permitted, |jwt| jwt.permissions_at("permissions")),
            principal(&nested, |jwt| jwt.permissions_at(["realm", "role"])),
        ] {
            assert!(permitted.has_permission(expected));
            assert_eq!(permitted.has_permission("admin"), text == "admin");
        }
    }
    // RFC 8693 §4.2: a text of scopes is itself a list, separated by spaces.
    assert_eq!(principal(&with("scope", json!("read write")), |jwt| jwt).scopes(), ["read", "write"]);
    assert_eq!(principal(&with("scp", json!("read")), |jwt| jwt.scopes_at("scp")).scopes(), ["read"]);
}

#[test]
fn invalid_single_text_claim_is_rejected() {
    for text in ["", "admin\n", "\0", &"r".repeat(256)] {
        for (claim, reason) in [("roles", "token_roles"), ("permissions", "token_permissions")] {
            let refused = verdict(&configured().build().unwrap(), &token(&with(claim, json!(text))));
            assert_eq!(refused, Err(AuthError::Invalid(reason)), "{text:?}");
        }
    }
}

#[test]
fn object_keys_can_be_roles() {
    const CLAIM: &str = "urn:zitadel:iam:org:project:roles";
    let at = |roles: Value| with(CLAIM, roles);
    let roles = json!({"editor": {"273": "acme.example"}, "admin": {"273": "acme.example", "9": "globex.example"}});
    let mut read = principal(&at(roles.clone()), |jwt| jwt.roles_at(CLAIM)).roles().to_vec();
    read.sort();
    assert_eq!(read, ["admin", "editor"]);
    assert!(principal(&at(json!({})), |jwt| jwt.roles_at(CLAIM)).roles().is_empty());
    // The value may contradict the name, so it must be an object.
    let strict = configured().roles_at(CLAIM).build().unwrap();
    for wrong in [
        json!({"admin": false}),
        json!({"admin": true}),
        json!({"admin": null}),
        json!({"admin": 1}),
        json!({"admin": ["273"]}),
        json!({"editor": {"273": "acme.example"}, "admin": false}),
        json!({"": {}}),
        json!({"admin\n": {}}),
    ] {
        assert_eq!(verdict(&strict, &token(&at(wrong.clone()))), Err(AuthError::Invalid("token_roles")), "{wrong}");
    }
    // An object lists role names only, not permissions or scopes.
    let permissions = configured().permissions_at(CLAIM).build().unwrap();
    assert_eq!(verdict(&permissions, &token(&at(roles.clone()))), Err(AuthError::Invalid("token_permissions")));
    let scopes = configured().scopes_at(CLAIM).build().unwrap();
    assert_eq!(verdict(&scopes, &token(&at(roles))), Err(AuthError::Invalid("token_scope")));
}

fn is_without_authority(principal: &Principal) -> bool {
    principal.roles().is_empty()
        && principal.scopes().is_empty()
        && principal.tenant().is_none()
        && !["admin", "273", "x", "0"].iter().any(|name| principal.has_permission(name))
}

#[test]
fn malformed_default_claim_grants_nothing_and_is_logged() {
    let others = [
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
        for value in others.iter().chain(&nested) {
            let claims = with(claim, value.clone());
            let seen = events(|| assert!(is_without_authority(&principal(&claims, |jwt| jwt)), "{claims}"));
            let [line] = seen.as_slice() else { panic!("{claim} is {value}: {seen:?}") };
            assert!(line.contains("DEBUG") && line.contains(&format!("claim=\"{claim}\"")), "{line}");
            assert!(!line.contains("admin"), "the log must not contain the value: {line}");
        }
    }
    // There is only one tenant, so a list of one has the wrong type.
    assert_eq!(
        events(|| assert!(is_without_authority(&principal(&with("tenant", json!(["acme"])), |jwt| jwt)))).len(),
        1
    );
    // Well-formed claims log no event, and one malformed claim does not affect the others.
    assert_eq!(events(|| drop(principal(&with("roles", json!(["admin"])), |jwt| jwt))), [""; 0]);
    let mut mixed = with("roles", json!({"admin": {}}));
    mixed["scope"] = json!("orders:read");
    mixed["tenant"] = json!("acme");
    let read = principal(&mixed, |jwt| jwt);
    assert_eq!((read.roles().len(), read.scopes(), read.tenant()), (0, &["orders:read".to_owned()][..], Some("acme")));
}

#[test]
fn configured_claim_must_have_its_type() {
    let others = [json!(null), json!(true), json!(7), json!([7]), json!(["admin", 7]), json!([["admin"]])];
    for value in &others {
        for (claim, reason) in [
            ("roles", "token_roles"),
            ("permissions", "token_permissions"),
            ("scope", "token_scope"),
            ("tenant", "token_tenant"),
        ] {
            // This also applies to the default claim names.
            let jwt = match claim {
                "roles" => configured().roles_at(claim),
                "permissions" => configured().permissions_at(claim),
                "scope" => configured().scopes_at(claim),
                _ => configured().tenant_at(claim),
            };
            let refused = verdict(&jwt.build().unwrap(), &token(&with(claim, value.clone())));
            assert_eq!(refused, Err(AuthError::Invalid(reason)), "{claim} is {value}");
        }
    }
}

/// A reader that skips an unwanted claim must still read the whole token.
#[test]
fn ignored_claim_does_not_hide_duplicate_names() {
    let spliced = |members: &str| {
        let claims = sound().to_string().replacen('{', &format!("{{{members},"), 1);
        let signer = palisade_tests::tokens::Signer::hmac(jsonwebtoken::Algorithm::HS256, palisade_tests::SECRET);
        verdict(&configured().build().unwrap(), &signer.seal(r#"{"alg":"HS256"}"#, claims))
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
        assert_eq!(spliced(members), Err(AuthError::Invalid("token_duplicate_member")), "{members}");
    }
    assert_eq!(spliced(r#""roles":[{"a":1,"b":2}],"jti":null"#), Ok(()));
}

#[test]
fn null_ids_count_as_absent() {
    let read = principal(&with("jti", json!(null)), |jwt| jwt);
    assert_eq!(read.token().unwrap().id(), None);
    let read = principal(&with("sid", json!(null)), |jwt| jwt);
    assert_eq!(read.token().unwrap().session(), None);
    let mut both = with("jti", json!(null));
    both["sid"] = json!("s-1");
    assert_eq!(principal(&both, |jwt| jwt).token().unwrap().revocable_ids().collect::<Vec<_>>(), ["s-1"]);
    for (claim, reason) in [("jti", "token_jti"), ("sid", "token_sid")] {
        for wrong in [json!(7), json!(true), json!({}), json!(["1"])] {
            let refused = verdict(&configured().build().unwrap(), &token(&with(claim, wrong.clone())));
            assert_eq!(refused, Err(AuthError::Invalid(reason)), "{claim} is {wrong}");
        }
    }
    // For the other registered claims, null does not mean absent.
    for (claim, reason) in [("nbf", "token_nbf"), ("iat", "token_iat"), ("aud", "token_aud"), ("exp", "token_exp")] {
        let refused = verdict(&configured().build().unwrap(), &token(&with(claim, json!(null))));
        assert_eq!(refused, Err(AuthError::Invalid(reason)), "{claim}");
    }
}
