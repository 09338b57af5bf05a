//! Valid settings, and the reported mistakes of invalid ones.

use secrecy::ExposeSecret as _;

use super::*;

fn read(vars: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let vars = vars.iter().map(|(name, value)| (name.into(), value.into()));
    Config::from_env(vars).map_err(|error| error.mistakes().iter().map(Mistake::to_string).collect())
}

#[test]
fn empty_environment_gives_documented_defaults() {
    let config = read(&[("PATH", "/bin")]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8443".parse().unwrap());
    assert_eq!(config.http_listen, Some("127.0.0.1:8080".parse().unwrap()));
    assert!(config.data.ends_with("examples/accounts/data"));
    assert_eq!(config.certificate, Certificate::Generated);
    assert!(config.jwt_secret.is_none() && config.admin_password.is_none());
    assert_eq!(config.issuer, "https://accounts.example");
    assert_eq!(config.audience, "accounts-api");
    assert_eq!(config.origins, ["https://app.example.com", "https://admin.example.com"]);
    assert_eq!(config.admin_email.as_str(), "admin@example.com");
    assert!(config.trusted_proxies.is_empty());
    assert!(config.workers >= 1);
    assert!(matches!(config.rate_limit_mode, RateLimitMode::Enforce));
    assert!(config.partner.is_none() && config.redis.is_none());
    assert_eq!(config.token_cache, TokenCache::DEFAULT);
}

#[test]
fn second_issuer_needs_a_name_and_key_source() {
    const FILE: (&str, &str) = ("ACCOUNTS_JWKS_FILE", "/keys.json");
    const URL: (&str, &str) = ("ACCOUNTS_JWKS_URL", "https://partner.example/jwks");
    const ISSUER: (&str, &str) = ("ACCOUNTS_JWKS_ISSUER", "https://partner.example");
    let partner = |keys| Some(Partner { issuer: "https://partner.example".to_owned(), keys });
    assert_eq!(read(&[FILE, ISSUER]).unwrap().partner, partner(PartnerKeys::File("/keys.json".into())));
    assert_eq!(read(&[URL, ISSUER]).unwrap().partner, partner(PartnerKeys::Url(URL.1.to_owned())));
    for (vars, variable) in [
        (&[FILE][..], "ACCOUNTS_JWKS_ISSUER"),
        (&[URL], "ACCOUNTS_JWKS_ISSUER"),
        (&[ISSUER], "ACCOUNTS_JWKS_ISSUER"),
        (&[FILE, URL, ISSUER], "ACCOUNTS_JWKS_URL"),
        (&[FILE, ("ACCOUNTS_JWKS_ISSUER", "https://accounts.example")], "ACCOUNTS_JWKS_ISSUER"),
        (&[("ACCOUNTS_JWKS_FILE", ""), ISSUER], "ACCOUNTS_JWKS_FILE"),
        (&[("ACCOUNTS_JWKS_URL", ""), ISSUER], "ACCOUNTS_JWKS_URL"),
        (&[URL, ("ACCOUNTS_JWKS_ISSUER", " ")], "ACCOUNTS_JWKS_ISSUER"),
        (&[("ACCOUNTS_TOKEN_CACHE", "yes")], "ACCOUNTS_TOKEN_CACHE"),
    ] {
        let mistakes = read(vars).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(variable), "{vars:?}: {mistakes:?}");
    }
}

