//! What well-known providers publish and send, according to their documentation; names and ids are invented.

use std::sync::OnceLock;

use jsonwebtoken::Algorithm as A;
use palisade::jwt::{Algorithm, VerifyingKey};
use palisade_tests::SECRET;
use palisade_tests::tokens::{Signer, encode, now, rsa};
use serde_json::{Value, json};

use super::{ReadyJwtBuilder, with_member, without_member};

/// One provider: what it publishes and sends, how its verifier is jwt_builder, and the expected result.
pub(super) struct Provider {
    pub(super) name: &'static str,
    pub(super) issuer: &'static str,
    pub(super) audiences: &'static [&'static str],
    pub(super) configure: fn(ReadyJwtBuilder) -> ReadyJwtBuilder,
    pub(super) keys: Vec<Value>,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) subject: &'static str,
    pub(super) roles: &'static [&'static str],
    pub(super) scopes: &'static [&'static str],
    pub(super) permissions: &'static [&'static str],
    pub(super) tenant: Option<&'static str>,
    /// A claim with another value, and the reason for which the token is then rejected.
    pub(super) rejected: Vec<(&'static str, Value, &'static str)>,
}

const KEY: &str = "pfXoYHxJLq1HLSzKQ-a6zCtvJk0";

pub(super) fn ec() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::generate(A::ES256))
}

fn second() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::generate(A::RS256))
}

/// The claims with current dates.
fn dated(mut claims: Value) -> Value {
    claims["iat"] = (now() - 60).into();
    claims["exp"] = (now() + 3600).into();
    claims
}

fn rs256() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": KEY})
}

/// A key as Entra ID publishes it: without `alg`, with its certificate.
fn entra_key() -> Value {
    let key = without_member(rsa().jwk(KEY), "alg");
    let key = with_member(with_member(key, "x5t", KEY), "x5c", json!([encode([0x30; 300])]));
    with_member(key, "issuer", "https://login.microsoftonline.com/{tenantid}/v2.0")
}

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

pub(super) fn entra_v1() -> Provider {
    Provider {
        name: "Entra ID, version 1",
        issuer: "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
        audiences: &["api://orders", "00000002-orders"],
        configure: |jwt| jwt.scopes_at("scp").tenant_at("tid"),
        keys: vec![entra_key()],
        header: with_member(rs256(), "x5t", KEY),
        claims: dated(json!({
            "aud": "api://orders", "acr": "1", "aio": "AXQAi/8", "amr": ["pwd", "mfa"], "appid": "b14a7505", "appidacr": "0",
            "family_name": "Lovelace", "given_name": "Ada", "ipaddr": "192.0.2.7", "name": "Ada Lovelace", "nbf": now() - 60,
            "oid": "690222be", "rh": "0.ARo.", "roles": ["Orders.Admin"], "scp": "user_impersonation orders.read",
            "sub": "l3qXn9", "tid": TENANT, "unique_name": "ada@example.com", "uti": "fqiBqXLPj0e", "ver": "1.0",
        })),
        subject: "l3qXn9",
        roles: &["Orders.Admin"],
        scopes: &["user_impersonation", "orders.read"],
        permissions: &[],
        tenant: Some(TENANT),
        rejected: vec![
            ("aud", json!("https://graph.microsoft.com"), "token_foreign_audience"),
            ("iss", json!("https://sts.windows.net/another-tenant/"), "token_foreign_issuer"),
            ("nbf", json!(now() + 300), "token_not_yet_valid"),
        ],
    }
}

pub(super) fn entra_v2() -> Provider {
    Provider {
        name: "Entra ID, version 2",
        issuer: "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        audiences: &["6e74172b-be56-4843-9ff4-e66a39bb12e3"],
        configure: |jwt| jwt.scopes_at("scp").tenant_at("tid"),
        keys: vec![entra_key(), without_member(second().jwk("another-key"), "alg")],
        header: rs256(),
        claims: dated(json!({
            "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "azp": "6e74172b", "azpacr": "0", "name": "Ada Lovelace",
            "nbf": now() - 60, "oid": "690222be", "preferred_username": "ada@example.com", "rh": "0.ARo.",
            "scp": "access_as_user", "sid": "00c0b2c3", "sub": "HKZpfaHyWadeOouYlitjrI", "tid": TENANT, "uti": "fqiBqXLPj0e",
            "ver": "2.0",
        })),
        subject: "HKZpfaHyWadeOouYlitjrI",
        roles: &[],
        scopes: &["access_as_user"],
        permissions: &[],
        tenant: Some(TENANT),
        rejected: vec![
            ("aud", json!("api://6e74172b-be56-4843-9ff4-e66a39bb12e3"), "token_foreign_audience"),
            ("iss", json!("https://login.microsoftonline.com/{tenantid}/v2.0"), "token_foreign_issuer"),
            ("tid", json!(7), "token_tenant"),
        ],
    }
}

