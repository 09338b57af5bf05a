//! CWE-287, CWE-613: people who sign in at a real OpenID provider, whose account they get, and the end of their sessions.

use palisade_tests::provider::Visitor;
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use super::support::sign_in::SignInServer;
use super::support::{ADMIN_EMAIL, Client, TestResponse};

fn accounts() -> Value {
    json!({
        "ada": {"name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true},
        "grace": {"name": "Grace", "email": "grace@example.com", "email_verified": true},
        // Registered at the provider with emails of others.
        "mallory": {"name": "Mallory", "email": "grace@example.com", "email_verified": false},
        "silent": {"name": "Mallory", "email": "grace@example.com"},
        "impostor": {"name": "Mallory", "email": ADMIN_EMAIL, "email_verified": true},
    })
}

/// The cookies of a response, as a browser sends them back.
fn cookies(response: &TestResponse) -> String {
    let set = response.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap());
    let pairs = set.map(|cookie| cookie.split(';').next().unwrap()).filter(|pair| !pair.ends_with('='));
    pairs.collect::<Vec<_>>().join("; ")
}

impl SignInServer {
    async fn send(&self, method: Method, path: &str, cookie: &str) -> TestResponse {
        let client = Client::trusting(&self.server, &self.certificate);
        let request = client.request(method, path).header(COOKIE, cookie).header("sec-fetch-site", "same-origin");
        TestResponse::to(request.header("accept", "text/html")).await
    }

    /// Signs in as this account in a new browser, and returns the answer of the callback.
    async fn answer(&self, visitor: &mut Visitor<'_>, account: &str) -> TestResponse {
        let begun = self.send(Method::GET, "/sign-in?return_to=/app/sessions", "").await;
        assert_eq!(begun.status, 303, "{begun:#?}");
        let back = visitor.visit(begun.header(LOCATION.as_str()).unwrap(), account).await;
        assert!(back.as_str().starts_with(&self.base), "{back}");
        self.send(Method::GET, &format!("{}?{}", back.path(), back.query().unwrap()), &cookies(&begun)).await
    }

    /// Signs in, which must succeed, and returns the session.
    async fn session(&self, visitor: &mut Visitor<'_>, account: &str) -> String {
        let done = self.answer(visitor, account).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, Some("/app/sessions")), "{done:#?}");
        cookies(&done)
    }

    async fn is_logged_in(&self, session: &str) -> bool {
        let page = self.send(Method::GET, "/app/sessions", session).await;
        assert!(page.status == 200 || page.header("location").is_some_and(|to| to.starts_with("/login")), "{page:#?}");
        page.status == 200
    }
}

#[actix_web::test]
async fn account_is_that_of_the_identity_and_never_of_an_email() {
    let Some(site) = SignInServer::start(&accounts()) else { return };
    for (account, status, text) in [
        ("mallory", 403, "has not verified your email address"),
        ("silent", 403, "has not verified your email address"),
        ("impostor", 409, "Log in to it as you did before"),
    ] {
        let refused = site.answer(&mut Visitor::new(&site.provider), account).await;
        assert_eq!(refused.status, status, "{account}: {refused:#?}");
        assert!(refused.text.contains(text) && !cookies(&refused).contains("session"), "{account}: {refused:#?}");
    }
    // The email is still free for the person whose it is, and the second sign-in leads to the same account.
    let mut grace = Visitor::new(&site.provider);
    let first = site.session(&mut grace, "grace").await;
    let second = site.session(&mut grace, "grace").await;
    assert!(site.is_logged_in(&first).await && site.is_logged_in(&second).await);
    let page = site.send(Method::GET, "/app/sessions", &second).await;
    assert_eq!(page.text.matches("<tr").count(), 3, "a heading and two sessions: {}", page.text);
}

/// The person logs out at the provider, which posts a logout token over HTTPS.
#[actix_web::test]
async fn provider_ends_the_sessions_that_began_in_its_own() {
    let Some(site) = SignInServer::start(&accounts()) else { return };
    let (mut at_home, mut at_work) = (Visitor::new(&site.provider), Visitor::new(&site.provider));
    let home = site.session(&mut at_home, "ada").await;
    let (work, of_phone) = (site.session(&mut at_work, "ada").await, site.session(&mut at_work, "ada").await);
    let page = site.send(Method::POST, "/logout", &work).await;
    assert_eq!(page.status, 200, "{page:#?}");
    let (_, link) = page.text.split_once("<a href=\"http://").expect("a link to the provider");
    let link = format!("http://{}", link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&"));
    assert!(Url::parse(&link).unwrap().as_str().starts_with(site.provider.issuer()), "{link}");
    assert!(site.is_logged_in(&of_phone).await);
    let back = at_work.visit(&link, "ada").await;
    assert_eq!(back.as_str(), format!("{}/", site.base));
    assert!(!site.is_logged_in(&work).await && !site.is_logged_in(&of_phone).await);
    assert!(site.is_logged_in(&home).await, "another session at the provider");
}
