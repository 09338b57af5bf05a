//! What the pages defend against.

use actix_web::test::TestRequest;

use super::site::{PASSWORD, form, navigation, start};
use crate::app;

/// The addresses of all pages with this method, with the ids of the test, and the rule of each.
fn pages(method: &str, id: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let table = app::routes().policies();
    let of_pages = table.rows().iter().filter(|row| row.methods().contains(&method) && row.path().starts_with("/app"));
    let paths = of_pages.filter(|row| !row.path().starts_with("/app."));
    let found: Vec<_> = paths.map(|row| (row.path().replace("{id}", &id(row.path())), row.access())).collect();
    assert!(found.len() >= 8, "{found:?}");
    found
}

/// CWE-352, ASVS V3.5.1. The cookie is there although `SameSite` would have kept it back.
#[actix_web::test]
async fn forms_of_other_sites_are_rejected() {
    let site = start().await;
    let cookie = site.log_in(&site.admin_email).await;
    let id = |path: &str| if path.contains("users") { site.ada.clone() } else { site.foreign_document.clone() };
    let mut forms = pages("POST", id);
    forms.push(("/logout".to_owned(), String::new()));
    for (path, _) in forms {
        for foreign in ["cross-site", "same-site"] {
            let request = form(&path, &[("title", "t"), ("role", "admin")]).insert_header(("cookie", cookie.as_str()));
            let answer = site.send(request.insert_header(("sec-fetch-site", foreign))).await;
            answer.assert_page(403).assert_has("sent from another website");
        }
        let old_browser = TestRequest::post().uri(&path).insert_header(("origin", "https://evil.example"));
        let old_browser = old_browser.set_form([("title", "t")]).insert_header(("cookie", cookie.as_str()));
        site.send(old_browser).await.assert_page(403);
    }
    site.get(&cookie, &format!("/app/users/{}", site.ada)).await.assert_page(200);
    // A login that another site causes would let a victim work in the account of an attacker.
    let fields = [("email", site.ada_email.as_str()), ("password", PASSWORD)];
    let answer = site.send(form("/login", &fields).insert_header(("sec-fetch-site", "cross-site"))).await;
    answer.assert_page(403);
    assert!(answer.cookie().is_none());
    site.db.close().await;
}

/// CWE-352, CWE-645: a page of another site sends forms from the browser of its visitor. It must not use up the attempts of the visitor,
/// in its own address and its own account, and must not create an account.
#[actix_web::test]
async fn forms_of_other_sites_use_up_no_attempts_and_create_nothing() {
    let site = start().await;
    let (ada, new) = (site.ada_email.as_str(), format!("new-{}", site.ada_email));
    for _ in 0..21 {
        for password in ["a guess", PASSWORD, ""] {
            let sent = form("/login", &[("email", ada), ("password", password)]);
            let answer = site.send(sent.insert_header(("sec-fetch-site", "cross-site"))).await;
            answer.assert_page(403).assert_has("sent from another website");
        }
    }
    // What the form does not accept.
    for fields in [&[("email", ada)][..], &[("email", ada), ("password", "p"), ("x", "y")]] {
        for _ in 0..6 {
            site.send(form("/login", fields).insert_header(("sec-fetch-site", "cross-site"))).await.assert_page(403);
        }
    }
    let fields = [("name", "Eve"), ("email", new.as_str()), ("password", PASSWORD)];
    let foreign = form("/register", &fields).insert_header(("sec-fetch-site", "cross-site"));
    site.send(foreign).await.assert_page(403);
    assert_eq!(site.send(form("/login", &[("email", ada), ("password", PASSWORD)])).await.status, 303);
    assert_eq!(site.send(form("/register", &fields)).await.status, 303);
    site.db.close().await;
}

/// CWE-942: the origins of the API's CORS rule are programs. They neither read the pages nor send their forms.
#[actix_web::test]
async fn origins_of_the_api_may_not_use_the_pages() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let origin = ("origin", "https://app.example.com");
    let read =
        site.send(navigation("/app/keys").insert_header(("cookie", cookie.as_str())).insert_header(origin)).await;
    assert_eq!(read.header("access-control-allow-origin"), "");
    let key =
        form("/app/keys", &[("name", "theirs"), ("expires_in_days", "")]).insert_header(("cookie", cookie.as_str()));
    let key = key.insert_header(origin).insert_header(("sec-fetch-site", "same-site"));
    site.send(key).await.assert_page(403);
    site.db.close().await;
}

