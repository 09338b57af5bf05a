//! CWE-636: a check that fails, panics or never ends, and so keeps the connection open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::App;
use actix_web::test::init_service;
use palisade::Roles;
use palisade::admission::Ended;
use palisade::api_key::NewApiKey;
use palisade_tests::log::Log;
use palisade_tests::{bearer, builder, call, get_request};

use crate::{SECOND, closes, closes_within, signed_in, site};

#[actix_web::test]
async fn connection_ends_when_its_store_stays_down() {
    let site = site().await;
    let key = site.keys.create(NewApiKey::new("u-1")).await.unwrap();
    closes(&site, format!("X-API-Key: {}", key.expose()), Ended::Unchecked, async || {
        // Two checks that fail are not enough.
        site.world.failures.store(2, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(site.world.failures.load(Ordering::SeqCst), 0);
        let end = Instant::now();
        site.world.failures.store(u32::MAX, Ordering::SeqCst);
        end
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_each_check_panics() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Unchecked, async || {
        // Two panics are not enough, whichever connections they hit.
        site.world.panics.store(2, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(site.world.panics.load(Ordering::SeqCst), 0);
        let end = Instant::now();
        site.world.panics.store(u32::MAX, Ordering::SeqCst);
        end
    })
    .await;
}

/// The longest time of a check is 500 ms, three of them in a row must fail, and the check before them may have begun already:
/// 4 * 500 ms, the interval of 500 ms, and 2 * 150 ms between the failures.
#[actix_web::test]
async fn connection_ends_when_each_check_hangs() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes_within(&site, token, Duration::from_millis(2900), Ended::Unchecked, async || {
        let end = Instant::now();
        site.world.delay.store(60_000, Ordering::SeqCst);
        end
    })
    .await;
}

/// A check that is slower than usual, but not too slow, is no failure.
#[actix_web::test]
async fn connection_outlives_slow_checks_and_ends_later() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes_within(&site, token, Duration::from_millis(1500), Ended::Access, async || {
        site.world.delay.store(300, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(4)).await;
        let end = Instant::now();
        site.world.off_duty.store(true, Ordering::SeqCst);
        end
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_with_its_token_while_a_check_hangs() {
    let site = site().await;
    let (token, principal) = signed_in(&site, Duration::from_secs(5)).await;
    let expires = principal.token().unwrap().expires();
    closes(&site, token, Ended::Credential, async || {
        let left = || expires.duration_since(SystemTime::now()).unwrap();
        // Each connection begins a check before the token expires, and no connection has three that failed.
        tokio::time::sleep(left().checked_sub(Duration::from_millis(650)).expect("the test is too slow")).await;
        site.world.delay.store(60_000, Ordering::SeqCst);
        Instant::now() + left()
    })
    .await;
}

/// CWE-779: each open connection would write the same event twice a second.
#[actix_web::test]
async fn checks_do_not_repeat_the_event_of_an_unknown_role() {
    let roles = Roles::builder().role("reader", |role| role).build().unwrap();
    let checks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&checks);
    let seen = actix_web::web::Data::new(std::sync::Mutex::new(None));
    let scope = || palisade::scope("").service(crate::held);
    let palisade = builder().roles(roles).routes(&scope()).principals(async move |principal, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(principal)
    });
    let palisade = palisade.build().unwrap();
    let app = init_service(App::new().app_data(seen.clone()).service(scope()).wrap(palisade)).await;
    let (log, _guard) = Log::start();
    let request = get_request("/held").insert_header(("authorization", bearer("ann", &["root"])));
    assert_eq!(call(&app, request).await.body, "held");
    let events = log.take();
    assert!(events.len() == 1 && events[0].contains("event=\"unknown_role\""), "{events:?}");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(log.take(), Vec::<String>::new());
    assert!(checks.load(Ordering::SeqCst) > 2, "nothing was checked again");
    let crate::Waiting(waiting) = seen.lock().unwrap().take().unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
}
