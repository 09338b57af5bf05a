//! Ids that an attacker chose, repeated, stole or guessed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderValue};
use palisade::resource::Unavailable;
use palisade::session::{MemorySessions, SessionRecord, SessionStore};
use palisade::testing::ManualClock;
use palisade_tests::cookie_site::NAME;
use palisade_tests::log::Log;
use palisade_tests::{call, request};
use tokio::sync::Barrier;

use super::{get, login, memory_sessions, post, sessions_in, set_cookie, site, status, with_cookie};

const RANDOM: &str = "sc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Counts the look-ups. If there is a barrier, each look-up waits for the other ones.
#[derive(Clone, Default)]
struct Counting {
    inner: MemorySessions,
    found: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
    barrier: Option<Arc<Barrier>>,
}

impl SessionStore for Counting {
    async fn insert(&self, session: SessionRecord) -> Result<(), Unavailable> {
        self.inner.insert(session).await
    }
    async fn find(&self, id: &str) -> Result<Option<SessionRecord>, Unavailable> {
        self.found.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.find(id).await;
        if let Some(barrier) = &self.barrier {
            barrier.wait().await;
        }
        found
    }
    async fn replace(&self, digest: &[u8; 32], next: SessionRecord) -> Result<bool, Unavailable> {
        self.written.fetch_add(1, Ordering::SeqCst);
        self.inner.replace(digest, next).await
    }
    async fn list(&self, subject: &str) -> Result<Vec<SessionRecord>, Unavailable> {
        self.inner.list(subject).await
    }
    async fn remove(&self, id: &str) -> Result<(), Unavailable> {
        self.inner.remove(id).await
    }
    async fn remove_all(&self, subject: &str) -> Result<(), Unavailable> {
        self.inner.remove_all(subject).await
    }
}

#[actix_web::test]
async fn login_keeps_no_given_id() {
    let sessions = memory_sessions(&ManualClock::new());
    let app = site!(&sessions);
    let planted = login(&app, "eve").await;
    for given in [&*planted, RANDOM, "x", ""] {
        let response = call(&app, post("/login/ada", given)).await;
        let own = set_cookie(&response).unwrap();
        assert!(own != given && own.len() == RANDOM.len(), "{own}");
        assert_ne!(own[..25], *given.get(..25).unwrap_or_default(), "no part of the id is kept");
        assert!(call(&app, get("/me", &own)).await.body.starts_with("ada "));
        assert_eq!(status(&app, get("/me", given)).await, 401, "{given}");
    }
    // The same user logs in again: the session of before ends (ASVS V7.2.4).
    let first = login(&app, "bob").await;
    let second = set_cookie(&call(&app, post("/login/bob", &first)).await).unwrap();
    assert_eq!((status(&app, get("/me", &first)).await, status(&app, get("/me", &second)).await), (401, 200));
}

#[actix_web::test]
async fn two_cookies_of_the_name_are_rejected() {
    let clock = ManualClock::new();
    let store = Counting::default();
    let app = site!(&sessions_in(store.clone(), &clock));
    let own = login(&app, "ada").await;
    let tossed = login(&app, "eve").await;
    let (log, _guard) = Log::start();
    let before = store.found.load(Ordering::SeqCst);
    for header in [
        format!("{NAME}={own}; {NAME}={tossed}"),
        format!("{NAME}={tossed}; a=b; {NAME}={own}"),
        format!("{NAME}={own}; {NAME}={own}"),
        format!("{NAME}={own};{NAME}="),
        format!("{NAME}=; {NAME}={own}"),
    ] {
        for path in ["/me", "/perhaps"] {
            let request = request(Method::GET, path).insert_header(("cookie", header.clone()));
            assert_eq!(status(&app, request).await, 401, "{header}");
            log.assert_one(&["session_repeated"]);
        }
    }
    let two_lines = with_cookie(get("/me", &own), &tossed);
    assert_eq!(status(&app, two_lines).await, 401);
    log.assert_one(&["session_repeated"]);
    assert_eq!(store.found.load(Ordering::SeqCst), before, "the store is not asked");
    // Cookies of similar names are other ones.
    let similar = request(Method::GET, "/me").insert_header((
        "cookie",
        format!("session={tossed}; __host-session={tossed}; x{NAME}={tossed}; {NAME}2={tossed}; {NAME}={own}; =; a"),
    ));
    assert!(call(&app, similar).await.body.starts_with("ada "));
}

#[actix_web::test]
async fn malformed_id_does_not_reach_the_store() {
    let store = Counting::default();
    let app = site!(&sessions_in(store.clone(), &ManualClock::new()));
    let own = login(&app, "ada").await;
    let (log, _guard) = Log::start();
    for bad in [
        String::new(),
        "x".to_owned(),
        own[3..].to_owned(),
        own[..own.len() - 1].to_owned(),
        format!("{own}A"),
        format!("{own}="),
        own.replacen("sc_", "rt_", 1),
        own.to_uppercase(),
        format!("sc_{}", "+".repeat(64)),
        format!("sc_{}", "é".repeat(32)),
        "A".repeat(3_000),
    ] {
        let response = call(&app, get("/me", &bad)).await;
        assert_eq!((response.status.as_u16(), set_cookie(&response)), (401, None), "{bad}");
        if bad.is_ascii() {
            log.assert_one(&["session_malformed"]);
        }
        log.take();
        assert_eq!(status(&app, get("/public", &bad)).await, 200, "a public page reads no cookie");
    }
    assert_eq!(store.found.load(Ordering::SeqCst), 0);
    for good in [own.clone(), format!("\"{own}\"")] {
        assert_eq!(status(&app, get("/me", &good)).await, 200, "RFC 6265 §4.1.1 allows quotes");
    }
}

