//! What goes wrong for one client or one token, and what it costs the others: nothing.

use std::time::Duration;

use futures_util::future::join_all;
use palisade::authn::AuthError;
use palisade_tests::liar::Scripted;
use palisade_tests::log::Log;
use palisade_tests::{call, from};
use serde_json::json;

use crate::{PATH, Setting, app, get_me, request};

/// A client that hangs up is charged for the call that it caused.
#[actix_web::test]
async fn random_tokens_of_a_client_that_hangs_up_cause_few_calls() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    assert_eq!(call(&app, request("good")).await.status, 200);
    setting.liar.answer(PATH, Scripted::json(200, &json!({"active": false})).after(Duration::from_millis(20)));
    for number in 0..200 {
        let waits = Duration::from_millis(1);
        drop(tokio::time::timeout(waits, call(&app, request(format!("random-{number}")))).await);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let calls = setting.calls() - 1;
    assert!((1..=20 + 32).contains(&calls), "{calls}");
    get_me!(app, "one-more").assert_problem(503);
    setting.says(&setting.good());
    assert_eq!(call(&app, from("198.51.100.1", request("of-another-address"))).await.status, 200);
}

/// A page sends many requests at once with a token that has just ended.
#[actix_web::test]
async fn requests_that_cause_one_call_are_charged_once() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    setting.liar.answer(PATH, Scripted::json(200, &json!({"active": false})).after(Duration::from_millis(50)));
    let responses = join_all((0..25).map(|_| call(&app, request("ended")))).await;
    assert!(responses.iter().all(|response| response.status == 401));
    assert_eq!(setting.calls(), 1);
    setting.says(&setting.good());
    assert_eq!(get_me!(app, "renewed").status, 200);
}

/// A text that makes the provider, or something before it, answer in an odd way.
#[actix_web::test]
async fn odd_answer_to_one_token_is_an_outage_for_this_token_only() {
    let odd = [
        Scripted::text(413, ""),
        Scripted::text(403, "<html>blocked"),
        Scripted::text(400, ""),
        Scripted::json(400, &json!({"error": "invalid_request"})),
        Scripted::json(400, &json!({"error": "invalid_token"})),
        Scripted::redirect("http://127.0.0.1:1/"),
        Scripted::text(200, "<html>"),
        Scripted::json(200, &json!({"active": "true"})),
        Scripted::long(1024 * 1024),
    ];
    for odd in odd {
        let setting = Setting::new();
        let app = app!(setting.palisade());
        let (good, answer) = (setting.good(), odd.clone());
        setting.liar.script(PATH, move |asked| {
            if asked.field("token").starts_with("marker") { answer.clone() } else { Scripted::json(200, &good) }
        });
        let (log, _guard) = Log::start();
        let response = get_me!(app, "marker");
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty(), "{odd:?}");
        log.assert_one(&["reason=\"introspection_answer\""]);
        get_me!(app, "marker").assert_problem(503);
        assert_eq!(setting.calls(), 1, "it is remembered: {odd:?}");
        assert_eq!(get_me!(app, "opaque").status, 200, "others go on: {odd:?}");
        for number in 0..30 {
            get_me!(app, format!("marker-{number}")).assert_problem(503);
        }
        assert_eq!(setting.calls(), 2 + 19, "the address is charged: {odd:?}");
        let (log, _guard) = Log::start();
        get_me!(app, "unknown").assert_problem(503);
        log.assert_one(&["reason=\"introspection_budget\""]);
        assert_eq!(call(&app, from("198.51.100.1", request("of-another-address"))).await.status, 200, "{odd:?}");
    }
}

/// A text that makes the provider fail, and that an attacker sends whenever the provider may be asked again. Those who did not cause the
/// failures go on after a second, and the attacker is asked about less and less.
#[actix_web::test]
async fn text_that_breaks_the_provider_does_not_lock_out_other_addresses() {
    for breaks in [Scripted::text(500, ""), Scripted::text(503, ""), Scripted::cut_off()] {
        let setting = Setting::new();
        let app = app!(setting.palisade());
        let (good, answer) = (setting.good(), breaks.clone());
        setting.liar.script(PATH, move |asked| {
            if asked.field("token").starts_with("evil") { answer.clone() } else { Scripted::json(200, &good) }
        });
        let mut accepted = 0;
        for second in 0..120 {
            setting.later(1);
            call(&app, from("203.0.113.66", request(format!("evil-{second}")))).await.assert_problem(503);
            let response = call(&app, from("198.51.100.1", request(format!("honest-{second}")))).await;
            accepted += usize::from(response.status == 200);
        }
        assert!(accepted >= 110, "{breaks:?}: {accepted} of 120");
        assert!(setting.calls() - accepted <= 10, "{breaks:?}: {} calls, {accepted} of them honest", setting.calls());
        // A minute after its last failure nothing is held against the address.
        setting.later(60);
        assert_eq!(call(&app, from("203.0.113.66", request("good"))).await.status, 200);
    }
}

