//! Tests of API keys, with a store that records its calls and can fail or be slow.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::authn::ChallengeCause;

/// A store that records each call and can be set to fail.
#[derive(Default)]
struct RecordingStore {
    keys: MemoryApiKeys,
    calls: Mutex<Vec<String>>,
    down: AtomicBool,
    touch_fails: AtomicBool,
}

impl RecordingStore {
    fn note(&self, call: String) -> Result<(), Unavailable> {
        self.calls.lock().unwrap().push(call);
        if self.down.load(Ordering::Relaxed) { Err(Unavailable) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl ApiKeyStore for RecordingStore {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        self.note(format!("insert {key:?} {:x?}", key.digest()))?;
        self.keys.insert(key, most).await
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        self.note(format!("find {id}"))?;
        self.keys.find(id).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        self.note(format!("list {owner}"))?;
        self.keys.list(owner).await
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.note(format!("remove {owner} {id}"))?;
        self.keys.remove(owner, id).await
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        self.note(format!("touch {id}"))?;
        if self.touch_fails.load(Ordering::Relaxed) { Err(Unavailable) } else { self.keys.touch(id, at).await }
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn keys() -> ApiKeys<RecordingStore> {
    ApiKeys::new("acme", "https://issuer.example", RecordingStore::default()).unwrap()
}

async fn with_headers(
    keys: &ApiKeys<RecordingStore>,
    values: &[&[u8]],
    at: SystemTime,
) -> Option<Result<Principal, AuthError>> {
    let mut request = TestRequest::default();
    for value in values {
        request = request.append_header((HEADER, actix_web::http::header::HeaderValue::from_bytes(value).unwrap()));
    }
    match keys.attempt(&request.to_http_request(), at) {
        Attempt::Absent => None,
        Attempt::Done(verdict) => Some(verdict),
        Attempt::Pending(verdict) => Some(verdict.await),
    }
}

async fn present(keys: &ApiKeys<RecordingStore>, text: &str, at: SystemTime) -> Result<Principal, AuthError> {
    with_headers(keys, &[text.as_bytes()], at).await.expect("there is a key")
}

#[track_caller]
fn assert_rejected(verdict: Result<Principal, AuthError>, reason: &'static str) {
    assert_eq!(verdict.map(drop), Err(AuthError::Invalid(reason)));
}

/// The body with its checksum.
fn with_checksum(body: &str) -> String {
    format!("{body}{:08x}", crc32fast::hash(body.as_bytes()))
}

/// The key with the last digit of its secret changed.
fn other_secret(text: &str) -> String {
    let body = &text[..text.len() - 8];
    let (rest, last) = body.split_at(body.len() - 1);
    with_checksum(&format!("{rest}{}", if last == "0" { "1" } else { "0" }))
}

#[actix_web::test]
async fn key_yields_its_owner_roles_scopes_and_tenant() {
    let keys = keys();
    let wanted = NewApiKey::new("u-1").name("export").roles(["clerk"]).scopes(["orders:read"]).tenant("t-1");
    let key = keys.create_at(wanted, now()).await.unwrap();
    let principal = present(&keys, key.expose(), now()).await.unwrap();
    assert_eq!((principal.scheme(), principal.issuer()), ("ApiKey", "https://issuer.example"));
    assert_eq!((principal.subject(), principal.tenant()), ("u-1", Some("t-1")));
    assert_eq!((principal.roles(), principal.scopes()), (&["clerk".to_owned()][..], &["orders:read".to_owned()][..]));
    assert_eq!(key.record().name(), "export");
    assert!(with_headers(&keys, &[], now()).await.is_none(), "a request without a key is no attempt");
}

#[actix_web::test]
async fn only_a_hash_of_the_key_is_stored() {
    let keys = keys();
    let key = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    let (body, id) = (&key.expose()[..key.expose().len() - 8], key.record().id());
    let secret = &body[body.len() - 64..];
    assert_eq!(key.record().digest().as_slice(), sha2_of(body), "the record holds only the hash of the key");
    let kept = keys.store.calls().join("\n");
    assert!(kept.starts_with("insert") && !kept.contains(secret), "the store must not see the secret: {kept}");
    assert!(!format!("{:?}", keys.store.keys).contains(secret));

    present(&keys, key.expose(), now()).await.unwrap();
    assert_eq!(keys.store.calls(), [format!("find {id}"), format!("touch {id}")]);
    assert_rejected(present(&keys, &other_secret(key.expose()), now()).await, "api_key_secret");
    assert_eq!(keys.store.calls(), [format!("find {id}")]);
}

fn sha2_of(text: &str) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).to_vec()
}

#[test]
fn digests_are_compared_in_constant_time() {
    let source = include_str!("mod.rs");
    assert_eq!(source.matches("verify_slices_are_equal(key.digest(), &presented.digest)").count(), 1);
    assert_eq!(source.matches("presented.digest").count(), 1);
    assert_eq!(source.matches("digest()").count(), 1, "the digest of a record is read in one position");
}

#[actix_web::test]
async fn unknown_id_costs_the_same_lookup() {
    let keys = keys();
    let unknown = with_checksum(&format!("acme_{}_{}", "0".repeat(32), "0".repeat(64)));
    assert_rejected(present(&keys, &unknown, now()).await, "api_key_unknown");
    assert_eq!(keys.store.calls(), [format!("find {}", "0".repeat(32))]);
}

#[actix_web::test]
async fn malformed_key_is_rejected_without_the_store() {
    let keys = keys();
    let key = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    keys.store.calls();
    let text = key.expose();
    let body = &text[..text.len() - 8];
    let (id, secret) = (&body[5..37], &body[38..]);
    let upper = with_checksum(&body.replacen(secret, &secret.to_uppercase(), 1));
    let cases: &[(String, &'static str)] = &[
        (String::new(), "api_key_malformed"),
        ("acme".into(), "api_key_malformed"),
        ("acme_".into(), "api_key_malformed"),
        (with_checksum(&format!("acm_{id}_{secret}")), "api_key_malformed"),
        (with_checksum(&format!("other_{id}_{secret}")), "api_key_malformed"),
        (with_checksum(&format!("ACME_{id}_{secret}")), "api_key_malformed"),
        (with_checksum(&format!("acme_{id}{secret}")), "api_key_malformed"),
        (with_checksum(&format!("acme_{}_{secret}", &id[1..])), "api_key_malformed"),
        (with_checksum(&format!("acme_{id}_{}", &secret[1..])), "api_key_malformed"),
        (with_checksum(&format!("acme_{id}_{secret}0")), "api_key_malformed"),
        (with_checksum(&format!("acme_{id}_{}g", &secret[1..])), "api_key_malformed"),
        (with_checksum(&format!("acme_{id}_{}\u{e9}", &secret[2..])), "api_key_malformed"),
        (format!("{text} "), "api_key_malformed"),
        (format!("{text}\n").replace('\n', "_"), "api_key_malformed"),
        (format!("Bearer {text}"), "api_key_malformed"),
        (format!("{body}+{}", &text[text.len() - 7..]), "api_key_malformed"),
        (format!("{body}{:08x}", crc32fast::hash(body.as_bytes()) ^ 1), "api_key_checksum"),
    ];
    for (text, reason) in cases {
        let verdict = present(&keys, text, now()).await;
        assert_eq!(verdict.map(drop), Err(AuthError::Invalid(reason)), "{text}");
    }
    if secret.bytes().any(|digit| digit.is_ascii_alphabetic()) {
        assert_rejected(present(&keys, &upper, now()).await, "api_key_malformed");
    }
    let two: [&[u8]; 2] = [text.as_bytes(), text.as_bytes()];
    assert_rejected(with_headers(&keys, &two, now()).await.unwrap(), "api_key_repeated");
    assert_rejected(with_headers(&keys, &[b"acme_\xff"], now()).await.unwrap(), "api_key_malformed");
    assert_eq!(keys.store.calls(), [""; 0]);
}

proptest! {
    #[test]
    fn arbitrary_text_is_never_a_key(text in prop::collection::vec(any::<u8>(), 0..160), tail in "[0-9a-f_]{0,110}") {
        let format = KeyFormat::new("a").unwrap();
        let with_prefix: Vec<u8> = [b"a_".as_slice(), tail.as_bytes()].concat();
        prop_assert!(format.read(&text).is_err());
        prop_assert!(format.read(&with_prefix).is_err());
    }

    #[test]
    fn checksum_detects_one_wrong_digit(position in 5_usize..110, digit in "[0-9a-f]") {
        let format = KeyFormat::new("acme").unwrap();
        let generated = format.generate().unwrap();
        let text = secrecy::ExposeSecret::expose_secret(&generated.text);
        let mut wrong = text.to_owned();
        wrong.replace_range(position..=position, &digit);
        prop_assert_eq!(format.read(wrong.as_bytes()).is_ok(), wrong == text);
    }
}

#[actix_web::test]
async fn key_expires_exactly_at_its_expiry() {
    let keys = keys();
    let hour = Duration::from_secs(3600);
    let key = keys.create_at(NewApiKey::new("u-1").expires_after(hour), now()).await.unwrap();
    let end = now() + hour;
    assert_eq!(key.record().expires(), Some(end));
    assert!(present(&keys, key.expose(), end - Duration::from_nanos(1)).await.is_ok());
    assert_rejected(present(&keys, key.expose(), end).await, "api_key_expired");
    assert_rejected(present(&keys, &other_secret(key.expose()), end).await, "api_key_secret");
}

#[actix_web::test]
async fn keys_work_until_their_owner_removes_them() {
    let keys = keys();
    let old = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    let new = keys.create_at(NewApiKey::new("u-1"), now() + Duration::from_secs(1)).await.unwrap();
    assert!(present(&keys, old.expose(), now()).await.is_ok());
    assert!(present(&keys, new.expose(), now()).await.is_ok());
    let listed: Vec<String> = keys.list("u-1").await.unwrap().iter().map(|key| key.id().to_owned()).collect();
    assert_eq!(listed, [new.record().id(), old.record().id()], "the newest key comes first");

    assert!(!keys.remove("u-2", old.record().id()).await.unwrap(), "the key of another owner is not removed");
    assert!(present(&keys, old.expose(), now()).await.is_ok());
    assert!(keys.remove("u-1", old.record().id()).await.unwrap());
    assert!(!keys.remove("u-1", old.record().id()).await.unwrap());
    assert_rejected(present(&keys, old.expose(), now()).await, "api_key_unknown");
    assert!(present(&keys, new.expose(), now()).await.is_ok());
}

#[actix_web::test]
async fn last_use_is_recorded_once_a_minute() {
    let keys = keys();
    let key = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    let touches = || keys.store.calls().iter().filter(|call| call.starts_with("touch")).count();
    touches();
    join_all((0..50).map(|_| present(&keys, key.expose(), now()))).await;
    assert_eq!(touches(), 1, "concurrent uses record one last use");
    present(&keys, key.expose(), now() + Duration::from_secs(59)).await.unwrap();
    assert_eq!(touches(), 0);
    present(&keys, key.expose(), now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(touches(), 1);
    let recorded = keys.list("u-1").await.unwrap()[0].last_used();
    assert_eq!(recorded, Some(now() + Duration::from_secs(60)));
    present(&keys, &other_secret(key.expose()), now() + Duration::from_secs(600)).await.unwrap_err();
    assert_eq!(touches(), 0, "a wrong key does not count as a use");
}

#[actix_web::test]
async fn failed_last_use_update_rejects_nobody() {
    let keys = keys();
    let key = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    keys.store.touch_fails.store(true, Ordering::Relaxed);
    keys.store.calls();
    for _ in 0..3 {
        present(&keys, key.expose(), now()).await.unwrap();
    }
    let touches = keys.store.calls().iter().filter(|call| call.starts_with("touch")).count();
    assert_eq!(touches, 1, "a failed update is not retried by each request");
}

#[actix_web::test]
async fn store_outage_is_unavailable() {
    let keys = keys();
    let key = keys.create_at(NewApiKey::new("u-1"), now()).await.unwrap();
    keys.store.down.store(true, Ordering::Relaxed);
    let verdict = present(&keys, key.expose(), now()).await;
    assert_eq!(verdict.map(drop), Err(AuthError::Unavailable("api_key_store")));
    assert_eq!(keys.create(NewApiKey::new("u-1")).await.unwrap_err(), ApiKeyError::Unavailable);
    assert!(keys.list("u-1").await.is_err() && keys.remove("u-1", key.record().id()).await.is_err());
}

#[actix_web::test]
async fn active_keys_per_owner_are_limited() {
    let keys = ApiKeys::builder("acme", "https://issuer.example", RecordingStore::default())
        .most_per_owner(2)
        .build()
        .unwrap();
    let brief = NewApiKey::new("u-1").expires_after(Duration::from_secs(60));
    keys.create_at(brief, now()).await.unwrap();
    let made = join_all((0..8).map(|_| keys.create_at(NewApiKey::new("u-1"), now()))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert!(made.iter().flat_map(|made| made.as_ref().err()).all(|error| *error == ApiKeyError::OwnerFull));
    assert!(keys.create_at(NewApiKey::new("u-2"), now()).await.is_ok(), "other owners have their own limit");
    let later = now() + Duration::from_secs(60);
    assert!(keys.create_at(NewApiKey::new("u-1"), later).await.is_ok(), "an expired key does not count");
    assert_eq!(ApiKeys::new("a", "b", MemoryApiKeys::new()).unwrap().most_per_owner, 20);
    assert!(ApiKeys::builder("a", "b", MemoryApiKeys::new()).most_per_owner(1).build().is_err());
}

#[actix_web::test]
async fn invalid_key_data_is_rejected() {
    let keys = keys();
    let long = "x".repeat(256);
    for new in [
        NewApiKey::new(""),
        NewApiKey::new("a\nb"),
        NewApiKey::new(long.clone()),
        NewApiKey::new("u-1").name("a\u{0}"),
        NewApiKey::new("u-1").name(long),
        NewApiKey::new("u-1").roles([""]),
        NewApiKey::new("u-1").roles(vec!["r"; 65]),
        NewApiKey::new("u-1").scopes(["a b"]),
        NewApiKey::new("u-1").scopes(vec!["s"; 65]),
        NewApiKey::new("u-1").tenant(""),
        NewApiKey::new("u-1").expires_after(Duration::ZERO),
        NewApiKey::new("u-1").expires_after(Duration::MAX),
    ] {
        let shown = format!("{new:?}");
        assert!(matches!(keys.create(new).await, Err(ApiKeyError::Invalid(_))), "{shown}");
    }
    assert_eq!(keys.store.calls(), [""; 0]);
}

#[test]
fn invalid_prefix_or_issuer_is_rejected() {
    for good in ["a", "acme", "a1", "abcdefghijklmnop"] {
        assert!(KeyFormat::new(good).is_ok(), "{good}");
    }
    for bad in ["", "A", "1a", "a_b", "a-b", "\u{e9}", "abcdefghijklmnopq", " a"] {
        assert!(KeyFormat::new(bad).is_err(), "{bad}");
    }
    assert!(ApiKeys::new("acme", " ", MemoryApiKeys::new()).is_err());
}

#[actix_web::test]
async fn debug_shows_no_secret_or_digest() {
    let keys = keys();
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let text = key.expose();
    assert_eq!(text.len(), "acme_".len() + 32 + 1 + 64 + 8);
    let shown = format!("{key:?} {keys:?} {:?}", key.record());
    assert!(!shown.contains(&text[38..102]) && !shown.contains("digest") && !shown.contains("nobody"), "{shown}");
    assert_ne!(text, keys.create(NewApiKey::new("u-1")).await.unwrap().expose());
}

#[test]
fn challenge_names_the_header() {
    let mut challenges = Challenges::new();
    let context = ChallengeContext::new("a \"b\" \\ c\n", ChallengeCause::Rejected);
    keys().challenge(&context, &mut challenges);
    let challenge = challenges.iter().next().unwrap().to_string();
    assert_eq!(challenge, r#"ApiKey realm="a \"b\" \\ c", header="X-API-Key""#);
}

#[actix_web::test]
async fn full_memory_store_rejects_new_keys() {
    let store = MemoryApiKeys::bounded(2);
    let keys = ApiKeys::new("acme", "issuer", store.clone()).unwrap();
    let one = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let two = keys.create(NewApiKey::new("u-2")).await.unwrap();
    assert_eq!(keys.create(NewApiKey::new("u-3")).await.unwrap_err(), ApiKeyError::StoreFull);
    assert!(keys.list("u-3").await.unwrap().is_empty());
    let again = store.insert(one.record().clone(), 9).await;
    assert_eq!(again, Ok(InsertedApiKey::StoreFull));
    assert!(keys.remove("u-2", two.record().id()).await.unwrap());
    assert_eq!(store.insert(one.record().clone(), 9).await, Err(Unavailable), "an id can be inserted only once");
    assert!(keys.create(NewApiKey::new("u-3")).await.is_ok());
    assert_eq!(keys.list("u-1").await.unwrap().len(), 1);
}
