//! CWE-256, CWE-208, CWE-613, CWE-636: API keys that are guessed, expired, used beyond their scopes, or presented
//! while the store is down.

use std::time::{Duration, SystemTime};

use actix_http::Request;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, Error};
use palisade::api_key::{ApiKey, ApiKeyStore, ApiKeys, InsertedApiKey, MemoryApiKeys, NewApiKey};
use palisade::resource::Unavailable;
use palisade::{Palisade, Principal, get, owner, require_scope};

#[get("/orders")]
#[require_scope("orders:read")]
async fn orders(principal: Principal) -> String {
    principal.subject().to_owned()
}

#[get("/users/{id}")]
#[owner(id)]
async fn user() -> &'static str {
    "yours"
}

fn keys() -> ApiKeys {
    ApiKeys::new("acme", "https://issuer.example", MemoryApiKeys::new()).unwrap()
}

async fn app_of<S: ApiKeyStore>(
    keys: ApiKeys<S>,
) -> impl Service<Request, Response = ServiceResponse<impl actix_web::body::MessageBody>, Error = Error> {
    let palisade = Palisade::builder().authenticator(keys).build().unwrap();
    init_service(App::new().service(orders).service(user).wrap(palisade)).await
}

fn request(path: &str, key: &str) -> Request {
    TestRequest::get().uri(path).insert_header(("X-API-Key", key)).to_request()
}

fn with_sum(body: &str) -> String {
    // CRC-32 computed bit by bit, without the crate that the runtime uses, so that the test checks the documented
    // format.
    let crc = body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    format!("{body}{:08x}", !crc)
}

#[actix_web::test]
async fn key_grants_its_scopes_and_its_owners_resources() {
    let keys = keys();
    let app = app_of(keys.clone()).await;
    let reader = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await.unwrap();
    let bare = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let response = app.call(request("/orders", reader.expose())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    assert_eq!(read_body(response).await, "u-1");
    for (path, key, status) in
        [("/orders", &bare, 403), ("/users/u-1", &bare, 200), ("/users/u-2", &bare, 403), ("/users/u-2", &reader, 403)]
    {
        assert_eq!(app.call(request(path, key.expose())).await.unwrap().status(), status, "{path}");
    }
}

#[actix_web::test]
async fn all_key_rejections_look_alike() {
    let keys = keys();
    let app = app_of(keys.clone()).await;
    let key = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await.unwrap();
    let brief = keys.create(NewApiKey::new("u-1").expires_after(Duration::from_nanos(1))).await.unwrap();
    let gone = keys.create(NewApiKey::new("u-1")).await.unwrap();
    assert!(keys.remove("u-1", gone.record().id()).await.unwrap());
    let text = key.expose();
    let body = &text[..text.len() - 8];
    assert_eq!(with_sum(body), text, "the key has the documented checksum");

    let (id, secret) = (key.record().id(), &body[body.len() - 64..]);
    let mut responses = Vec::new();
    for invalid_key in [
        with_sum(&format!("acme_{}_{secret}", gone.record().id())),
        with_sum(&format!("acme_{id}_{}", "0".repeat(64))),
        with_sum(&format!("acme_{}_{secret}", "0".repeat(32))),
        brief.expose().to_owned(),
        gone.expose().to_owned(),
        format!("{body}00000000"),
        secret.to_owned(),
        "x".to_owned(),
    ] {
        let response = app.call(request("/orders", &invalid_key)).await.unwrap();
        assert_eq!(response.status(), 401, "{invalid_key}");
        let challenge = response.headers().get(WWW_AUTHENTICATE).unwrap().to_str().unwrap().to_owned();
        assert!(challenge.starts_with("ApiKey realm=") && challenge.ends_with("header=\"X-API-Key\""), "{challenge}");
        responses.push((challenge, read_body(response).await));
    }
    responses.dedup();
    assert_eq!(responses.len(), 1);

    let twice = TestRequest::get().uri("/orders").append_header(("X-API-Key", text)).append_header(("x-api-key", text));
    assert_eq!(app.call(twice.to_request()).await.unwrap().status(), 401);
    assert_eq!(app.call(request("/orders", text)).await.unwrap().status(), 200, "the key alone is accepted");
}

#[actix_web::test]
async fn two_key_prefixes_coexist_without_mixing() {
    let (live, test) = (keys(), ApiKeys::new("test", "https://issuer.example", MemoryApiKeys::new()).unwrap());
    let palisade = Palisade::builder()
        .authenticator(live.clone())
        .authenticator(test.clone())
        .resource_owner_issuer("https://issuer.example")
        .build()
        .unwrap();
    let app = init_service(App::new().service(orders).wrap(palisade)).await;
    let ask = async |key: &str| app.call(request("/orders", key)).await.unwrap().status();
    for keys in [&live, &test] {
        let key = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await.unwrap();
        assert_eq!(ask(key.expose()).await, 200);
        keys.remove("u-1", key.record().id()).await.unwrap();
        assert_eq!(ask(key.expose()).await, 401);
    }
    let key = live.create(NewApiKey::new("u-1").scopes(["orders:read"])).await.unwrap();
    let body = key.expose()[..key.expose().len() - 8].replacen("acme_", "test_", 1);
    assert_eq!(ask(&with_sum(&body)).await, 401);
    assert_eq!(ask("third_00").await, 401, "a key with an unknown prefix is rejected");
}

#[actix_web::test]
async fn keys_outside_the_header_are_ignored() {
    let keys = keys();
    let app = app_of(keys.clone()).await;
    let key = keys.create(NewApiKey::new("u-1").scopes(["orders:read"])).await.unwrap();
    let text = key.expose();
    for request in [
        TestRequest::get().uri(&format!("/orders?api_key={text}&X-API-Key={text}")),
        TestRequest::get().uri("/orders").insert_header(("cookie", format!("X-API-Key={text}"))),
        TestRequest::get().uri("/orders").insert_header(("authorization", format!("Bearer {text}"))),
    ] {
        assert_eq!(app.call(request.to_request()).await.unwrap().status(), 401);
    }
}

struct Down;

impl ApiKeyStore for Down {
    async fn insert(&self, _: ApiKey, _: usize) -> Result<InsertedApiKey, Unavailable> {
        Err(Unavailable)
    }

    async fn find(&self, _: &str) -> Result<Option<ApiKey>, Unavailable> {
        Err(Unavailable)
    }

    async fn list(&self, _: &str) -> Result<Vec<ApiKey>, Unavailable> {
        Err(Unavailable)
    }

    async fn remove(&self, _: &str, _: &str) -> Result<bool, Unavailable> {
        Err(Unavailable)
    }

    async fn touch(&self, _: &str, _: SystemTime) -> Result<(), Unavailable> {
        Err(Unavailable)
    }
}

#[actix_web::test]
async fn key_store_outage_is_503_and_admits_nobody() {
    let app = app_of(ApiKeys::new("acme", "https://issuer.example", Down).unwrap()).await;
    let key = with_sum(&format!("acme_{}_{}", "0".repeat(32), "0".repeat(64)));
    let response = app.call(request("/orders", &key)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key(RETRY_AFTER));
    assert_eq!(
        app.call(request("/orders", "acme_x")).await.unwrap().status(),
        401,
        "a malformed key is rejected without the store"
    );
}
