//! The laws of `RevocationStore`.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use palisade::Principal;
use palisade::jwt::{Jwt, VerifyingKey};
use palisade::revocation::RevocationStore;
use palisade_tests::tokens::Signer;
use palisade_tests::{AUDIENCE, ISSUER, SECRET};
use serde_json::json;

use crate::backends::{Backend, Shared};
use crate::{hostile_texts, soon};

crate::check_laws! {
    revocations: [
        token_is_revoked_by_its_own_id_or_its_session,
        ids_are_compared_exactly,
        issuers_are_separate,
        earlier_end_does_not_shorten_a_revocation,
        tokens_from_before_the_moment_are_revoked,
        moment_never_goes_back,
        subjects_are_compared_exactly,
        distant_times_are_accepted,
        other_credentials_are_not_revoked,
    ],
    memory: Memory, redis: Redis, sqlite: Sqlite, postgres: Postgres,
}

crate::check_laws! {
    revocations: [
        revocations_outlive_the_process,
    ],
    durable_redis: Redis, durable_sqlite: Sqlite, durable_postgres: Postgres,
}

/// The principal of a verified token.
struct Token<'a> {
    issuer: &'a str,
    subject: &'a str,
    id: Option<&'a str>,
    session: Option<&'a str>,
    /// `iat`, in microseconds since 1970.
    issued: u64,
}

/// An hour ago, in microseconds since 1970.
fn base() -> u64 {
    static BASE: LazyLock<u64> = LazyLock::new(|| (palisade_tests::tokens::now() - 3_600) * 1_000_000);
    *BASE
}

impl Default for Token<'_> {
    fn default() -> Self {
        Self { issuer: ISSUER, subject: "ada", id: None, session: None, issued: base() }
    }
}

impl Token<'_> {
    async fn principal(&self) -> Principal {
        let expires = soon().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": AUDIENCE, "sub": self.subject, "exp": expires,
            "iat": self.issued as f64 / 1e6,
        });
        for (name, value) in [("jti", self.id), ("sid", self.session)] {
            if let Some(value) = value {
                claims[name] = json!(value);
            }
        }
        let token = Signer::hmac(Algorithm::HS256, SECRET).token("", &claims);
        let key = VerifyingKey::hmac(palisade::jwt::Algorithm::Hs256, SECRET).unwrap();
        let jwt =
            Jwt::builder().issuer(self.issuer).audience(AUDIENCE).keys(key).longest_token(65_536).build().unwrap();
        jwt.verify(&token).await.unwrap_or_else(|error| panic!("{error:?} {claims}"))
    }
}

async fn is_revoked(store: &impl RevocationStore, token: Token<'_>) -> bool {
    let principal = token.principal().await;
    let revoked = store.is_revoked(&principal).await.unwrap();
    assert!(store.is_revoked_now(&principal).is_none_or(|now| now == revoked));
    revoked
}

fn at_micros(micros: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros)
}

async fn token_is_revoked_by_its_own_id_or_its_session(backend: &impl Backend) {
    let store = backend.revocations();
    let token = |id, session| Token { id, session, ..Token::default() };
    for (id, session) in [(None, None), (Some("t-1"), None), (Some("t-1"), Some("s-1"))] {
        assert!(!is_revoked(&store, token(id, session)).await, "nothing is revoked yet");
    }
    store.revoke(ISSUER, "t-1", soon()).await.unwrap();
    store.revoke(ISSUER, "s-1", soon()).await.unwrap();
    for (id, session, revoked) in [
        (Some("t-1"), None, true),
        (Some("t-1"), Some("s-2"), true),
        (Some("t-2"), Some("s-1"), true),
        (None, Some("s-1"), true),
        (Some("t-2"), Some("s-2"), false),
        (Some("t-2"), None, false),
        (None, None, false),
    ] {
        assert_eq!(is_revoked(&store, token(id, session)).await, revoked, "{id:?} {session:?}");
    }
}

async fn ids_are_compared_exactly(backend: &impl Backend) {
    let store = backend.revocations();
    let ids = hostile_texts();
    for (position, id) in ids.iter().enumerate() {
        store.revoke(ISSUER, id, soon()).await.unwrap();
        for (other, other_id) in ids.iter().enumerate() {
            let token = Token { id: Some(other_id), session: Some("s"), ..Token::default() };
            assert_eq!(is_revoked(&store, token).await, other <= position, "{other_id:?}, after {id:?}");
        }
    }
    assert!(!is_revoked(&store, Token { subject: "Ada", ..Token::default() }).await, "an id is no subject");
}

async fn issuers_are_separate(backend: &impl Backend) {
    let store = backend.revocations();
    let long = crate::long_text(3);
    let long = ["a", "b"].map(|end| format!("{}{end}", &long[..300]));
    let issuers = ["https://a.example", "https://a.example/", "https://A.example", &long[0], &long[1]];
    store.revoke("https://a.exampl", "et-1", soon()).await.unwrap();
    for (position, issuer) in issuers.iter().enumerate() {
        store.revoke(issuer, "t-1", soon()).await.unwrap();
        store.revoke_before(issuer, "eve", at_micros(base() + 1)).await.unwrap();
        for (other, other_issuer) in issuers.iter().enumerate() {
            let token = || Token { issuer: other_issuer, ..Token::default() };
            let by_id = is_revoked(&store, Token { id: Some("t-1"), ..token() }).await;
            let by_subject = is_revoked(&store, Token { subject: "eve", ..token() }).await;
            assert_eq!((by_id, by_subject), (other <= position, other <= position), "{other_issuer}, after {issuer}");
        }
    }
}

