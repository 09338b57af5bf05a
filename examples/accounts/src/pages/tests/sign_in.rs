//! The way to the provider and back, as far as this server decides it alone.

use actix_web::test::TestRequest;

use super::site::{form, start, start_with};
use crate::{
    db::{DbError, NewAccount},
    email::Email,
    roles::Role,
};

/// An address at which nobody listens.
const PROVIDER: [(&str, &str); 3] = [
    ("ACCOUNTS_OIDC_ISSUER", "http://127.0.0.1:9"),
    ("ACCOUNTS_OIDC_CLIENT_ID", "accounts"),
    ("ACCOUNTS_OIDC_CLIENT_SECRET", "a secret of the provider"),
];

#[actix_web::test]
async fn without_a_provider_nothing_of_it_is_there() {
    let site = start().await;
    let login = site.send(TestRequest::get().uri("/login")).await;
    assert!(!login.assert_page(200).body.contains("/sign-in"), "{}", login.body);
    for path in ["/sign-in", "/sign-in/callback?code=a&state=b"] {
        site.send(TestRequest::get().uri(path)).await.assert_page(404);
    }
    let answer = site.send(form("/auth/back-channel-logout", &[("logout_token", "a.b.c")])).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (404, "application/problem+json"));
    site.db.close().await;
}

#[actix_web::test]
async fn the_login_page_leads_to_the_provider_and_keeps_the_way_back() {
    let site = start_with(&PROVIDER).await;
    let login = site.send(TestRequest::get().uri("/login?return_to=/app/keys%3Fa=1%26b=2")).await;
    login.assert_page(200).assert_has("Sign in with 127.0.0.1:9");
    login.assert_has("href=\"https://localhost:8443/sign-in?return_to=%2Fapp%2Fkeys%3Fa%3D1%26b%3D2\"");
    site.db.close().await;
}

#[actix_web::test]
async fn a_provider_that_is_down_and_a_forged_answer_are_kind_pages() {
    let site = start_with(&PROVIDER).await;
    let down = site.send(TestRequest::get().uri("/sign-in")).await;
    down.assert_page(503).assert_has("The provider does not answer").assert_has("href=\"/login\"");
    assert!(!down.header("retry-after").is_empty());
    for path in [
        "/sign-in?return_to=https://evil.example",
        "/sign-in/callback",
        "/sign-in/callback?code=c&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let forged = site.send(TestRequest::get().uri(path)).await;
        forged.assert_page(400).assert_has("Your sign-in could not be completed");
    }
    site.db.close().await;
}

/// Two tabs may complete the first sign-in of one person at the same time.
#[actix_web::test]
async fn one_identity_has_one_account_and_takes_over_no_other() {
    let site = start().await;
    let email = Email::parse("grace.of.the.provider@example.com").unwrap();
    let account = || NewAccount { name: "Grace", email: &email, age: None, role: Role::User, password_hash: None };
    let first = site.db.create_account_of(account(), "https://issuer.example", "grace").await.unwrap();
    let second = site.db.create_account_of(account(), "https://issuer.example", "grace").await.unwrap();
    assert_eq!(first.id, second.id);
    for (issuer, subject) in [("https://issuer.example", "mallory"), ("https://other.example", "grace")] {
        let other = site.db.create_account_of(account(), issuer, subject).await;
        assert!(matches!(other, Err(DbError::EmailTaken)), "{issuer} {subject}");
        assert!(site.db.login_by_identity(issuer, subject).await.unwrap().is_none());
    }
    site.db.close().await;
}
