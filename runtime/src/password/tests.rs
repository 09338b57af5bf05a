//! Tests of password hashing.

use std::time::Instant;

use futures_util::future::join_all;

use super::*;

fn passwords() -> Passwords {
    Passwords::new().unwrap()
}

const WRONG: Result<PasswordMatch, PasswordError> = Ok(PasswordMatch::Wrong);
const RIGHT: Result<PasswordMatch, PasswordError> = Ok(PasswordMatch::Right { rehash: None });

/// `correct horse`, hashed with these parameters.
fn hash_of(algorithm: argon2::Algorithm, version: argon2::Version, memory: u32, passes: u32) -> String {
    use argon2::password_hash::PasswordHasher as _;
    let params = argon2::Params::new(memory, passes, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(algorithm, version, params);
    argon2.hash_password_with_salt(b"correct horse", b"0123456789abcdef").unwrap().to_string()
}

#[actix_web::test]
async fn hashes_are_argon2id_with_the_parameters_of_owasp() {
    let passwords = passwords();
    let stored = passwords.hash("correct horse").await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert_ne!(stored, passwords.hash("correct horse").await.unwrap(), "each hash has its own salt");
    assert_eq!(passwords.verify("correct horse", Some(&stored)).await, RIGHT);
    assert_eq!(passwords.verify("correct horsf", Some(&stored)).await, WRONG);
    assert_eq!(passwords.verify("", Some(&stored)).await, WRONG);
}

#[actix_web::test]
async fn unknown_account_costs_the_same_verification() {
    let passwords = Passwords::builder().memory_kib(32_768).passes(3).build().unwrap();
    assert_eq!(passwords.verify("correct horse", None).await, WRONG);
    assert!(
        passwords.dummy_hash.starts_with("$argon2id$v=19$m=32768,t=3,p=1$"),
        "the dummy must have the configured cost: {}",
        passwords.dummy_hash
    );
    assert_ne!(passwords.dummy_hash, self::passwords().dummy_hash);
    // The dummy hash is really computed: without a permit, there is no result for any account.
    let full = Passwords::builder().queue_timeout(Duration::ZERO).build().unwrap();
    let _all = full.concurrency.take_all().await;
    assert_eq!(full.verify("correct horse", None).await, Err(PasswordError::Busy));
    let stored = hash_of(argon2::Algorithm::Argon2id, argon2::Version::V0x13, 64, 1);
    assert_eq!(full.verify("correct horse", Some(&stored)).await, Err(PasswordError::Busy));
}

#[actix_web::test]
async fn dummy_hash_never_matches() {
    let passwords = passwords();
    let mut lucky = passwords.clone();
    lucky.dummy_hash = passwords.hash("correct horse").await.unwrap().into();
    assert_eq!(lucky.verify("correct horse", None).await, WRONG, "even its own password must not match");
}

#[actix_web::test]
async fn passwords_over_512_bytes_are_rejected() {
    let passwords = passwords();
    let longest = "x".repeat(511);
    let stored = passwords.hash(&format!("{longest}a")).await.unwrap();
    assert!(passwords.verify(&format!("{longest}a"), Some(&stored)).await.unwrap().is_right());
    assert_eq!(passwords.verify(&format!("{longest}b"), Some(&stored)).await, WRONG);
    let longer = format!("{longest}ab");
    assert_eq!(passwords.hash(&longer).await, Err(PasswordError::TooLong));

    // No hash is computed for any account: otherwise the result would be `Busy`.
    let full = Passwords::builder().queue_timeout(Duration::ZERO).build().unwrap();
    let _all = full.concurrency.take_all().await;
    assert_eq!(full.verify(&longer, Some(&stored)).await, WRONG);
    assert_eq!(full.verify(&longer, None).await, WRONG);
    assert_eq!(full.verify(&longer, Some("no hash")).await, WRONG);
}

#[actix_web::test]
async fn right_password_with_old_parameters_is_rehashed() {
    let passwords = passwords();
    let strong = Passwords::builder().passes(3).build().unwrap();
    let old = hash_of(argon2::Algorithm::Argon2id, argon2::Version::V0x13, 64, 1);
    let argon2i = hash_of(argon2::Algorithm::Argon2i, argon2::Version::V0x13, 19_456, 2);
    let version = hash_of(argon2::Algorithm::Argon2id, argon2::Version::V0x10, 19_456, 2);
    let today = passwords.hash("correct horse").await.unwrap();
    for (stored, with) in [(&old, &passwords), (&argon2i, &passwords), (&version, &passwords), (&today, &strong)] {
        assert_eq!(with.verify("correct horsf", Some(stored)).await, WRONG);
        let Ok(PasswordMatch::Right { rehash: Some(better) }) = with.verify("correct horse", Some(stored)).await else {
            panic!("{stored} must be rehashed");
        };
        assert_eq!(with.verify("correct horse", Some(&better)).await, RIGHT);
    }
}

#[actix_web::test]
async fn too_costly_stored_hash_is_not_computed() {
    let passwords = passwords();
    let tail = "MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
    let started = Instant::now();
    for stored in [
        format!("$argon2id$v=19$m=1048577,t=1,p=1${tail}"),
        format!("$argon2id$v=19$m=4294967295,t=4294967295,p=1${tail}"),
        format!("$argon2id$v=19$m=19456,t=65,p=1${tail}"),
        format!("$argon2id$v=19$m=19456,t=2,p=65${tail}"),
        format!("$argon2id$v=19$m=1048576,t=5,p=1${tail}"),
        format!("$argon2id$v=19$m=99999999999,t=2,p=1${tail}"),
        format!("$scrypt$ln=15,r=8,p=1${tail}"),
        "$argon2id$v=19$m=19456,t=2,p=1".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg".to_owned(),
        "correct horse".to_owned(),
        String::new(),
    ] {
        let verdict = passwords.verify("correct horse", Some(&stored)).await;
        assert_eq!(verdict, Err(PasswordError::Unreadable), "{stored}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[actix_web::test]
async fn password_over_the_concurrency_limit_is_busy() {
    let passwords = Passwords::builder().concurrency_limit(1).queue_timeout(Duration::ZERO).build().unwrap();
    let tries = join_all((0..8).map(|_| passwords.verify("correct horse", None))).await;
    assert_eq!(tries.iter().filter(|try_| **try_ == WRONG).count(), 1);
    assert_eq!(tries.iter().filter(|try_| **try_ == Err(PasswordError::Busy)).count(), 7);
    assert_eq!(passwords.clone().hash("correct horse").await.err(), None, "the permit is free again");
}

#[actix_web::test]
async fn client_disconnect_frees_no_permit() {
    let limit = ConcurrencyLimit::new(1, Duration::ZERO);
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let disconnected = tokio::time::timeout(Duration::from_millis(1), limit.run(move || ended.recv().is_ok())).await;
    assert!(disconnected.is_err());
    assert_eq!(limit.run(|| ()).await, Err(PasswordError::Busy));
    end.send(()).unwrap();
    assert_eq!(limit.with_queue_timeout(Duration::from_secs(10)).run(|| ()).await, Ok(()));
}

#[actix_web::test]
async fn hashing_does_not_block_request_threads() {
    let passwords = passwords();
    let here = std::thread::current().id();
    let there = passwords.concurrency.run(|| std::thread::current().id()).await.unwrap();
    assert_ne!(here, there);
}

#[test]
fn settings_out_of_bounds_are_rejected() {
    let settings = Passwords::builder;
    for rejected in [
        settings().memory_kib(19_455),
        settings().memory_kib(1_048_577),
        settings().passes(1),
        settings().passes(65),
        settings().lanes(0),
        settings().lanes(65),
        settings().concurrency_limit(0),
        settings().concurrency_limit(1_025),
        settings().memory_kib(1_048_576).passes(5), // Memory times passes is too much.
    ] {
        assert!(rejected.clone().build().is_err(), "{rejected:?}");
    }
    assert!(settings().memory_kib(65_536).passes(3).lanes(4).build().is_ok());
}

#[actix_web::test]
async fn debug_shows_no_hash() {
    let passwords = passwords();
    let stored = passwords.hash("correct horse").await.unwrap();
    let renewed = PasswordMatch::Right { rehash: Some(stored) };
    assert!(!format!("{passwords:?} {renewed:?}").contains("$argon2"), "{passwords:?} {renewed:?}");
}
