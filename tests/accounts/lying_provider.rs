//! CWE-400, CWE-613: a provider that is slow, down or answers garbage while people sign in, and one that ends many sessions at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use palisade_tests::liar::{Liar, Scripted};
use palisade_tests::sign_in_browser::Asked;
use palisade_tests::tokens::{Signer, now};
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use super::support::{Client, Server, TestResponse, free_port};

const EMAIL: &str = "ada@example.com";

/// The server, and the provider of its people.
struct Site {
    liar: Liar,
    key: Signer,
    server: Server,
}

impl Site {
    fn start() -> Self {
        let key = Signer::generate(Algorithm::ES256);
        let liar = Liar::provider(&[key.jwk("k")]);
        let server = Server::start(&[
            ("ACCOUNTS_OIDC_ISSUER", liar.origin()),
            ("ACCOUNTS_OIDC_CLIENT_ID", "accounts"),
            ("ACCOUNTS_OIDC_CLIENT_SECRET", "the secret of accounts, long enough"),
            ("ACCOUNTS_OIDC_CALLBACK", "https://localhost/sign-in/callback"),
        ]);
        Self { liar, key, server }
    }

    async fn get(&self, path: &str, cookie: &str) -> TestResponse {
        let request = Client::new(&self.server).request(Method::GET, path).header("accept", "text/html");
        TestResponse::to(request.header(COOKIE, cookie)).await
    }

    /// A sign-in whose ID token has these claims besides those that it must have. Returns the answer of the callback.
    async fn sign_in(&self, profile: &Value) -> TestResponse {
        let begun = self.get("/sign-in", "").await;
        assert_eq!(begun.status, 303, "{begun:#?}");
        let (asked, cookie) = asked_by(&begun);
        let mut claims = asked.claims(&self.liar);
        claims.as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
        self.issue(&claims);
        self.get(&asked.answer(&self.liar), &cookie).await
    }