pub(super) fn auth0() -> Provider {
    Provider {
        name: "Auth0",
        issuer: "https://acme.eu.auth0.com/",
        audiences: &["https://orders.example/api"],
        configure: |jwt| jwt.roles_at(["https://orders.example/roles"]),
        keys: vec![with_member(rsa().jwk(KEY), "x5c", json!(["MIIC"])), second().jwk("next")],
        header: with_member(rs256(), "typ", "at+jwt"),
        claims: dated(json!({
            "aud": ["https://orders.example/api", "https://acme.eu.auth0.com/userinfo"], "azp": "my_client_id",
            "https://orders.example/roles": ["dispatcher"], "jti": "Ck3Zn1", "permissions": ["orders:read", "orders:delete"],
            "scope": "openid profile orders:read", "sub": "auth0|507f1f77bcf86cd799439011",
        })),
        subject: "auth0|507f1f77bcf86cd799439011",
        roles: &["dispatcher"],
        scopes: &["openid", "profile", "orders:read"],
        permissions: &["orders:read", "orders:delete"],
        tenant: None,
        rejected: vec![
            ("aud", json!(["https://acme.eu.auth0.com/userinfo"]), "token_foreign_audience"),
            ("iss", json!("https://acme.eu.auth0.com"), "token_foreign_issuer"),
            ("https://orders.example/roles", json!(null), "token_roles"),
        ],
    }
}

pub(super) fn okta() -> Provider {
    Provider {
        name: "Okta",
        issuer: "https://dev-1.okta.com/oauth2/default",
        audiences: &["api://default"],
        configure: |jwt| jwt.scopes_at("scp").roles_at("groups"),
        keys: vec![rsa().jwk(KEY)],
        header: json!({"kid": KEY, "alg": "RS256"}),
        claims: dated(json!({
            "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": "api://default", "cid": "0oabv6kx4qq6h1U5l0h7",
            "uid": "00ujmkLgagxeRrAg20g3", "scp": ["openid", "orders:read"], "auth_time": now() - 90,
            "groups": ["Everyone", "Dispatchers"], "sub": "ada@example.com",
        })),
        subject: "ada@example.com",
        roles: &["Everyone", "Dispatchers"],
        scopes: &["openid", "orders:read"],
        permissions: &[],
        tenant: None,
        rejected: vec![
            ("aud", json!("0oabv6kx4qq6h1U5l0h7"), "token_foreign_audience"),
            ("scp", json!([1]), "token_scope"),
            ("iat", json!(now() + 300), "token_issued_in_future"),
        ],
    }
}

pub(super) fn keycloak() -> Provider {
    let clients: Value =
        (0..80).map(|n| (format!("client-{n}"), json!({"roles": ["user"]}))).collect::<serde_json::Map<_, _>>().into();
    // One key for signatures and one for encryption; in some realms they share a `kid`.
    let encrypts = with_member(with_member(second().jwk(KEY), "use", "enc"), "alg", "RSA-OAEP");
    Provider {
        name: "Keycloak",
        issuer: "https://login.example/realms/main",
        audiences: &["orders-api"],
        configure: |jwt| jwt.roles_at("realm_access.roles"),
        keys: vec![encrypts, with_member(rsa().jwk(KEY), "x5t#S256", "abc")],
        header: rs256(),
        claims: dated(json!({
            "jti": "onrtac:7a2c", "aud": ["orders-api", "account"], "sub": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "typ": "Bearer",
            "azp": "spa", "sid": "9d1b", "acr": "1", "allowed-origins": ["https://app.example"],
            "realm_access": {"roles": ["offline_access", "editor"]}, "resource_access": clients, "scope": "openid email",
            "email_verified": true, "preferred_username": "ada",
        })),
        subject: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        roles: &["offline_access", "editor"],
        scopes: &["openid", "email"],
        permissions: &[],
        tenant: None,
        rejected: vec![
            ("aud", json!("account"), "token_foreign_audience"),
            ("iss", json!("https://login.example/realms/other"), "token_foreign_issuer"),
            ("realm_access", json!({"roles": 7}), "token_roles"),
        ],
    }
}

