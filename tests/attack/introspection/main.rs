//! CWE-287, CWE-400, CWE-613, CWE-636, RFC 7662 §4: answers about opaque tokens that lie, tokens that end or are revoked, a provider that is
//! slow or down, and floods of random tokens.
//!
//! The provider is real HTTP in this process. Each test has a clock of its own.

mod bounds;
mod caching;
mod faults;
mod lies;
mod outages;

use std::time::Duration;

use palisade::oauth::{Introspection, IntrospectionBuilder, OAuthClient, Provider};
use palisade::testing::ManualClock;
use palisade::{Palisade, PalisadeBuilder};
use palisade_tests::liar::{Liar, Scripted};
use palisade_tests::{AUDIENCE, get_request};
use serde_json::{Value, json};

const PATH: &str = "/introspection";
const CLIENT: &str = "orders-api";
const CLIENT_SECRET: &str = "s3cret of the client";

/// An application in this process that uses these authenticators.
macro_rules! app {
    ($builder:expr) => {
        actix_web::test::init_service(
            actix_web::App::new().service(palisade_tests::site::routes()).wrap($builder.build().unwrap()),
        )
        .await
    };
}
pub(crate) use app;

/// `GET /me` with this token.
macro_rules! get_me {
    ($app:expr, $token:expr) => {
        palisade_tests::call(&$app, crate::request($token)).await
    };
}
pub(crate) use get_me;

fn request(token: impl AsRef<str>) -> actix_web::test::TestRequest {
    get_request("/me").insert_header(("authorization", format!("Bearer {}", token.as_ref())))
}

/// A provider that says that each token is good, and who asks it.
struct Setting {
    liar: Liar,
    clock: ManualClock,
}

impl Setting {
    fn new() -> Self {
        let setting = Self { liar: Liar::provider(&[]), clock: ManualClock::new() };
        setting.says(&setting.good());
        setting
    }

    /// What an honest provider says about a good token that ends in ten minutes.
    fn good(&self) -> Value {
        json!({
            "active": true, "iss": self.liar.origin(), "aud": AUDIENCE, "sub": "u-1", "client_id": "app", "scope": "orders:read",
            "exp": self.now() + 600, "token_type": "Bearer",
        })
    }

    /// Seconds since 1970.
    fn now(&self) -> u64 {
        self.clock.wall_time().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    }

    /// From now on the provider says this about each token.
    fn says(&self, answer: &Value) {
        self.liar.answer(PATH, Scripted::json(200, answer));
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn builder(&self) -> IntrospectionBuilder {
        let provider = Provider::builder(self.liar.origin()).clock(&self.clock).timeout(Duration::from_millis(500));
        let client = OAuthClient::secret_basic(CLIENT, CLIENT_SECRET);
        Introspection::builder(&provider.build().unwrap(), client).audience(AUDIENCE).clock(&self.clock)
    }

    fn tokens(&self) -> Introspection {
        self.builder().build().unwrap()
    }

    fn palisade(&self) -> PalisadeBuilder {
        Palisade::builder().authenticator(self.tokens())
    }

    /// How often the provider was asked about a token.
    fn calls(&self) -> usize {
        self.liar.calls(PATH)
    }
}