    /// Lets the provider answer honestly with an ID token of these claims.
    fn issue(&self, claims: &Value) {
        let token = self.key.token("k", claims);
        let answer = json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "id_token": token});
        self.liar.answer("/token", Scripted::json(200, &answer));
    }

    fn logout_token(&self, id: usize) -> String {
        let now = now();
        let claims = json!({
            "iss": self.liar.origin(), "aud": "accounts", "sid": format!("s-{id}"), "iat": now, "exp": now + 120,
            "jti": id.to_string(), "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        self.key.seal(json!({"alg": "ES256", "typ": "logout+jwt", "kid": "k"}).to_string(), claims.to_string())
    }
}

/// What the provider is asked by the beginning of a sign-in, and the cookie of this sign-in.
fn asked_by(begun: &TestResponse) -> (Asked, String) {
    let address = Url::parse(begun.header(LOCATION.as_str()).unwrap()).unwrap();
    let cookie = begun.header(SET_COOKIE.as_str()).unwrap().split(';').next().unwrap();
    (Asked(address), cookie.to_owned())
}

/// The response, which must not take long.
async fn in_time(what: &str, response: impl Future<Output = TestResponse>) -> TestResponse {
    let begun = Instant::now();
    let response = response.await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{what}: {:?}", begun.elapsed());
    response
}

/// Whether the response begins a session.
fn begins_a_session(response: &TestResponse) -> bool {
    let mut cookies = response.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    cookies.any(|cookie| cookie.starts_with("__Host-session=") && !cookie.starts_with("__Host-session=;"))
}

/// A page for people, which says that they can try again and leads them on.
#[track_caller]
fn assert_kind_page(response: &TestResponse, what: &str) {
    assert_eq!(response.status, 503, "{what}: {response:#?}");
    assert!(response.header("content-type").unwrap().starts_with("text/html"), "{what}: {response:#?}");
    assert!(response.retry_after() >= 1 && !begins_a_session(response), "{what}: {response:#?}");
    for text in ["The provider does not answer", "href=\"/login\""] {
        assert!(response.text.contains(text), "{what}: {response:#?}");
    }
}

/// What nobody can use, and what nobody can wait for.
fn useless() -> [(&'static str, Scripted); 6] {
    [
        ("down", Scripted::nothing()),
        ("an error", Scripted::text(503, "")),
        ("garbage", Scripted::text(200, "<html>").header("content-type", "application/json")),
        ("100 MB", Scripted::long(100_000_000)),
        ("endless", Scripted::endless()),
        ("slow", Scripted::json(200, &json!({})).after(Duration::from_secs(20))),
    ]
}

#[actix_web::test]
async fn user_information_that_cannot_be_read_is_an_outage() {
    let site = Site::start();
    let nothing = json!({});
    for (what, answer) in useless() {
        site.liar.answer("/userinfo", answer);
        let sent = site.liar.sent();
        assert_kind_page(&in_time(what, site.sign_in(&nothing)).await, what);
        assert!(site.liar.sent() - sent < 20_000_000, "{what}");
    }
    // Of somebody else.
    let email = |subject: &str| json!({"sub": subject, "email": EMAIL, "email_verified": true});
    site.liar.answer("/userinfo", Scripted::json(200, &email("mallory")));
    let refused = site.sign_in(&nothing).await;
    assert_eq!(refused.status, 400, "{refused:#?}");
    assert!(refused.text.contains("Your sign-in could not be completed") && !begins_a_session(&refused));
    // Claims of another type are not an outage.
    for (name, value) in [("email_verified", json!("false")), ("email", json!({"value": EMAIL}))] {
        let mut odd = email("ada");
        odd[name] = value;
        site.liar.answer("/userinfo", Scripted::json(200, &odd));
        let refused = site.sign_in(&nothing).await;
        assert!(refused.status == 403 && !begins_a_session(&refused), "{name}: {refused:#?}");
    }
    // The same person, when the provider is back.
    site.liar.answer("/userinfo", Scripted::json(200, &email("ada")));
    let done = site.sign_in(&nothing).await;
    assert!(done.status == 303 && begins_a_session(&done), "{done:#?}");
    // The account is known now, and nobody is asked for its email.
    site.liar.answer("/userinfo", Scripted::nothing());
    assert_eq!(site.sign_in(&nothing).await.status, 303);
}

/// A provider need not have user information, so it has verified no email.
#[actix_web::test]
async fn account_needs_a_verified_email() {
    let site = Site::start();
    let mut metadata = site.liar.metadata();
    metadata.as_object_mut().unwrap().remove("userinfo_endpoint");
    site.liar.publish(&metadata);
    for profile in [
        json!({}),
        json!({"email": EMAIL}),
        json!({"email": EMAIL, "email_verified": false}),
        // Of another type than the standard says.
        json!({"email": EMAIL, "email_verified": "true"}),
        json!({"email": EMAIL, "email_verified": 1}),
        json!({"email": [EMAIL], "email_verified": true}),
    ] {
        let refused = site.sign_in(&profile).await;
        assert_eq!(refused.status, 403, "{profile}: {refused:#?}");
        assert!(refused.text.contains("has not verified your email address") && !begins_a_session(&refused));
    }
    // A name of another type counts as missing.
    let done = site.sign_in(&json!({"email": EMAIL, "email_verified": true, "name": 7})).await;
    assert!(done.status == 303 && begins_a_session(&done), "{done:#?}");
}

/// What the provider says about itself is kept, so each useless answer needs a server of its own.
async fn assert_recovers_from(what: &str, answer: Scripted) {
    let site = Site::start();
    site.liar.answer("/.well-known/openid-configuration", answer.clone());
    assert_kind_page(&in_time(what, site.get("/sign-in", "")).await, what);
    assert!(site.liar.sent() < 20_000_000, "{what}");
    site.liar.publish(&site.liar.metadata());
    let came_back = Instant::now();
    let begun = loop {
        let begun = site.get("/sign-in", "").await;
        if begun.status == 303 {
            break begun;
        }
        assert!(came_back.elapsed() < Duration::from_secs(15), "{what}: no recovery");
        actix_web::rt::time::sleep(Duration::from_millis(500)).await;
    };
    // The same for the endpoint that redeems the code.
    let (asked, cookie) = asked_by(&begun);
    site.liar.answer("/token", answer);
    assert_kind_page(&in_time(what, site.get(&asked.answer(&site.liar), &cookie)).await, what);
    let done = site.sign_in(&json!({"email": EMAIL, "email_verified": true})).await;
    assert!(done.status == 303 && begins_a_session(&done), "{what}: {done:#?}");
}

#[actix_web::test]
async fn provider_that_cannot_be_used_is_a_kind_page() {
    join_all(useless().map(|(what, answer)| assert_recovers_from(what, answer))).await;
}

/// A newcomer sets the three variables, and opens the address that the server prints. The cookie of a sign-in belongs to its host, so the
/// link must lead to the one to which the provider sends the browser back.
#[actix_web::test]
async fn sign_in_begins_at_the_host_to_which_it_comes_back() {
    let liar = Liar::provider(&[Signer::generate(Algorithm::ES256).jwk("k")]);
    let port = free_port();
    let server = Server::start(&[
        ("ACCOUNTS_LISTEN", &format!("127.0.0.1:{port}")),
        ("ACCOUNTS_OIDC_ISSUER", liar.origin()),
        ("ACCOUNTS_OIDC_CLIENT_ID", "accounts"),
        ("ACCOUNTS_OIDC_CLIENT_SECRET", "the secret of accounts, long enough"),
    ]);
    let banner = server.banner();
    let printed = banner.lines().find_map(|line| line.strip_prefix("listening on ")?.split(' ').next()).unwrap();
    assert_eq!(Url::parse(printed).unwrap().host_str(), Some("127.0.0.1"), "{banner}");
    let page = TestResponse::to(Client::new(&server).request(Method::GET, "/login")).await;
    let link =
        page.text.split("href=\"").find(|rest| rest.contains("Sign in with")).unwrap().split('"').next().unwrap();
    let link = Url::parse(printed).unwrap().join(link).unwrap();
    let begun = TestResponse::to(Client::new(&server).request(Method::GET, link.path())).await;
    assert_eq!(begun.status, 303, "{begun:#?}");
    let back = Url::parse(&asked_by(&begun).0.value("redirect_uri")).unwrap();
    assert_eq!((back.origin(), link.port()), (link.origin(), Some(port)), "{link}, but {back}");
}

/// An operator of the provider ends the sessions of many users, all from the address of the provider, and at once. The server has just
/// started, so all of them wait for the first keys. Forged ones from the same address change nothing.
#[actix_web::test]
async fn many_logouts_at_once_are_carried_out_also_among_forged_ones() {
    let site = Site::start();
    let client = Client::new(&site.server);
    let post = async |token: &str| {
        let request = client.request(Method::POST, "/auth/back-channel-logout").body(format!("logout_token={token}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        TestResponse::to(request).await.status.as_u16()
    };
    for forged in 0..150 {
        assert_eq!(post("a.b.c").await, 400, "{forged}");
    }
    let keys = json!({"keys": [site.key.jwk("k")]});
    site.liar.answer("/jwks", Scripted::json(200, &keys).after(Duration::from_secs(3)));
    let tokens: Vec<_> = (0..300).map(|id| site.logout_token(id)).collect();
    let answers = join_all(tokens.iter().map(|token| post(token))).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}