#[test]
fn provider_needs_an_issuer_and_a_client() {
    const ISSUER: (&str, &str) = ("ACCOUNTS_OIDC_ISSUER", "https://issuer.example");
    const CLIENT: (&str, &str) = ("ACCOUNTS_OIDC_CLIENT_ID", "accounts");
    const SECRET: (&str, &str) = ("ACCOUNTS_OIDC_CLIENT_SECRET", "a secret of the provider");
    const CALLBACK: (&str, &str) = ("ACCOUNTS_OIDC_CALLBACK", "https://accounts.example/sign-in/callback");
    assert!(read(&[]).unwrap().oidc.is_none());
    let oidc = read(&[ISSUER, CLIENT]).unwrap().oidc.unwrap();
    assert_eq!((&*oidc.issuer, &*oidc.client_id, oidc.client_secret.is_none()), (ISSUER.1, CLIENT.1, true));
    assert_eq!((&*oidc.callback, oidc.after_logout), ("https://localhost:8443/sign-in/callback", None));
    const AFTER_LOGOUT: (&str, &str) = ("ACCOUNTS_OIDC_AFTER_LOGOUT", "https://accounts.example/");
    let oidc = read(&[ISSUER, CLIENT, AFTER_LOGOUT]).unwrap().oidc.unwrap();
    assert_eq!(oidc.after_logout.as_deref(), Some(AFTER_LOGOUT.1));
    // The default would be an address that is not this server's.
    const HOSTS: (&str, &str) = ("ACCOUNTS_HOSTS", "accounts.example");
    const ANY_PORT: (&str, &str) = ("ACCOUNTS_LISTEN", "127.0.0.1:0");
    assert!(read(&[ISSUER, CLIENT, HOSTS, ANY_PORT, CALLBACK]).is_ok());
    let oidc = read(&[ISSUER, CLIENT, SECRET, CALLBACK]).unwrap().oidc.unwrap();
    assert_eq!(oidc.callback, CALLBACK.1);
    assert!(!format!("{oidc:?}").contains(SECRET.1));
    assert_eq!(oidc.client_secret.unwrap().expose_secret(), SECRET.1);
    for (vars, variable) in [
        (&[ISSUER][..], "ACCOUNTS_OIDC_CLIENT_ID"),
        (&[ISSUER, SECRET], "ACCOUNTS_OIDC_CLIENT_ID"),
        (&[CLIENT], "ACCOUNTS_OIDC_ISSUER"),
        (&[CALLBACK], "ACCOUNTS_OIDC_ISSUER"),
        (&[AFTER_LOGOUT], "ACCOUNTS_OIDC_ISSUER"),
        (&[ISSUER, CLIENT, HOSTS], "ACCOUNTS_OIDC_CALLBACK"),
        (&[ISSUER, CLIENT, ANY_PORT], "ACCOUNTS_OIDC_CALLBACK"),
        (&[ISSUER, CLIENT, ("ACCOUNTS_OIDC_AFTER_LOGOUT", "")], "ACCOUNTS_OIDC_AFTER_LOGOUT"),
        (&[ISSUER, CLIENT, ("ACCOUNTS_OIDC_CLIENT_SECRET", "")], "ACCOUNTS_OIDC_CLIENT_SECRET"),
        (&[ISSUER, CLIENT, ("ACCOUNTS_OIDC_CALLBACK", " ")], "ACCOUNTS_OIDC_CALLBACK"),
        (&[ISSUER, CLIENT, ("ACCOUNTS_OIDC_CALLBACK", "https://accounts.example/callback")], "ACCOUNTS_OIDC_CALLBACK"),
        (&[("ACCOUNTS_OIDC_ISSUER", ""), CLIENT], "ACCOUNTS_OIDC_ISSUER"),
    ] {
        let mistakes = read(vars).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(variable), "{vars:?}: {mistakes:?}");
    }
}

#[test]
fn every_setting_is_read() {
    let config = read(&[
        ("ACCOUNTS_LISTEN", "[::1]:0"),
        ("ACCOUNTS_HTTP_LISTEN", "off"),
        ("ACCOUNTS_HOSTS", "api.example.com, *.example.net"),
        ("ACCOUNTS_DATA", "/srv/accounts"),
        ("ACCOUNTS_TLS_CERT", "/c"),
        ("ACCOUNTS_TLS_KEY", "/k"),
        ("ACCOUNTS_JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("ACCOUNTS_ORIGINS", ""),
        ("ACCOUNTS_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.1/32"),
        ("ACCOUNTS_REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("ACCOUNTS_REDIS_TIMEOUT", "250ms"),
        ("ACCOUNTS_WORKERS", "4"),
        ("ACCOUNTS_RATE_LIMITS", "observe"),
        ("ACCOUNTS_TOKEN_CACHE", "off"),
    ])
    .unwrap();
    assert_eq!(config.token_cache, TokenCache::Off);
    assert_eq!(config.listen, "[::1]:0".parse().unwrap());
    assert_eq!(config.http_listen, None);
    assert_eq!(config.hosts, ["api.example.com", "*.example.net"]);
    assert_eq!(config.data, PathBuf::from("/srv/accounts"));
    assert_eq!(config.certificate, Certificate::Files { chain: "/c".into(), key: "/k".into() });
    assert_eq!(config.jwt_secret.unwrap().expose_secret(), "0123456789abcdef0123456789abcdef");
    assert!(config.origins.is_empty());
    assert_eq!(config.trusted_proxies, ["10.0.0.0/8", "192.168.0.1/32"]);
    assert_eq!(config.redis.unwrap().timeout, Some(Duration::from_millis(250)));
    assert_eq!(config.workers, 4);
    assert!(matches!(config.rate_limit_mode, RateLimitMode::Observe));
}

#[test]
fn a_listener_may_be_called_by_its_address() {
    for (listen, own) in [("0.0.0.0:443", ""), ("192.0.2.7:443", "192.0.2.7"), ("[2001:db8::1]:443", "[2001:db8::1]")] {
        let config = read(&[("ACCOUNTS_LISTEN", listen)]).unwrap();
        let expected = ["localhost", "127.0.0.1", "[::1]", own];
        assert_eq!(config.hosts, expected.into_iter().filter(|host| !host.is_empty()).collect::<Vec<_>>(), "{listen}");
    }
}

#[test]
fn all_mistakes_are_reported_with_their_variables() {
    let mistakes = read(&[
        ("ACCOUNTS_LISTEN", "localhost"),
        ("ACCOUNTS_HTTP_LISTEN", "no\nne"),
        ("ACCOUNTS_DATA", ""),
        ("ACCOUNTS_TLS_CERT", "/c"),
        ("ACCOUNTS_JWT_SECRET", "short-secret"),
        ("ACCOUNTS_JWT_ISSUER", ""),
        ("ACCOUNTS_ADMIN_EMAIL", "nobody"),
        ("ACCOUNTS_ADMIN_PASSWORD", "hunter2"),
        ("ACCOUNTS_WORKERS", "4 cores"),
        ("ACCOUNTS_RATE_LIMITS", "on"),
        ("ACCOUNTS_LISTN", "x"),
    ])
    .unwrap_err();
    let named = |mistake: &String| mistake.split(':').next().unwrap().to_owned();
    let mut names: Vec<_> = mistakes.iter().map(named).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ACCOUNTS_ADMIN_EMAIL",
            "ACCOUNTS_ADMIN_PASSWORD",
            "ACCOUNTS_DATA",
            "ACCOUNTS_HTTP_LISTEN",
            "ACCOUNTS_JWT_ISSUER",
            "ACCOUNTS_JWT_SECRET",
            "ACCOUNTS_LISTEN",
            "ACCOUNTS_LISTN",
            "ACCOUNTS_RATE_LIMITS",
            "ACCOUNTS_TLS_KEY",
            "ACCOUNTS_WORKERS",
        ]
    );
    assert!(mistakes.iter().all(|mistake| !mistake.contains('\n')));
    let all = mistakes.join("\n");
    assert!(!all.contains("short-secret") && !all.contains("hunter2"), "an error must not repeat a secret: {all}");
}