/// BOLA (OWASP API1): a foreign document and a missing one are the same 404.
#[actix_web::test]
async fn documents_of_others_do_not_exist() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let missing = "00000000-0000-4000-8000-000000000000";
    for id in [site.foreign_document.as_str(), missing, "no-uuid"] {
        for page in ["", "/edit", "/delete"] {
            let path = format!("/app/documents/{id}{page}");
            site.get(&cookie, &path).await.assert_page(404).assert_has("This page does not exist");
            if !page.is_empty() {
                site.post(&cookie, &path, &[("title", "mine"), ("body", "")]).await.assert_page(404);
            }
        }
    }
    let list = site.get(&cookie, "/app").await;
    assert!(list.body.contains("of Ada") && !list.body.contains("of Root"));
    // An administrator may read it, as with the API, but not change it.
    let of_admin = site.log_in(&site.admin_email).await;
    let read = site.get(&of_admin, &format!("/app/documents/{}", site.document)).await;
    read.assert_page(200).assert_has("belongs to another account");
    site.get(&of_admin, &format!("/app/documents/{}/edit", site.document)).await.assert_page(404);
    assert!(!site.get(&of_admin, "/app").await.body.contains("of Ada"));
    site.db.close().await;
}

/// OWASP API5: each page, asked for by a visitor and by a user.
#[actix_web::test]
async fn pages_of_administrators_are_for_administrators() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let mut of_administrators = 0;
    for method in ["GET", "POST"] {
        for (path, access) in pages(method, |_| site.ada.clone()) {
            let request = || if method == "GET" { navigation(&path) } else { form(&path, &[("role", "admin")]) };
            let visitor = site.send(request()).await;
            match method {
                "GET" => assert!(visitor.location().starts_with("/login?return_to=%2Fapp"), "{path}"),
                _ => _ = visitor.assert_page(401),
            }
            if access.contains("admin\")") || access.contains("users:delete") {
                of_administrators += 1;
                let user = site.send(request().insert_header(("cookie", cookie.as_str()))).await;
                user.assert_page(403).assert_has("You may not do this");
            }
        }
    }
    assert_eq!(of_administrators, 6);
    site.db.close().await;
}

/// CWE-79: texts of a user in every place where a page shows them.
#[actix_web::test]
async fn texts_of_users_are_text() {
    const HOSTILE: &str = r#"</textarea><script>alert(1)</script>"'<img src=x onerror=alert(1)>"#;
    let site = start().await;
    let agent = ("user-agent", "<script>alert(1)</script>");
    let fields = [("email", site.ada_email.as_str()), ("password", PASSWORD)];
    let cookie = site.send(form("/login", &fields).insert_header(agent)).await.cookie().unwrap();
    let of_admin = site.log_in(&site.admin_email).await;
    site.post(&cookie, "/app/documents/new", &[("title", HOSTILE), ("body", HOSTILE)]).await;
    site.post(&cookie, "/app/keys", &[("name", HOSTILE), ("expires_in_days", "7")]).await;
    let registered = [("name", HOSTILE), ("email", "eve@example.com"), ("password", "long pass phrase")];
    assert_eq!(site.send(form("/register", &registered)).await.status, 303);
    let query = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let list = site.get(&cookie, "/app").await;
    let document = list.body.split("/app/documents/").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let users = site.get(&of_admin, "/app/users").await;
    let eve = users.body.split("/app/users/").nth(3).unwrap().split('"').next().unwrap().to_owned();
    let mut answers = vec![
        list,
        users,
        site.get(&of_admin, &format!("/app/users/{eve}")).await,
        site.get(&of_admin, &format!("/app/users/{eve}/delete")).await,
        site.get(&cookie, &format!("/app/documents/{document}")).await,
        site.get(&cookie, &format!("/app/documents/{document}/edit")).await,
        site.get(&cookie, &format!("/app/documents/{document}/delete")).await,
        site.get(&cookie, "/app/keys").await,
        site.get(&cookie, "/app/sessions").await,
        site.post(&cookie, "/app/keys", &[("name", HOSTILE), ("expires_in_days", "x")]).await,
        site.post(&cookie, "/app/documents/new", &[("title", ""), ("body", HOSTILE)]).await,
        site.send(form("/register", &[("name", HOSTILE), ("email", HOSTILE), ("password", HOSTILE)])).await,
        site.send(form("/login", &[("email", HOSTILE), ("password", HOSTILE)])).await,
    ];
    let reported = answers.len();
    answers.extend([
        site.get(&cookie, &format!("/app?q={query}")).await,
        site.get(&cookie, &format!("/app/{query}")).await,
        site.get(&cookie, &format!("/app?{query}={query}")).await,
        site.send(navigation(&format!("/login?return_to=/app{query}"))).await,
        site.send(form(&format!("/app/keys/{query}/delete"), &[])).await,
    ]);
    for (number, answer) in answers.iter().enumerate() {
        for markup in ["<script", "<img", "onerror=alert(1)>\""] {
            assert!(!answer.body.contains(markup), "{number}: {}", answer.body);
        }
        assert!(number >= reported || answer.body.contains("&#60;script"), "{number}: {}", answer.body);
    }
    site.db.close().await;
}