async fn earlier_end_does_not_shorten_a_revocation(backend: &impl Backend) {
    let store = backend.revocations();
    let token = || Token { id: Some("t-1"), ..Token::default() };
    store.revoke(ISSUER, "t-1", SystemTime::now() - Duration::from_secs(59)).await.unwrap();
    store.revoke(ISSUER, "t-1", soon()).await.unwrap();
    store.revoke(ISSUER, "t-1", SystemTime::now() - Duration::from_secs(59)).await.unwrap();
    // With a leeway of one minute, the others would end now.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for other in 0..10 {
        // What has ended may be removed at a revocation, and a little later.
        store.revoke(ISSUER, &format!("other {other}"), soon()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(is_revoked(&store, token()).await);
    }
}

async fn tokens_from_before_the_moment_are_revoked(backend: &impl Backend) {
    let store = backend.revocations();
    let moment = base() + 500;
    store.revoke_before(ISSUER, "ada", at_micros(moment)).await.unwrap();
    for (issued, revoked) in [(moment - 1, true), (moment, false), (moment + 1, false), (0, true)] {
        let token = Token { issued, ..Token::default() };
        assert_eq!(is_revoked(&store, token).await, revoked, "{issued}");
    }
    // A part of a microsecond is never rounded down, or a token from before the moment would stay valid.
    store.revoke_before(ISSUER, "eve", at_micros(moment) + Duration::from_nanos(1)).await.unwrap();
    for (issued, revoked) in [(moment, true), (moment + 1, false)] {
        let token = Token { issued, subject: "eve", ..Token::default() };
        assert_eq!(is_revoked(&store, token).await, revoked, "{issued}");
    }
}

async fn moment_never_goes_back(backend: &impl Backend) {
    let store = backend.revocations();
    let latest = base();
    let moments = (0..64).map(|number: u64| latest - (number * 37 % 64));
    let calls = moments.map(|moment| {
        let store = store.clone();
        tokio::spawn(async move { store.revoke_before(ISSUER, "ada", at_micros(moment)).await })
    });
    for done in join_all(calls).await {
        done.unwrap().unwrap();
    }
    for (issued, revoked) in [(latest - 1, true), (latest, false)] {
        assert_eq!(is_revoked(&store, Token { issued, ..Token::default() }).await, revoked, "{issued}");
    }
    store.revoke_before(ISSUER, "ada", UNIX_EPOCH).await.unwrap();
    assert!(is_revoked(&store, Token { issued: latest - 1, ..Token::default() }).await);
}

async fn subjects_are_compared_exactly(backend: &impl Backend) {
    let store = backend.revocations();
    let texts = hostile_texts();
    let moment = at_micros(base() + 1);
    for text in &texts {
        store.revoke_before(ISSUER, text, moment).await.unwrap();
    }
    assert!(!is_revoked(&store, Token { id: Some("Ada"), ..Token::default() }).await, "a subject is no id");
    // What a token can carry.
    let subjects = texts.iter().filter(|text| (1..=255).contains(&text.len()) && !text.contains(char::is_control));
    let mut known = 0;
    for subject in subjects {
        assert!(is_revoked(&store, Token { subject, ..Token::default() }).await, "{subject:?}");
        known += 1;
    }
    assert!(known > 10, "only {known} subjects were looked up");
    for subject in ["ada", "ada  ", "ADA", "%%", "a"] {
        assert!(!is_revoked(&store, Token { subject, ..Token::default() }).await, "{subject:?}");
    }
}

async fn distant_times_are_accepted(backend: &impl Backend) {
    let store = backend.revocations();
    let year = Duration::from_secs(365 * 86_400);
    let before = [UNIX_EPOCH - 70 * year, UNIX_EPOCH - Duration::from_nanos(1), UNIX_EPOCH];
    for moment in before {
        store.revoke_before(ISSUER, "ada", moment).await.unwrap();
        store.revoke(ISSUER, "t-1", moment).await.unwrap();
        assert!(!is_revoked(&store, Token { issued: 0, ..Token::default() }).await, "{moment:?}");
    }
    for (number, years) in [8_000, 250_000_000, 4_000_000_000].into_iter().enumerate() {
        let (id, subject) = (format!("t-{number}"), format!("u-{number}"));
        store.revoke(ISSUER, &id, UNIX_EPOCH + years * year).await.unwrap();
        store.revoke_before(ISSUER, &subject, UNIX_EPOCH + years * year).await.unwrap();
        assert!(is_revoked(&store, Token { id: Some(&id), ..Token::default() }).await, "{years}");
        assert!(is_revoked(&store, Token { subject: &subject, ..Token::default() }).await, "{years}");
    }
}

async fn other_credentials_are_not_revoked(backend: &impl Backend) {
    let store = backend.revocations();
    store.revoke_before(ISSUER, "ada", soon()).await.unwrap();
    let with_key = Principal::new("ApiKey", ISSUER, "ada");
    assert_eq!(store.is_revoked(&with_key).await, Ok(false));
    assert!(is_revoked(&store, Token::default()).await);
}

async fn revocations_outlive_the_process(backend: &impl Shared) {
    let here = backend.revocations();
    here.revoke(ISSUER, "t-1", soon()).await.unwrap();
    here.revoke_before(ISSUER, "eve", soon()).await.unwrap();
    backend.close().await;
    let there = backend.of_another_process().await.revocations();
    assert!(is_revoked(&there, Token { id: Some("t-1"), ..Token::default() }).await);
    assert!(is_revoked(&there, Token { subject: "eve", ..Token::default() }).await);
    assert!(!is_revoked(&there, Token { id: Some("t-2"), ..Token::default() }).await);
}