/// A real outage: whoever asks, the provider is asked once a second at most, and each address less and less.
#[actix_web::test]
async fn outage_for_everybody_causes_one_call_a_second_at_most() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    setting.liar.answer(PATH, Scripted::text(503, ""));
    for second in 0..60 {
        for client in 0..10 {
            let asked = request(format!("{second}-{client}"));
            call(&app, from(&format!("198.51.100.{client}"), asked)).await.assert_problem(503);
        }
        setting.later(1);
    }
    assert!((1..=60).contains(&setting.calls()), "{}", setting.calls());
    setting.says(&setting.good());
    setting.later(30);
    for client in 0..10 {
        let asked = request(format!("later-{client}"));
        assert_eq!(call(&app, from(&format!("198.51.100.{client}"), asked)).await.status, 200, "{client}");
    }
}

/// The answer after the pause of an outage is an odd one: the provider is there again.
#[actix_web::test]
async fn odd_answer_ends_an_outage_of_the_provider() {
    let setting = Setting::new();
    let tokens = setting.tokens();
    tokens.verify("known").await.unwrap();
    setting.liar.go_down();
    assert_eq!(tokens.verify("one").await.unwrap_err(), AuthError::Unavailable("introspection_unavailable"));
    setting.liar.come_back();
    setting.later(1);
    setting.liar.answer(PATH, Scripted::text(413, ""));
    assert_eq!(tokens.verify("marker").await.unwrap_err(), AuthError::Unavailable("introspection_answer"));
    setting.says(&setting.good());
    assert!(tokens.verify("two").await.is_ok());
}

/// The calls that are under way when the provider fails are one failure.
#[actix_web::test]
async fn hiccup_with_many_calls_under_way_is_a_short_outage() {
    let setting = Setting::new();
    let tokens = setting.tokens();
    tokens.verify("known").await.unwrap();
    setting.liar.answer(PATH, Scripted::cut_off().after(Duration::from_millis(50)));
    let names: Vec<String> = (0..32).map(|number| number.to_string()).collect();
    let verdicts = join_all(names.iter().map(|name| tokens.verify(name))).await;
    let unavailable =
        |verdict: &Result<_, _>| matches!(verdict, Err(AuthError::Unavailable("introspection_unavailable")));
    assert!(verdicts.iter().all(unavailable));
    assert_eq!(setting.calls(), 33);
    setting.says(&setting.good());
    assert!(tokens.verify("early").await.is_err());
    setting.later(1);
    assert!(tokens.verify("later").await.is_ok());
}

const ATTACKER: &str = "203.0.113.66";

/// Texts of one address that make the provider hang. The others need not wait until that has ended.
#[actix_web::test]
async fn texts_that_make_the_provider_hang_do_not_lock_out_other_addresses() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    assert_eq!(call(&app, request("known")).await.status, 200);
    let good = setting.good();
    setting.liar.script(PATH, move |asked| {
        let answer = Scripted::json(200, &good);
        if asked.field("token").starts_with("evil") { answer.after(Duration::from_secs(5)) } else { answer }
    });
    let evil = join_all((0..64).map(|number| call(&app, from(ATTACKER, request(format!("evil-{number}"))))));
    let honest = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        call(&app, from("198.51.100.1", request("honest"))).await.status
    };
    let (evil, honest) = futures_util::future::join(evil, honest).await;
    assert_eq!(honest, 200);
    evil.iter().for_each(|response| response.assert_problem(503));
    let calls = setting.calls() - 2;
    assert!((1..=8).contains(&calls), "a quarter of the calls: {calls}");
}

/// More random tokens of one address at once than may wait for their turn.
#[actix_web::test]
async fn queue_of_one_address_does_not_fill_that_of_the_others() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_millis(50)));
    let flood = join_all((0..1_100).map(|number| call(&app, from(ATTACKER, request(format!("random-{number}"))))));
    let honest = call(&app, from("198.51.100.1", request("honest")));
    let (flood, honest) = futures_util::future::join(flood, honest).await;
    assert_eq!(honest.status, 200);
    assert!(flood.iter().any(|response| response.status == 200) && flood.iter().any(|response| response.status == 503));
}

/// The call fails by its time limit, which is longer than the pause.
#[actix_web::test]
async fn pause_begins_when_the_call_has_failed() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    assert_eq!(call(&app, request("known")).await.status, 200);
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_secs(5)));
    let fails = call(&app, from(ATTACKER, request("evil")));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        setting.later(5);
    };
    let (failed, ()) = futures_util::future::join(fails, meanwhile).await;
    failed.assert_problem(503);
    setting.says(&setting.good());
    call(&app, from("198.51.100.1", request("early"))).await.assert_problem(503);
    assert_eq!(setting.calls(), 2);
    setting.later(1);
    assert_eq!(call(&app, from("198.51.100.1", request("later"))).await.status, 200);
}

/// CWE-400: the calls under way and in the queue are bounded for all addresses together. Who comes then does not wait.
#[actix_web::test]
async fn queue_of_all_addresses_is_bounded() {
    let setting = Setting::new();
    let app = app!(setting.palisade());
    setting.liar.answer(PATH, Scripted::json(200, &setting.good()).after(Duration::from_secs(5)));
    let flood = join_all((0..1_024).map(|number| {
        let address = format!("198.51.100.{}", number / 128);
        call(&app, from(&address, request(format!("random-{number}"))))
    }));
    let late = async {
        let begin = std::time::Instant::now();
        let response = call(&app, from("203.0.113.99", request("late"))).await;
        (response.status.as_u16(), begin.elapsed())
    };
    let (_, (status, waited)) = futures_util::future::join(flood, late).await;
    assert_eq!(status, 503);
    assert!(waited < Duration::from_millis(400), "{waited:?}");
}