/// ASVS V3.4.3, V14.3.2: no page has an inline script or style, and what a caller sees is not kept.
#[actix_web::test]
async fn pages_have_a_strict_policy_and_are_not_kept() {
    let site = start().await;
    let cookie = site.log_in(&site.admin_email).await;
    let id = |path: &str| if path.contains("users") { site.ada.clone() } else { site.foreign_document.clone() };
    let mut all: Vec<String> = pages("GET", id).into_iter().map(|(path, _)| path).collect();
    all.extend(["/", "/login", "/register", "/app/nothing"].map(str::to_owned));
    for path in all {
        let answer = site.get(&cookie, &path).await;
        answer.assert_page(if path.contains("nothing") || path.contains("/keys/") { 404 } else { 200 });
        for inline in ["<script", "<style", " style=", " onclick", " onload", "javascript:"] {
            assert!(!answer.body.contains(inline), "{path}: {inline}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'self'") && policy.contains("style-src 'self';")
                || policy.ends_with("style-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("nonce"), "{policy}");
        if path.starts_with("/app") && answer.status == 200 {
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
        let style = answer.body.split("href=\"").find(|rest| rest.starts_with("/app.css")).unwrap();
        let style = site.send(navigation(style.split('"').next().unwrap())).await;
        assert_eq!((style.status.as_u16(), style.header("content-type")), (200, "text/css; charset=utf-8"));
        assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    }
    site.db.close().await;
}

/// What no honest form sends is rejected before the handler, with a page.
#[actix_web::test]
async fn hostile_forms_get_a_page() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let to = |path: &str| TestRequest::post().uri(path).insert_header(("cookie", cookie.as_str()));
    let large = to("/app/documents/new").set_form([("title", "t"), ("body", &"x".repeat(200_000))]);
    site.send(large).await.assert_page(413).assert_has("The form is too large");
    let json = to("/app/documents/new").set_json(serde_json::json!({ "title": "t", "body": "" }));
    site.send(json).await.assert_page(415).assert_has("unknown format");
    let unknown = to("/app/documents/new").set_form([("title", "t"), ("owner", "root")]);
    site.send(unknown).await.assert_page(422).assert_has("<strong>owner</strong>");
    let twice = to("/app/documents/new").set_form([("title", "t"), ("title", "u")]);
    site.send(twice).await.assert_page(422);
    let broken = to("/app/documents/new").insert_header(("content-type", "application/x-www-form-urlencoded"));
    site.send(broken.set_payload("title=%ff")).await.assert_page(422);
    site.send(TestRequest::delete().uri("/app/keys").insert_header(("cookie", cookie.as_str()))).await.assert_page(405);
    // Two cookies of the name: one of them may be from another host (cookie tossing).
    let tossed = navigation("/app").insert_header(("cookie", format!("{cookie}; {cookie}")));
    assert_eq!(site.send(tossed).await.location(), "/login?return_to=%2Fapp");
    site.db.close().await;
}

/// Addresses that were typed by hand, and addresses of forms: people get pages, and programs the problems of the API.
#[actix_web::test]
async fn unknown_addresses_get_a_page_outside_of_the_api() {
    let site = start().await;
    for path in ["/nothing", "/login/", "/apis", "/app/nothing"] {
        site.send(navigation(path)).await.assert_page(404).assert_has("This page does not exist");
    }
    site.send(navigation("/logout")).await.assert_page(405).assert_has("It only receives forms");
    site.send(navigation("/%ff")).await.assert_page(400);
    let elsewhere = navigation("/").insert_header(("host", "evil.example"));
    site.send_as(7, elsewhere).await.assert_page(421).assert_has("another name");
    for path in ["/api", "/api/nothing", "/auth", "/auth/nothing", "/health/nothing", "/ready/nothing"] {
        let answer = site.send(navigation(path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
    site.db.close().await;
}

/// A database that is down is no reason to show that somebody else is logged in, or that nobody is.
#[actix_web::test]
async fn pages_say_that_the_database_is_down() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    site.db.close().await;
    let answer = site.get(&cookie, "/app").await;
    answer.assert_page(503).assert_has("This is not available right now").assert_has("Please try again in");
    assert!(!answer.header("retry-after").is_empty() && answer.cookie().is_none());
    site.send(navigation("/")).await.assert_page(200);
}
