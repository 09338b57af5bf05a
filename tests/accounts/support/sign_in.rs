//! A server that signs people in at a real OpenID provider, which trusts its certificate and can call it.

use std::path::Path;
use std::sync::Arc;

use palisade_tests::provider::RealProvider;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::fresh_data;
use super::{ADMIN_PASSWORD, Server, free_port};

/// Both stop when this is dropped.
pub struct SignInServer {
    pub provider: RealProvider,
    pub server: Server,
    /// Such as `https://localhost:41234`.
    pub base: String,
    /// The certificate that clients of the server have to trust.
    pub certificate: String,
    settings: Vec<(&'static str, String)>,
    _files: TempDir,
}

impl SignInServer {
    /// Starts both, with these accounts at the provider. `None` if the provider is not installed.
    pub fn start(accounts: &Value) -> Option<Self> {
        // The provider must know the addresses before the server runs.
        let port = free_port();
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
        let settings = vec![
            ("ACCOUNTS_ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
            ("ACCOUNTS_LISTEN", format!("127.0.0.1:{port}")),
            ("ACCOUNTS_TLS_CERT", text(&chain)),
            ("ACCOUNTS_TLS_KEY", text(&key)),
            ("ACCOUNTS_OIDC_ISSUER", provider.issuer().to_owned()),
            ("ACCOUNTS_OIDC_CLIENT_ID", "accounts".to_owned()),
            ("ACCOUNTS_OIDC_CLIENT_SECRET", secret.to_owned()),
            ("ACCOUNTS_OIDC_CALLBACK", callback),
            ("ACCOUNTS_OIDC_AFTER_LOGOUT", home),
        ];
        let server = started(fresh_data(), &settings);
        assert_eq!(server.https.port(), port);
        Some(Self { provider, server, base, certificate, settings, _files: files })
    }

    /// The same after a restart of the server, which then knows nothing of the provider any longer.
    pub fn restarted(self) -> Self {
        let data = self.server.stop().data;
        Self { server: started(data, &self.settings), ..self }
    }
}

fn started(data: Arc<TempDir>, settings: &[(&'static str, String)]) -> Server {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start_in(data, &settings)
}
