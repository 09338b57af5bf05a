//! A server that signs people in at a real OpenID provider, which trusts its certificate and can call it.

use std::net::TcpListener;
use std::path::Path;

use palisade_tests::provider::RealProvider;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Server;

/// Both stop when this is dropped.
pub struct SignInServer {
    pub provider: RealProvider,
    pub server: Server,
    /// Such as `https://localhost:41234`.
    pub base: String,
    /// The certificate that clients of the server have to trust.
    pub certificate: String,
    _files: TempDir,
}

impl SignInServer {
    /// Starts both, with these accounts at the provider. `None` if the provider is not installed.
    pub fn start(accounts: &Value) -> Option<Self> {
        // The provider must know the addresses before the server runs.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = format!("https://localhost:{port}");
        let (callback, home) = (format!("{base}/sign-in/callback"), format!("{base}/"));
        let secret = "the secret of accounts, long enough";
        let setup = json!({
            "accounts": accounts,
            "clients": [{
                "client_id": "accounts", "client_secret": secret, "redirect_uris": [callback], "response_types": ["code"],
                "grant_types": ["authorization_code"], "post_logout_redirect_uris": [home],
                "backchannel_logout_uri": format!("{base}/auth/back-channel-logout"),
                "backchannel_logout_session_required": true,
            }],
        });
        let files = TempDir::new().unwrap();
        let [chain, key] = ["tls.crt", "tls.key"].map(|name| files.path().join(name));
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = own.cert.pem();
        std::fs::write(&chain, &certificate).unwrap();
        std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
        let text = |path: &Path| path.to_str().expect("a path of the test").to_owned();
        let provider = RealProvider::start_trusting(&setup, &chain)?;
        let server = Server::start(&[
            ("ACCOUNTS_LISTEN", &format!("127.0.0.1:{port}")),
            ("ACCOUNTS_TLS_CERT", &text(&chain)),
            ("ACCOUNTS_TLS_KEY", &text(&key)),
            ("ACCOUNTS_OIDC_ISSUER", provider.issuer()),
            ("ACCOUNTS_OIDC_CLIENT_ID", "accounts"),
            ("ACCOUNTS_OIDC_CLIENT_SECRET", secret),
            ("ACCOUNTS_OIDC_CALLBACK", &callback),
            ("ACCOUNTS_OIDC_AFTER_LOGOUT", &home),
        ]);
        assert_eq!(server.https.port(), port);
        Some(Self { provider, server, base, certificate, _files: files })
    }
}
