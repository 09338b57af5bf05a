//! Each form: right, and with mistakes.

use super::site::{form, start};

#[actix_web::test]
async fn a_registration_keeps_what_was_entered_but_no_password_and_no_role() {
    let site = start().await;
    let fields = [("name", "Grace \"H\""), ("email", "grace@example"), ("password", "secret7")];
    let wrong = site.send(form("/register", &fields)).await;
    wrong.assert_page(422).assert_has("Not created yet").assert_has("value=\"Grace &#34;H&#34;\"");
    wrong.assert_has("value=\"grace@example\"").assert_has("aria-describedby=\"password-mistake password-hint\"");
    assert!(!wrong.body.contains("secret7"));
    let spelled = site.ada_email.to_uppercase();
    let fields = [("name", "Grace"), ("email", spelled.as_str()), ("password", "secret words")];
    let taken = site.send(form("/register", &fields)).await;
    taken.assert_page(409).assert_has("Another account has this email").assert_has("id=\"email-mistake\"");
    let fields = [("name", "Grace"), ("email", "grace@example.com"), ("password", "secret words"), ("role", "admin")];
    site.send(form("/register", &fields)).await.assert_page(422).assert_has("<strong>role</strong>");
    let made = site.send(form("/register", &fields[..3])).await;
    assert_eq!((made.status.as_u16(), made.location()), (303, "/app"), "{}", made.body);
    let cookie = made.cookie().unwrap();
    let page = site.get(&cookie, "/app").await;
    page.assert_page(200).assert_has("You have no documents yet");
    assert!(!page.body.contains("/app/users"), "a user's menu");
    site.db.close().await;
}

#[actix_web::test]
async fn a_document_is_made_edited_and_deleted() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    site.get(&cookie, "/app/documents/new").await.assert_page(200);
    let long = "x".repeat(10_001);
    let wrong = site.post(&cookie, "/app/documents/new", &[("title", " "), ("body", &long)]).await;
    wrong.assert_page(422).assert_has("id=\"title-mistake\"").assert_has("id=\"body-mistake\"").assert_has(&long);
    // Each character has 12 bytes on the wire.
    let longest = "\u{1f30d}".repeat(10_000);
    let made = site.post(&cookie, "/app/documents/new", &[("title", "A world"), ("body", &longest)]).await;
    assert_eq!((made.status.as_u16(), made.location()), (303, "/app?done=created"), "{}", made.body);
    site.get(&cookie, made.location())
        .await
        .assert_page(200)
        .assert_has("The document was created.")
        .assert_has("A world");

    let address = format!("/app/documents/{}", site.document);
    site.get(&cookie, &format!("{address}/edit")).await.assert_page(200).assert_has("value=\"of Ada\"");
    let edited = site.post(&cookie, &format!("{address}/edit"), &[("title", "Edited"), ("body", "one\r\ntwo")]).await;
    assert_eq!(edited.location(), "/app?done=changed");
    site.get(&cookie, &address).await.assert_page(200).assert_has("Edited").assert_has("one\ntwo");
    let wrong = site.post(&cookie, &format!("{address}/edit"), &[("title", ""), ("body", "kept")]).await;
    wrong.assert_page(422).assert_has(">\nkept</textarea>").assert_has(&format!("action=\"{address}/edit\""));

    site.get(&cookie, &format!("{address}/delete")).await.assert_page(200).assert_has("Delete this document?");
    assert_eq!(site.post(&cookie, &format!("{address}/delete"), &[]).await.location(), "/app?done=deleted");
    site.get(&cookie, &address).await.assert_page(404);
    site.db.close().await;
}

#[actix_web::test]
async fn documents_are_searched_and_paged() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    for number in 0..25 {
        let title = format!("note {number:02} of Ada & Co");
        assert_eq!(site.post(&cookie, "/app/documents/new", &[("title", &title)]).await.status, 303);
    }
    let first = site.get(&cookie, "/app?q=+ADA+%26+co+").await;
    first.assert_page(200).assert_has("1 to 20 of 25").assert_has("note 24").assert_has("value=\"ADA &#38; co\"");
    first.assert_has("href=\"/app?q=ADA%20%26%20co&amp;offset=20\"");
    assert!(!first.body.contains("rel=\"prev\""));
    let second = site.get(&cookie, "/app?q=ADA%20%26%20co&offset=20").await;
    second.assert_page(200).assert_has("21 to 25 of 25").assert_has("rel=\"prev\"").assert_has("note 00");
    site.get(&cookie, "/app?q=nothing").await.assert_page(200).assert_has("No title contains “nothing”");
    site.get(&cookie, "/app?q=&offset=500").await.assert_page(200).assert_has("There are no more documents");
    site.get(&cookie, "/app?offset=-1").await.assert_page(422).assert_has("<strong>offset</strong>");
    site.db.close().await;
}

