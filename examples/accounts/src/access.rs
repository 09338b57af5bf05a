//! Calls every route of this server as every kind of caller, and compares the results with `policies.md` and `access.md`.

use std::time::Duration;

use actix_web::{
    App,
    test::{TestRequest, call_service, init_service},
};
use palisade::Principal;
use palisade::api_key::NewApiKey;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::testing::{Access, Persona, Personas, access_matrix, assert_access, assert_policies};

use crate::{
    app,
    config::Config,
    db::NewAccount,
    email::Email,
    in_process::{InProcess, SECRET},
    model::DocumentText,
    roles::{MANAGE, REPORTS, Role},
};

#[test]
fn policies_match_the_reviewed_page() {
    assert_policies!("policies.md", app::routes().policies());
}

/// Returns a token of `subject` that expired an hour ago.
fn expired(config: &Config, subject: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": config.issuer, "aud": config.audience, "sub": subject, "iat": now - 4500, "exp": now - 3600,
        "jti": "1", "roles": ["admin"],
    });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

#[actix_web::test]
async fn access_matches_the_committed_page() {
    let InProcess { config, db, service, folder: _folder } = InProcess::start(&[]).await;
    let email = Email::parse("ada@example.com").unwrap();
    let hash = service.passwords.hash("ada's pass phrase").await.unwrap();
    let ada = NewAccount { name: "Ada", email: &email, age: None, role: Role::User, password_hash: Some(&hash) };
    let ada = db.create_account(ada).await.unwrap().id.to_string();
    let text = DocumentText { title: "t".to_owned(), body: String::new() };
    let document = db.insert_document(&ada, &text).await.unwrap().unwrap().id.to_string();
    let key = NewApiKey::new(&ada).scopes([REPORTS]);
    let key = service.keys.create(key).await.unwrap().expose().to_owned();
    let palisade = service.palisade.clone();
    let app = init_service(App::new().configure(|routes| app::configure(routes, &service)).wrap(palisade)).await;

    let login = TestRequest::post().uri("/login").insert_header(("host", "localhost"));
    let login = login.peer_addr("198.18.255.1:4711".parse().unwrap());
    let login = login.set_form([("email", "ada@example.com"), ("password", "ada's pass phrase")]);
    let login = call_service(&app, login.to_request()).await;
    let cookie = login.response().cookies().next().unwrap();
    let cookie = format!("{}={}", cookie.name(), cookie.value());

    let of = |subject: &str| Principal::new("Bearer", config.issuer.clone(), subject);
    let issuer = TokenIssuer::hs256(&config.issuer, &config.audience, SECRET).unwrap();
    let token = |subject: &str, role: Role| {
        let grant = Grant::new(subject, Duration::from_secs(60)).roles([role.role_name()]);
        format!("Bearer {}", issuer.issue(&grant.scopes(role.scopes().iter().copied())).unwrap())
    };
    let expired = format!("Bearer {}", expired(&config, &ada));
    let personas = Personas::new()
        .parameter("id", &ada)
        .parameter("/api/documents/{id} id", &document)
        .parameter("/app/documents/{id} id", &document)
        .parameter("/app/documents/{id}/edit id", &document)
        .parameter("/app/documents/{id}/delete id", &document)
        .row("Document", &ada)
        .persona(Persona::anonymous())
        .persona(Persona::rejected("expired", "authorization", expired))
        .persona(Persona::of("no role", of("somebody")))
        .persona(Persona::of("unknown role", of("somebody").with_roles(["root"])))
        .persona(Persona::of("user", of("somebody").with_roles(["user"])))
        .persona(Persona::of("owner", of(&ada).with_roles(["user"])))
        .persona(
            Persona::of("owner's token", of(&ada).with_roles(["user"]))
                .by_header("authorization", token(&ada, Role::User)),
        )
        .persona(Persona::of("owner's session", of(&ada).with_roles(["user"])).by_header("cookie", cookie))
        .persona(Persona::of("owner's key", of(&ada).with_scopes([REPORTS])).by_header("x-api-key", key))
        .persona(Persona::rejected(
            "unknown key",
            "x-api-key",
            format!("accounts_{}_{}", "0".repeat(32), "0".repeat(72)),
        ))
        .persona(Persona::of("managing", of("somebody").with_scopes([MANAGE])))
        .persona(Persona::of("editor", of("somebody").with_roles(["editor"])))
        .persona(Persona::of("other tenant", of("somebody").with_roles(["user"]).with_tenant("globex")))
        .persona(Persona::of("admin", of("root").with_roles(["admin"])))
        .persona(
            Persona::of("admin's token", of("root").with_roles(["admin"]))
                .by_header("authorization", token("root", Role::Admin)),
        );
    let matrix = access_matrix(&app, &app::routes().policies(), &personas).await;
    db.close().await;

    for open in ["GET /health", "GET /ready"] {
        assert_eq!(matrix.row(open).map(|row| row.iter().all(|access| *access == Access::In)), Some(true), "{open}");
    }
    assert_access!("access.md", matrix);
}
