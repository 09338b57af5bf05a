//! Floods: one call for one token, and a bounded number of calls for any number of tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use palisade::authn::AuthError;
use palisade_tests::liar::Scripted;
use palisade_tests::{call, from, nth};
use serde_json::json;

use crate::{PATH, Setting, app, request};

#[actix_web::test]
async fn thousand_requests_with_one_token_cause_one_call() {
    let setting = Setting::new();
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_millis(100)));
    let tokens = setting.tokens();
    let verdicts = join_all((0..1_000).map(|_| tokens.verify("opaque"))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(setting.calls(), 1);
}

/// The client that asked first hangs up.
#[actix_web::test]
async fn call_goes_on_without_the_client_that_caused_it() {
    let setting = Setting::new();
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_millis(100)));
    let tokens = setting.tokens();
    let gone = tokio::time::timeout(Duration::from_millis(20), tokens.verify("opaque")).await;
    assert!(gone.is_err());
    assert!(tokens.verify("opaque").await.is_ok());
    assert_eq!(setting.calls(), 1);
}

/// Ten thousand random tokens of one address: at most twenty calls in ten seconds, and those under way when the twentieth was rejected.
#[actix_web::test]
async fn random_tokens_of_one_address_cause_few_calls() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    assert_eq!(call(&app, request("good")).await.status, 200);
    setting.says(&json!({"active": false}));
    let mut statuses = [0; 2];
    for round in 0..100 {
        let tokens = (0..100).map(|number| call(&app, request(format!("random-{round}-{number}"))));
        for response in join_all(tokens).await {
            match response.status.as_u16() {
                401 => statuses[0] += 1,
                503 => statuses[1] += 1,
                other => panic!("{other}"),
            }
        }
    }
    let calls = setting.calls() - 1;
    assert!((20..=20 + 32).contains(&calls), "{calls}");
    assert_eq!((statuses[0], statuses[0] + statuses[1]), (calls, 10_000));
    assert_eq!(call(&app, request("good")).await.status, 200, "a known token goes on");
    let other = from("198.51.100.1", request("of another address"));
    assert_eq!(call(&app, other).await.status, 401, "another address is asked about");
    setting.later(10);
    assert_eq!(call(&app, request("once more")).await.status, 401, "the address too, after ten seconds");
}

/// Random tokens of five hundred addresses: a bounded number of calls at once.
#[actix_web::test]
async fn random_tokens_of_many_addresses_cause_few_calls_at_once() {
    let setting = Setting::new();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    setting.liar.script(PATH, move |_| {
        highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(10));
        counted.fetch_sub(1, Ordering::SeqCst);
        Scripted::json(200, &json!({"active": false}))
    });
    let app = app!(setting.palisade());
    let requests =
        (0..500).flat_map(|address| (0..4).map(move |number| (nth(10, address), format!("random-{address}-{number}"))));
    let responses = requests.map(|(address, token)| call(&app, from(&address, request(token))));
    for response in join_all(responses).await {
        assert!([401, 503].contains(&response.status.as_u16()), "{response:?}");
    }
    let most = most.load(Ordering::SeqCst);
    assert!((2..=32).contains(&most), "{most}");
    assert_eq!(now.load(Ordering::SeqCst), 0);
}

/// What is rejected displaces nothing that is accepted.
#[actix_web::test]
async fn random_tokens_displace_no_good_ones() {
    let setting = Setting::new();
    let tokens = setting.builder().cache(100, Duration::from_secs(300)).build().unwrap();
    for number in 0..20 {
        tokens.verify(&format!("good-{number}")).await.unwrap();
    }
    setting.says(&json!({"active": false}));
    for number in 0..1_000 {
        assert!(tokens.verify(&format!("random-{number}")).await.is_err());
    }
    let calls = setting.calls();
    for number in 0..20 {
        assert!(tokens.verify(&format!("good-{number}")).await.is_ok(), "{number}");
    }
    assert_eq!(setting.calls(), calls);
}

#[actix_web::test]
async fn calls_wait_for_their_turn_for_a_second_at_most() {
    let setting = Setting::new();
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_millis(400)));
    let tokens = setting.builder().at_once(1).build().unwrap();
    let names: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    let verdicts = join_all(names.iter().map(|name| tokens.verify(name))).await;
    let accepted = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    assert!((2..=3).contains(&accepted), "{verdicts:?}");
    let busy = verdicts.iter().filter(|verdict| matches!(verdict, Err(AuthError::Unavailable("introspection_busy"))));
    assert_eq!(busy.count(), 6 - accepted);
}