pub(super) fn cognito() -> Provider {
    Provider {
        name: "Amazon Cognito",
        issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example",
        audiences: &["xxxxxxxxxxxxexample"],
        configure: |jwt| jwt.danger_audience_at("client_id").roles_at("cognito:groups"),
        keys: vec![rsa().jwk(KEY), second().jwk("id-token-key")],
        header: json!({"kid": KEY, "alg": "RS256"}),
        claims: dated(json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "aaaa", "cognito:groups": ["admin"], "version": 2,
            "client_id": "xxxxxxxxxxxxexample", "origin_jti": "aaaa", "event_id": "bbbb", "token_use": "access",
            "scope": "phone openid orders/read", "auth_time": now() - 90, "jti": "cccc", "username": "ada",
        })),
        subject: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        roles: &["admin"],
        scopes: &["phone", "openid", "orders/read"],
        permissions: &[],
        tenant: None,
        rejected: vec![
            ("client_id", json!("another-client"), "token_foreign_audience"),
            ("client_id", json!(null), "token_aud"),
            ("aud", json!("another-api"), "token_foreign_audience"),
        ],
    }
}

pub(super) fn zitadel() -> Provider {
    Provider {
        name: "Zitadel",
        issuer: "https://acme-1.zitadel.cloud",
        audiences: &["69234237810729019"],
        configure: |jwt| {
            jwt.roles_at("urn:zitadel:iam:org:project:roles").tenant_at("urn:zitadel:iam:user:resourceowner:id")
        },
        keys: vec![rsa().jwk(KEY)],
        header: json!({"alg": "RS256", "kid": KEY, "typ": "JWT"}),
        claims: dated(json!({
            "aud": ["69234237810729019", "112897418730225921"], "client_id": "69234237810729019@orders", "jti": "V1_2938",
            "nbf": now() - 60, "sub": "77776025198584418", "urn:zitadel:iam:org:project:roles": {"editor": {"69": "acme.example"}},
            "urn:zitadel:iam:user:resourceowner:id": "69",
        })),
        subject: "77776025198584418",
        roles: &["editor"],
        scopes: &[],
        permissions: &[],
        tenant: Some("69"),
        rejected: vec![
            ("aud", json!(["112897418730225921"]), "token_foreign_audience"),
            ("urn:zitadel:iam:org:project:roles", json!({"admin": false}), "token_roles"),
            ("urn:zitadel:iam:user:resourceowner:id", json!(""), "token_tenant"),
        ],
    }
}

pub(super) fn supabase() -> Provider {
    Provider {
        name: "Supabase",
        issuer: "https://abcd.supabase.co/auth/v1",
        audiences: &["authenticated"],
        // Projects that started with a shared secret accept it until its last token has expired.
        configure: |jwt| jwt.keys(VerifyingKey::hmac(Algorithm::Hs256, SECRET).unwrap()).roles_at("role"),
        keys: vec![with_member(ec().jwk(KEY), "key_ops", json!(["verify"]))],
        header: json!({"alg": "ES256", "kid": KEY, "typ": "JWT"}),
        claims: dated(json!({
            "aal": "aal1", "amr": [{"method": "password", "timestamp": now()}], "app_metadata": {"provider": "email"},
            "aud": "authenticated", "email": "ada@example.com", "is_anonymous": false, "phone": "", "role": "authenticated",
            "session_id": "b4ba6d8f", "sub": "4d5bd9a2", "user_metadata": {"roles": ["admin"]},
        })),
        subject: "4d5bd9a2",
        roles: &["authenticated"],
        scopes: &[],
        permissions: &[],
        tenant: None,
        rejected: vec![
            ("aud", json!("anon"), "token_foreign_audience"),
            ("role", json!(7), "token_roles"),
            ("sub", json!(null), "token_sub"),
        ],
    }
}

pub(super) fn firebase() -> Provider {
    Provider {
        name: "Firebase",
        issuer: "https://securetoken.google.com/acme-orders",
        audiences: &["acme-orders"],
        configure: |jwt| jwt,
        keys: vec![second().jwk("older"), rsa().jwk(KEY)],
        header: rs256(),
        claims: dated(json!({
            "aud": "acme-orders", "auth_time": now() - 90, "user_id": "yQ3", "sub": "yQ3", "email": "ada@example.com",
            "email_verified": true, "firebase": {"identities": {"email": ["ada@example.com"]}, "sign_in_provider": "password"},
            // Custom claims may have any name and type.
            "roles": {"admin": true}, "tenant": ["acme"],
        })),
        subject: "yQ3",
        roles: &[],
        scopes: &[],
        permissions: &[],
        tenant: None,
        rejected: vec![
            ("aud", json!("another-project"), "token_foreign_audience"),
            ("iss", json!("https://securetoken.google.com/another-project"), "token_foreign_issuer"),
            ("sub", json!(""), "token_sub"),
        ],
    }
}
