//! OAuth 2.0 and OpenID Connect from end to end, against a certified provider (`oidc-provider` from npm) that the tests start on the
//! loopback interface. The tests need Node, and the packages that `tests/run` installs from npm into `target/provider`.

mod application;
mod bound;
mod discovery;
mod injection;
mod introspection;
mod mcp;
mod mcp_client;
mod provider_tokens;
mod run_time_issuers;
mod sign_in;
mod step_up;

use std::sync::OnceLock;

use palisade_tests::provider::{RealProvider, TOKEN_EXCHANGE};
use serde_json::{Value, json};

/// The resource whose access tokens are JWTs, and the one whose tokens are opaque (RFC 8707).
const JWT_RESOURCE: &str = "https://api.example/orders";
const OPAQUE_RESOURCE: &str = "https://api.example/opaque";
const CALLBACK: &str = "https://app.example/sign-in/callback";
/// A service that has tokens of its own.
const SERVICE: (&str, &str) = ("service", "the secret of the service, long enough");
/// An application that signs people in.
const APP: (&str, &str) = ("app", "the secret of the application, long enough");

/// A service whose tokens are bound to its certificate, if it shows one (RFC 8705).
const CERTIFIED: (&str, &str) = ("certified", "the secret of the certified service, long enough");

/// What the provider of a test knows. A test may change it.
fn setup() -> Value {
    json!({
        "scopes": ["orders:read", "orders:write"],
        "resources": {
            JWT_RESOURCE: {"scope": "orders:read orders:write"},
            OPAQUE_RESOURCE: {"scope": "orders:read", "format": "opaque"},
        },
        "accounts": {"ada": {"roles": ["admin"], "email": "ada@example.org"}, "bob": {"roles": []}},
        "clients": [
            {
                "client_id": SERVICE.0, "client_secret": SERVICE.1, "redirect_uris": [], "response_types": [],
                "grant_types": ["client_credentials", TOKEN_EXCHANGE],
            },
            {
                "client_id": APP.0, "client_secret": APP.1, "redirect_uris": [CALLBACK], "response_types": ["code"],
                "grant_types": ["authorization_code", "refresh_token"],
            },
            {
                "client_id": CERTIFIED.0, "client_secret": CERTIFIED.1, "redirect_uris": [], "response_types": [],
                "grant_types": ["client_credentials"], "tls_client_certificate_bound_access_tokens": true,
            },
        ],
    })
}

/// The provider that the tests of this binary share. Those that change it start one of their own. `None` if it is not installed.
fn provider() -> Option<&'static RealProvider> {
    static SHARED: OnceLock<Option<RealProvider>> = OnceLock::new();
    SHARED.get_or_init(|| RealProvider::start(&setup())).as_ref()
}
