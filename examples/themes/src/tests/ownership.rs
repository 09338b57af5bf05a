//! Callers see their own rows only, by id and in lists; administrators see all.

use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service, read_body};
use palisade::Principal;
use palisade::testing::AsPrincipal;
use serde_json::Value;

use super::*;

#[actix_web::test]
async fn rows_of_others_look_missing() {
    let note = |(id, author): (u64, &str)| Note { id, author: author.into(), text: String::new() };
    let notes = Data::new(Vec::from([(1, "alice"), (2, "bob")].map(note)));
    let issuer = TokenIssuer::hs256("https://ownership.example", "ownership", [7; 32]).unwrap();
    let verifier = issuer.verifier().build().unwrap();
    let palisade = Palisade::builder().authenticator(verifier).routes(&routes()).build().unwrap();
    let app = init_service(App::new().app_data(notes).service(routes()).wrap(palisade)).await;

    let alice = || Principal::new("Bearer", "https://ownership.example", "alice");
    let admin = || Principal::new("Bearer", "https://ownership.example", "root").with_roles(["admin"]);
    let get = |path: &str| TestRequest::get().uri(path);

    assert_eq!(call_service(&app, get("/notes/1").as_principal(alice())).await.status(), 200);
    let foreign = call_service(&app, get("/notes/2").as_principal(alice())).await;
    assert_eq!(foreign.status(), 404);
    let missing = call_service(&app, get("/notes/3").as_principal(alice())).await;
    assert_eq!(missing.status(), 404);
    let (foreign, missing) = (read_body(foreign).await, read_body(missing).await);
    assert_eq!(String::from_utf8_lossy(&foreign).replace("/notes/2", "/notes/3"), String::from_utf8_lossy(&missing));

    let listed: Value = call_and_read_body_json(&app, get("/notes").as_principal(alice())).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(call_service(&app, get("/notes/2").as_principal(admin())).await.status(), 200);
    let listed: Value = call_and_read_body_json(&app, get("/notes").as_principal(admin())).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
}