#[actix_web::test]
async fn ten_thousand_guesses_leave_nothing_behind() {
    let store = Counting::default();
    let app = site!(&sessions_in(store.clone(), &ManualClock::new()));
    let own = login(&app, "ada").await;
    let empty = format!("{:?}", store.inner).len();
    for guess in 0..10_000_u32 {
        let text = format!("sc_{:064}", u64::from(guess).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        assert_eq!(status(&app, get("/me", &text)).await, 401);
    }
    assert_eq!(format!("{:?}", store.inner).len(), empty, "the store has not grown");
    assert_eq!((store.found.load(Ordering::SeqCst), store.written.load(Ordering::SeqCst)), (10_000, 0));
    assert_eq!(status(&app, get("/me", &own)).await, 200);
}

#[actix_web::test]
async fn id_is_dead_after_its_rotation() {
    let sessions = memory_sessions(&ManualClock::new());
    let app = site!(&sessions);
    let old = login(&app, "ada").await;
    assert_eq!(status(&app, get("/admin", &old)).await, 403);
    let elevated = call(&app, post("/elevate", &old)).await;
    let new = set_cookie(&elevated).unwrap();
    assert_eq!(status(&app, get("/admin", &new)).await, 200);
    let (log, _guard) = Log::start();
    let stale = call(&app, get("/me", &old).insert_header(("sec-fetch-mode", "navigate"))).await;
    assert_eq!((stale.status.as_u16(), set_cookie(&stale)), (401, None), "the browser has the next one already");
    log.assert_one(&["session_replaced"]);
    assert_eq!(status(&app, post("/elevate", &old)).await, 401);
    assert_eq!(status(&app, get("/admin", &new)).await, 200, "a thief with the old id does not end the session");
    assert_eq!(call(&app, get("/sessions", &new)).await.body.lines().count(), 1, "it is the same session");
}

/// Both requests have found the session before one of them changes it.
#[actix_web::test]
async fn of_two_rotations_at_once_one_wins() {
    for _ in 0..20 {
        let mut store = Counting::default();
        let setup = site!(&sessions_in(store.clone(), &ManualClock::new()));
        let old = login(&setup, "ada").await;
        store.barrier = Some(Arc::new(Barrier::new(2)));
        let app = site!(&sessions_in(store.clone(), &ManualClock::new()));
        let (one, two) =
            futures_util::future::join(call(&app, post("/elevate", &old)), call(&app, post("/elevate", &old))).await;
        let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!((won.status.as_u16(), lost.status.as_u16()), (200, 401));
        assert_eq!(set_cookie(&lost), None, "it must not remove the cookie of the other response");
        let new = set_cookie(&won).unwrap();
        assert_eq!((status(&setup, get("/admin", &new)).await, status(&setup, get("/me", &old)).await), (200, 401));
    }
}

#[actix_web::test]
async fn no_id_is_logged_or_shown() {
    let clock = ManualClock::new();
    let sessions = memory_sessions(&clock);
    let app = site!(&sessions);
    let (log, _guard) = Log::start();
    let first = login(&app, "ada").await;
    let second = set_cookie(&call(&app, post("/elevate", &first)).await).unwrap();
    for path in ["/me", "/admin", "/sessions"] {
        status(&app, get(path, &first)).await;
        status(&app, get(path, &second)).await;
    }
    status(&app, with_cookie(get("/me", &first), &second)).await;
    status(&app, post("/logout", &second)).await;
    status(&app, get("/me", &second)).await;
    let shown = format!("{} {sessions:?} {:?}", log.take_all(), palisade::session::CookieSessions::clone(&sessions));
    assert!(shown.contains("session_unknown"), "{shown}");
    for cookie in [first, second] {
        for part in [&cookie[3..23], &cookie[25..45], &cookie[47..]] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

/// Another host of the domain may set a cookie for all of them, and so may a script of the page. Browsers send all cookies in one line.
#[actix_web::test]
async fn cookie_that_is_no_ascii_hides_no_session() {
    let sessions = memory_sessions(&ManualClock::new());
    let app = site!(&sessions);
    let cookie = login(&app, "ada").await;
    for line in [
        format!("name=Zo\u{eb}; {NAME}={cookie}").into_bytes(),
        format!("{NAME}={cookie}; a=\u{1f642}").into_bytes(),
        [b"a=\xff; ", format!("{NAME}={cookie}").as_bytes()].concat(),
        // A browser takes the second name for one without the prefix `__Host-`, so another host can set it. It is not ours either.
        format!("{NAME}={cookie}; \u{2000}{NAME}=x").into_bytes(),
        format!("{NAME}={cookie}; \u{85}{NAME}=x").into_bytes(),
    ] {
        let value = HeaderValue::from_bytes(&line).unwrap();
        assert_eq!(status(&app, request(Method::GET, "/me").insert_header((COOKIE, value))).await, 200, "{line:?}");
    }
    for name in [format!("\u{2000}{NAME}"), format!("\u{a0}{NAME}"), format!("{NAME}\u{2000}")] {
        let value = HeaderValue::from_bytes(format!("{name}={cookie}").as_bytes()).unwrap();
        let request = request(Method::GET, "/me").insert_header((COOKIE, value));
        assert_eq!(status(&app, request).await, 401, "{name:?}");
    }
}