#[actix_web::test]
async fn sessions_are_listed_and_ended() {
    let site = start().await;
    let (first, second, third) =
        (site.log_in(&site.ada_email).await, site.log_in(&site.ada_email).await, site.log_in(&site.ada_email).await);
    let of_admin = site.log_in(&site.admin_email).await;
    let list = site.get(&first, "/app/sessions").await;
    list.assert_page(200).assert_has(&site.address(7));
    assert_eq!(list.body.matches("this session").count(), 1);
    let ids = list.body.split("name=\"id\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let ids: Vec<&str> = ids.filter(|id| *id != "others").collect();
    assert_eq!(ids.len(), 2, "the present one has no button");
    // The session of another user does not exist here.
    assert_eq!(site.post(&of_admin, "/app/sessions", &[("id", ids[0])]).await.status, 303);
    site.get(&second, "/app").await.assert_page(200);
    site.get(&third, "/app").await.assert_page(200);
    assert_eq!(site.post(&first, "/app/sessions", &[("id", ids[0])]).await.location(), "/app/sessions?done=ended");
    let gone = [site.get(&second, "/app").await.status, site.get(&third, "/app").await.status];
    assert_eq!(gone.iter().filter(|status| status.as_u16() == 303).count(), 1);
    assert_eq!(
        site.post(&first, "/app/sessions", &[("id", "others")]).await.location(),
        "/app/sessions?done=ended_others"
    );
    site.get(&first, "/app/sessions").await.assert_page(200).assert_has("You are logged in nowhere else");
    site.post(&first, "/app/sessions", &[]).await.assert_page(400);
    for ended in [&second, &third] {
        assert_eq!(site.get(ended, "/app").await.status, 303);
    }
    site.get(&of_admin, "/app").await.assert_page(200);
    site.db.close().await;
}

#[actix_web::test]
async fn a_key_is_shown_once_and_removed() {
    let site = start().await;
    let cookie = site.log_in(&site.ada_email).await;
    let wrong = site.post(&cookie, "/app/keys", &[("name", "\u{202e}"), ("expires_in_days", "soon")]).await;
    wrong.assert_page(422).assert_has("id=\"name-mistake\"").assert_has("id=\"expires_in_days-mistake\"");
    // The form offers this scope only to those who have it.
    let fields = [("name", "CI"), ("scopes", "reports:read"), ("expires_in_days", "")];
    assert!(!site.get(&cookie, "/app/keys").await.body.contains("reports:read"));
    site.post(&cookie, "/app/keys", &fields).await.assert_page(403);
    // A rejected form leads back to its page.
    site.post(&cookie, "/app/keys", &fields).await.assert_page(403).assert_has("To your API keys");
    let made = site.post(&cookie, "/app/keys", &[("name", "CI"), ("expires_in_days", "30")]).await;
    made.assert_page(201).assert_has("It is shown only this once");
    assert_eq!(made.header("cache-control"), "no-store");
    let key = made.body.split("<code>accounts_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let by_key = |path: &str| super::site::navigation(path).insert_header(("x-api-key", format!("accounts_{key}")));
    site.send(by_key("/app")).await.assert_page(200);
    for own in ["/app/sessions", "/app/keys", "/app/users"] {
        site.send(by_key(own)).await.assert_page(403);
    }
    let list = site.get(&cookie, "/app/keys").await;
    list.assert_page(200).assert_has("CI");
    assert!(!list.body.contains(&key));
    let id = list.body.split("/app/keys/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let delete = format!("/app/keys/{id}/delete");
    let of_admin = site.log_in(&site.admin_email).await;
    site.get(&of_admin, &delete).await.assert_page(404);
    site.post(&of_admin, &delete, &[]).await.assert_page(404);
    site.get(&cookie, &delete).await.assert_page(200).assert_has("Remove this key?");
    assert_eq!(site.post(&cookie, &delete, &[]).await.location(), "/app/keys?done=removed");
    assert_eq!(site.send(by_key("/app")).await.location(), "/login?return_to=%2Fapp");
    site.db.close().await;
}

#[actix_web::test]
async fn an_administrator_changes_a_role_and_deletes_an_account() {
    let site = start().await;
    let (cookie, of_ada) = (site.log_in(&site.admin_email).await, site.log_in(&site.ada_email).await);
    let list = site.get(&cookie, "/app/users").await;
    list.assert_page(200).assert_has("1 to 2 of 2").assert_has(&site.ada_email).assert_has(">you</span>");
    let user = format!("/app/users/{}", site.ada);
    site.get(&cookie, &user).await.assert_page(200).assert_has("<option value=\"user\" selected>");
    site.post(&cookie, &user, &[("role", "root")]).await.assert_page(422);
    assert_eq!(site.post(&cookie, &user, &[("role", "editor")]).await.location(), "/app/users?done=changed");
    assert_eq!(site.get(&of_ada, "/app").await.status, 303, "her session has the former role");
    let of_ada = site.log_in(&site.ada_email).await;
    site.get(&of_ada, "/app/keys").await.assert_page(200).assert_has("reports:read");
    site.get(&cookie, &format!("{user}/delete")).await.assert_page(200).assert_has("Delete this account?");
    assert_eq!(site.post(&cookie, &format!("{user}/delete"), &[]).await.location(), "/app/users?done=deleted");
    assert_eq!(site.get(&of_ada, "/app").await.status, 303, "the account is gone");
    site.get(&cookie, &user).await.assert_page(404);
    site.get(&cookie, "/app/policies").await.assert_page(200).assert_has("/app/users/{id}/delete");
    // The last account is the administrator's own one, which only another administrator changes.
    let list = site.get(&cookie, "/app/users").await;
    let own = list.body.split("/app/users/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let own = format!("/app/users/{own}");
    site.get(&cookie, &own).await.assert_page(200);
    site.get(&cookie, &format!("{own}/delete")).await.assert_page(403).assert_has("another administrator");
    site.post(&cookie, &format!("{own}/delete"), &[]).await.assert_page(403);
    site.post(&cookie, &own, &[("role", "user")]).await.assert_page(403);
    site.get(&cookie, "/app/users").await.assert_page(200);
    site.db.close().await;
}
