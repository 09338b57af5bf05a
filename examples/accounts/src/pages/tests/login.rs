//! Logging in and out by form, and the rate limits that the form shares with the API.

use actix_web::test::TestRequest;
use serde_json::json;

use super::site::{PASSWORD, form, navigation, start};

#[actix_web::test]
async fn a_login_begins_a_session_and_leads_to_the_page_that_was_wanted() {
    let site = start().await;
    let led = site.send(navigation("/app/keys?done=removed")).await;
    assert_eq!((led.status.as_u16(), led.location()), (303, "/login?return_to=%2Fapp%2Fkeys%3Fdone%3Dremoved"));
    let page = site.send(navigation(led.location())).await;
    page.assert_page(200).assert_has(r#"name="return_to" value="/app/keys?done=removed""#);
    let spelled = site.ada_email.to_uppercase();
    for (wanted, reached) in [
        ("/app/keys", "/app/keys"),
        ("", "/app"),
        ("//evil.example", "/app"),
        ("https://evil.example/app", "/app"),
        ("/\\evil.example", "/app"),
    ] {
        let fields = [("email", spelled.as_str()), ("password", PASSWORD), ("return_to", wanted)];
        let answer = site.send(form("/login", &fields)).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, reached), "{wanted}");
        let set = answer.header("set-cookie");
        for part in ["__Host-session=", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(set.contains(part), "{set}");
        }
        assert_eq!(answer.header("cache-control"), "no-store");
        site.get(&answer.cookie().unwrap(), reached).await.assert_page(200);
    }
    site.db.close().await;
}

#[actix_web::test]
async fn a_wrong_password_and_an_unknown_email_get_the_same_page() {
    let site = start().await;
    let wrong = site.send(form("/login", &[("email", site.ada_email.as_str()), ("password", "secret-guess")])).await;
    wrong.assert_page(401).assert_has(r#"role="alert""#).assert_has(&format!("value=\"{}\"", site.ada_email));
    let unknown = site.send(form("/login", &[("email", "eve@example.com"), ("password", "secret-guess")])).await;
    assert_eq!(wrong.body, unknown.body.replace("eve@example.com", &site.ada_email));
    assert!(!wrong.body.contains("secret-guess") && wrong.cookie().is_none());
    let invalid = site.send(form("/login", &[("email", "<ada>"), ("password", "secret-guess")])).await;
    invalid.assert_page(422).assert_has("aria-invalid").assert_has("id=\"email-mistake\"");
    assert!(!invalid.body.contains("secret-guess") && !invalid.body.contains("<ada>"));
    site.db.close().await;
}

/// ASVS V6.3.1: an attacker gets no guesses more by using both.
#[actix_web::test]
async fn wrong_passwords_at_the_form_and_at_the_api_are_counted_together() {
    let site = start().await;
    let api = |password: &str| {
        TestRequest::post().uri("/auth/login").set_json(json!({ "email": site.ada_email, "password": password }))
    };
    for guess in 0..3 {
        site.send(form("/login", &[("email", site.ada_email.as_str()), ("password", &format!("guess {guess}"))]))
            .await
            .assert_page(401);
    }
    for _ in 0..2 {
        assert_eq!(site.send(api("a guess")).await.status, 401);
    }
    assert_eq!(site.send(api(PASSWORD)).await.status, 429);
    let page = site.send(form("/login", &[("email", site.ada_email.as_str()), ("password", PASSWORD)])).await;
    page.assert_page(429).assert_has("Please wait 15 minutes").assert_has("href=\"/login\"");
    assert!(page.header("retry-after").parse::<u32>().unwrap() > 800);
    assert!(page.cookie().is_none());
    site.db.close().await;
}

/// CWE-307: 20 failures for an account, from however many addresses, in whatever spelling of its email.
#[actix_web::test]
async fn wrong_passwords_of_one_account_are_counted_together() {
    let site = start().await;
    let spelled = site.ada_email.to_uppercase();
    for guess in 0..20_u8 {
        let request = match guess % 2 {
            0 => form("/login", &[("email", spelled.as_str()), ("password", "a guess")]),
            _ => TestRequest::post()
                .uri("/auth/login")
                .set_json(json!({ "email": site.ada_email, "password": "a guess" })),
        };
        assert_eq!(site.send_from(guess / 4, request).await.status, 401, "{guess}");
    }
    let right = form("/login", &[("email", site.ada_email.as_str()), ("password", PASSWORD)]);
    site.send_from(99, right).await.assert_page(429);
    let other = form("/login", &[("email", site.admin_email.as_str()), ("password", PASSWORD)]);
    assert_eq!(site.send_from(99, other).await.status, 303);
    site.db.close().await;
}

#[actix_web::test]
async fn a_logout_ends_the_session_and_clears_the_browser() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let answer = site.post(&cookie, "/logout", &[]).await;
    answer.assert_page(200).assert_has("You have logged out");
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{}", answer.header("set-cookie"));
    assert!(answer.header("clear-site-data").contains("cache"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(site.get(&cookie, "/app").await.location(), "/login?return_to=%2Fapp");
    site.post(&cookie, "/logout", &[]).await.assert_page(401).assert_has("href=\"/login\"");
    site.db.close().await;
}

/// A form that was sent after the session ended: the page says so, and leads to the login and back.
#[actix_web::test]
async fn a_form_without_a_session_leads_to_the_login_and_back() {
    let site = start().await;
    let answer = site.send(form("/app/documents/new", &[("title", "t")])).await;
    answer.assert_page(401).assert_has("Please log in").assert_has("href=\"/login?return_to=/app/documents/new\"");
    site.db.close().await;
}
