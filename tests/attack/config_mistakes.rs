//! Every mistake of a configuration is reported at once.
//!
//! Threat: a configuration that fails one mistake at a time is repaired in haste, and a setting that was never reached stays wrong
//! (CWE-1188).

use std::time::Duration;

use palisade::api_key::{ApiKeys, MemoryApiKeys};
use palisade::jwt::{Algorithm, TokenIssuer, VerifyingKey};
use palisade::password::Passwords;
use palisade::revocation::MemoryRevocations;
use palisade::session::{MemorySessions, Sessions};
use palisade::{BodyTimeouts, ConfigError, Cors, Jwt, Palisade, Roles, SecurityHeaders, authenticated, get};

fn settings(mistakes: &ConfigError) -> Vec<&str> {
    mistakes.mistakes().map(palisade::config_error::ConfigMistake::setting).collect()
}

#[test]
fn five_mistakes_are_five_lines() {
    let cors = Cors::allow_origins(["https://app.example.com", "https://app.example.com/"]).allow_header("no header");
    let mistakes = Palisade::builder()
        .cors(cors)
        .trusted_proxies(["10.0.0.0/33"])
        .ipv6_prefix(7)
        .body_timeouts(BodyTimeouts::new().min_rate(0))
        .security_headers(SecurityHeaders::new().with("x y", "z"))
        .realm("a \"quote\"")
        .build()
        .unwrap_err();
    assert_eq!(
        settings(&mistakes),
        [
            "trusted_proxies",
            "ipv6_prefix",
            "cors origin",
            "cors header",
            "security header \"x y\"",
            "body_timeouts",
            "realm"
        ]
    );
    assert_eq!(mistakes.to_string().lines().count(), 7, "{mistakes}");
    assert_eq!(mistakes.setting(), "trusted_proxies");
}

#[get("/first")]
#[palisade::require_role("editor")]
async fn first() -> &'static str {
    "first"
}

#[get("/second")]
#[palisade::require_role("reviewer")]
async fn second() -> &'static str {
    "second"
}

#[get("/second")]
#[authenticated]
async fn third() -> &'static str {
    "third"
}

#[test]
fn mistakes_of_several_routes_are_all_told() {
    let doubled = || palisade::scope("/a").service(second).service(third);
    let routes = palisade::scope("").service(doubled()).service(palisade::scope("/a").service(first));
    let mistakes = routes.verify().unwrap_err();
    assert_eq!(mistakes.mistakes().count(), 2, "{mistakes}");

    let routes = palisade::scope("").service(first).service(second);
    let roles = Roles::builder().role("admin", |role| role).build().unwrap();
    let mistakes = Palisade::builder().authenticator(jwt()).roles(roles).routes(&routes).build().unwrap_err();
    let text = mistakes.to_string();
    assert!(text.contains("\"editor\"") && text.contains("\"reviewer\""), "{text}");
    // One line tells that there is no authenticator, however many routes need one.
    let mistakes = Palisade::builder().routes(&routes).build().unwrap_err();
    assert_eq!(settings(&mistakes), ["authenticator"], "{mistakes}");
}

fn jwt() -> Jwt {
    Jwt::hs256("https://issuer.example", "my-api", [7; 32]).unwrap()
}

#[test]
fn consequences_of_a_mistake_are_not_reported() {
    let forwarded = palisade::proxy::ForwardedBy::Forwarded;
    let mistakes = Palisade::builder().trusted_proxies(["10.0.0.0/33"]).forwarded_by(forwarded).build().unwrap_err();
    assert_eq!(settings(&mistakes), ["trusted_proxies"], "{mistakes}");
}

#[test]
fn each_builder_tells_all_its_mistakes() {
    let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32]).unwrap();
    let jwt = Jwt::builder().issuer(" ").audience("").keys(key).leeway(Duration::from_secs(61)).longest_token(1);
    assert_eq!(settings(&jwt.build().unwrap_err()), ["jwt issuer", "jwt audience", "jwt leeway", "jwt longest token"]);
    assert_eq!(settings(&TokenIssuer::hs256("", "", [7; 32]).unwrap_err()), ["jwt issuer", "jwt audience"]);
    assert_eq!(settings(&TokenIssuer::hs256("", "", [7; 3]).unwrap_err()).len(), 3);
    assert_eq!(settings(&Jwt::hs256("", "", [7; 3]).unwrap_err()).len(), 3);

    let keys = ApiKeys::builder("A", " ", MemoryApiKeys::new()).most_per_owner(1);
    assert_eq!(settings(&keys.build().unwrap_err()), ["api key prefix", "api key issuer", "api keys most_per_owner"]);

    let passwords = Passwords::builder().concurrency_limit(0).passes(1).memory_kib(1).lanes(65);
    let mistakes = passwords.build().unwrap_err();
    assert_eq!(
        settings(&mistakes),
        ["password concurrency_limit", "password memory_kib", "password passes", "password lanes"]
    );

    let issuer = TokenIssuer::hs256("https://issuer.example", "my-api", [7; 32]).unwrap();
    let sessions = Sessions::builder(issuer, MemorySessions::new(), MemoryRevocations::new())
        .refresh_token_lifetime(Duration::from_secs(1))
        .session_lifetime(Duration::MAX);
    let mistakes = sessions.build().unwrap_err();
    assert_eq!(settings(&mistakes), ["refresh_token_lifetime", "session_lifetime"], "{mistakes}");

    let roles = Roles::builder().role("", |role| role).role("a", |role| role.implies("b")).role("a", |role| role);
    assert_eq!(roles.build().unwrap_err().mistakes().count(), 3);
}

#[test]
fn setters_are_called_in_any_order() {
    let proxied = Palisade::builder().forwarded_by(palisade::proxy::ForwardedBy::Forwarded);
    assert!(proxied.trusted_proxies(["10.0.0.0/8"]).ipv6_prefix(56).build().is_ok());
    let passwords = Passwords::builder().passes(5).memory_kib(65_536).lanes(2).concurrency_limit(1);
    assert!(passwords.clone().build().is_ok());
    // Together they would be over 4 GiB, and it does not matter which was set first.
    assert!(passwords.clone().passes(64).memory_kib(131_072).build().is_err());
    assert!(passwords.memory_kib(131_072).passes(64).build().is_err());
}
