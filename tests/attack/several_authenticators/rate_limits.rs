//! Rate limits that an unverified caller fills or escapes (CWE-307, CWE-770).

use palisade::{authenticated, get, rate_limit};
use palisade_tests::tokens::valid_claims;
use palisade_tests::{AUDIENCE, ISSUER, call, get_request};
use serde_json::json;

use crate::{Badge, Issuer, app, builder, issuers, presenting};

#[get("/mine")]
#[authenticated]
#[rate_limit(3, "1h", by = principal)]
pub async fn mine() -> &'static str {
    "mine"
}

#[get("/from-here")]
#[authenticated]
#[rate_limit(3, "1h")]
pub async fn from_here() -> &'static str {
    "from here"
}

/// Two subjects with the same name from two issuers are two callers.
#[actix_web::test]
async fn subjects_of_two_issuers_share_no_limit() {
    let (first, second) = issuers();
    let app = app!(builder().authenticator(first.jwt()).authenticator(second.jwt()));
    for expected in [200, 200, 200, 429] {
        for issuer in [&first, &second] {
            assert_eq!(call(&app, presenting("/mine", issuer.token("alice"))).await.status, expected);
        }
    }
}

#[actix_web::test]
async fn unverified_tokens_do_not_fill_the_victims_limit() {
    let (own, stranger) = issuers();
    let app = app!(builder().authenticator(own.jwt()).authenticator(Badge));
    let forger = Issuer::new(ISSUER, AUDIENCE);
    let mut expired = own.claims("victim");
    expired["exp"] = json!(1);
    let unsigned = own.token("victim").rsplit_once('.').unwrap().0.to_owned();
    for _ in 0..10 {
        for token in [
            forger.token("victim"),
            stranger.token("victim"),
            own.signer.token(Issuer::KEY, &expired),
            format!("{unsigned}."),
            forger.signer.token("k2", &valid_claims()),
        ] {
            call(&app, presenting("/mine", token)).await.assert_problem(401);
        }
        call(&app, get_request("/mine").insert_header(("x-badge", "bad victim"))).await.assert_problem(401);
        let beside = presenting("/mine", own.token("mallory")).insert_header(("x-badge", "good victim"));
        call(&app, beside).await.assert_problem(400);
    }
    for expected in [200, 200, 200, 429] {
        assert_eq!(call(&app, presenting("/mine", own.token("victim"))).await.status, expected);
    }
    assert_eq!(
        call(&app, presenting("/mine", own.token("mallory"))).await.status,
        200,
        "the attacker's own limit must be unaffected too"
    );
}

#[actix_web::test]
async fn rotating_credentials_give_no_fresh_limit() {
    let (own, _) = issuers();
    let app = app!(builder().authenticator(own.jwt()).authenticator(Badge));
    for n in 0..3 {
        call(&app, presenting("/from-here", format!("garbage.{n}.x"))).await.assert_problem(401);
    }
    let forger = Issuer::new(ISSUER, AUDIENCE);
    for n in 0..20 {
        for request in [
            presenting("/from-here", format!("garbage{n}")),
            presenting("/from-here", forger.token(&format!("u-{n}"))),
            presenting("/from-here", own.token(&format!("u-{n}"))),
            get_request("/from-here").insert_header(("authorization", format!("Basic {n}"))),
            get_request("/from-here").insert_header(("x-badge", format!("good u-{n}"))),
            get_request("/from-here").insert_header(("x-badge", format!("bad{n}"))),
            get_request("/from-here"),
        ] {
            call(&app, request).await.assert_problem(429);
        }
    }
    let elsewhere = presenting("/from-here", own.token("u-1")).peer_addr("198.51.100.9:1".parse().unwrap());
    assert_eq!(call(&app, elsewhere).await.status, 200);
}
