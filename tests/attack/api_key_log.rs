//! CWE-532, CWE-778: an API key that appears in a log, and rejections that are not logged.
//!
//! This test has its own binary. `tracing` caches whether any subscriber is interested in an event, so a test thread
//! without a subscriber could hide events from a thread that has one.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use actix_web::App;
use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use palisade::api_key::{ApiKey, ApiKeyStore, ApiKeys, InsertedApiKey, MemoryApiKeys, NewApiKey};
use palisade::resource::Unavailable;
use palisade::{Palisade, authenticated, get};

#[get("/orders")]
#[authenticated]
async fn orders() -> &'static str {
    "orders"
}

/// A store that keeps and finds keys, but cannot record their last use.
struct ReadOnly(MemoryApiKeys);

impl ApiKeyStore for ReadOnly {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        self.0.insert(key, most).await
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        self.0.find(id).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        self.0.list(owner).await
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.0.remove(owner, id).await
    }

    async fn touch(&self, _: &str, _: SystemTime) -> Result<(), Unavailable> {
        Err(Unavailable)
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn failed_last_use_update_warns_once_without_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let keys = ApiKeys::new("acme", "https://issuer.example", ReadOnly(MemoryApiKeys::new())).unwrap();
    let palisade = Palisade::builder().authenticator(keys.clone()).build().unwrap();
    let app = init_service(App::new().service(orders).wrap(palisade)).await;
    let ask = async |key: &str| {
        let request = TestRequest::get().uri("/orders").insert_header(("X-API-Key", key)).to_request();
        app.call(request).await.unwrap().status()
    };
    let key = keys.create(NewApiKey::new("u-1")).await.unwrap();
    let text = key.expose();
    let body = &text[..text.len() - 8];
    let (id, secret) = (key.record().id(), &body[body.len() - 64..]);
    for _ in 0..3 {
        assert_eq!(ask(text).await, 200);
    }
    for (invalid_key, word) in [
        ("acme".to_owned(), "api_key_malformed"),
        (format!("{body}00000000"), "api_key_checksum"),
        (with_sum(format!("acme_{}_{secret}", "0".repeat(32))), "api_key_unknown"),
        (with_sum(format!("acme_{id}_{}", "0".repeat(64))), "api_key_secret"),
    ] {
        assert_eq!(ask(&invalid_key).await, 401);
        let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(lines.lines().last().is_some_and(|line| line.contains(word)), "{word}: {lines}");
    }
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let warnings = lines.lines().filter(|line| line.contains("could not be recorded"));
    assert_eq!(warnings.count(), 1, "{lines}");
    assert!(!lines.contains(secret), "{lines}");
}

fn with_sum(body: String) -> String {
    // CRC-32 computed bit by bit, without the crate that the runtime uses, so that the test checks the documented
    // format.
    let crc = body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    format!("{body}{:08x}", !crc)
}