#[test]
fn redis_url_mistakes_do_not_repeat_the_password() {
    for valid in ["redis://127.0.0.1", "redis://127.0.0.1:7/1", "rediss://ops:hunter2@redis.example:6380/0"] {
        let redis = read(&[("ACCOUNTS_REDIS_URL", valid)]).unwrap().redis;
        assert_eq!(redis.unwrap().timeout, None, "{valid}");
    }
    for (invalid, reason) in [
        ("", "is empty"),
        ("127.0.0.1:6379", "redis://"),
        ("REDIS:hunter2", "redis://"),
        ("http://:hunter2@127.0.0.1", "redis://"),
        ("redis+unix:///hunter2", "redis://"),
        ("redis://:hunter2@", "not an address"),
        ("redis://:hunter2@127.0.0.1:port", "not an address"),
        ("rediss://:hunter2@127.0.0.1/#insecure", "contains #"),
        ("redis://:hunter2@127.0.0.1:7000,redis://:hunter2@127.0.0.1:7001", "a single address"),
    ] {
        let mistakes = read(&[("ACCOUNTS_REDIS_URL", invalid)]).unwrap_err();
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
        assert!(mistake.starts_with("ACCOUNTS_REDIS_URL: ") && mistake.contains(reason), "{invalid}: {mistake}");
        assert!(!mistake.contains("hunter2") && !mistake.contains('\n'), "{mistake}");
    }
}

#[test]
fn redis_timeout_is_bounded_and_needs_redis() {
    const URL: (&str, &str) = ("ACCOUNTS_REDIS_URL", "redis://127.0.0.1");
    for invalid in ["", "0s", "50", "999us", "11s", "soon"] {
        let mistakes = read(&[URL, ("ACCOUNTS_REDIS_TIMEOUT", invalid)]).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with("ACCOUNTS_REDIS_TIMEOUT: "), "{invalid}: {mistakes:?}");
    }
    let mistakes = read(&[("ACCOUNTS_REDIS_TIMEOUT", "50ms")]).unwrap_err();
    assert_eq!(mistakes, ["ACCOUNTS_REDIS_TIMEOUT: needs ACCOUNTS_REDIS_URL"]);
}

#[test]
fn two_listeners_on_one_address_are_rejected() {
    let both = |address| read(&[("ACCOUNTS_LISTEN", address), ("ACCOUNTS_HTTP_LISTEN", address)]);
    assert_eq!(both("127.0.0.1:4").unwrap_err().len(), 1);
    assert!(both("127.0.0.1:0").is_ok());
}

#[test]
fn debug_of_configuration_shows_no_secret() {
    let secret = "0123456789abcdef0123456789abcdef";
    let config = read(&[
        ("ACCOUNTS_JWT_SECRET", secret),
        ("ACCOUNTS_ADMIN_PASSWORD", "correct horse"),
        ("ACCOUNTS_REDIS_URL", "redis://:hunter2@127.0.0.1"),
    ])
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!["correct horse", "hunter2", secret].iter().any(|secret| shown.contains(secret)), "{shown}");
}
