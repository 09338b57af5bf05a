//! A client that trusts only the server's generated certificate, and checks each response.

use reqwest::{
    Certificate, ClientBuilder, Method, RequestBuilder, StatusCode, Version,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
    redirect,
};
use serde_json::{Value, json};

use super::{Server, TEST_TIMEOUT};

/// Headers that each response over TLS must have, whatever its status.
const SECURITY_HEADERS: [(&str, &str); 8] = [
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src '"),
    ("referrer-policy", ""),
    ("permissions-policy", ""),
    ("cross-origin-opener-policy", ""),
    ("cross-origin-resource-policy", ""),
];

/// A client. Its clones have other credentials or another address, one for each caller in a test.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    key: Option<String>,
    forwarded_for: Option<String>,
}

impl Client {
    /// Uses HTTP/2, which TLS negotiates.
    pub fn new(server: &Server) -> Self {
        Self::built(server, |builder| builder)
    }

    /// Uses HTTP/1.1 with one connection for each request, so that requests spread over the workers.
    pub fn scattered(server: &Server) -> Self {
        Self::built(server, |builder| builder.http1_only().pool_max_idle_per_host(0))
    }

    fn built(server: &Server, with: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let pem = std::fs::read(server.data().join("tls.crt")).expect("the generated certificate");
        Self::with_root(server, &pem, with)
    }

    /// Trusts this certificate instead of the generated one.
    pub fn trusting(server: &Server, pem: &str) -> Self {
        Self::with_root(server, pem.as_bytes(), |builder| builder)
    }

    fn with_root(server: &Server, pem: &[u8], with: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let builder = reqwest::Client::builder()
            .tls_certs_only([Certificate::from_pem(pem).expect("PEM")])
            .https_only(true)
            .no_proxy()
            .timeout(TEST_TIMEOUT)
            .redirect(redirect::Policy::none());
        let base = format!("https://{}", server.https);
        Self { http: with(builder).build().expect("a client"), base, token: None, key: None, forwarded_for: None }
    }

    /// The same client with this token.
    pub fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same client with this API key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The same client, which claims to forward for this address.
    pub fn forwarding_for(&self, address: &str) -> Self {
        Self { forwarded_for: Some(address.to_owned()), ..self.clone() }
    }

    /// A request that the test can modify.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", address);
        }
        request
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        TestResponse::to(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> TestResponse {
        TestResponse::to(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> TestResponse {
        TestResponse::to(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> TestResponse {
        TestResponse::to(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> TestResponse {
        TestResponse::to(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn login(&self, email: &str, password: &str) -> TestResponse {
        self.post("/auth/login", json!({"email": email, "password": password})).await
    }

    /// Exchanges a refresh token for a new pair of tokens.
    pub async fn refresh(&self, token: &str) -> TestResponse {
        self.post("/auth/refresh", json!({"refresh_token": token})).await
    }

    /// Logs in, which must succeed, and returns the access token and the refresh token.
    pub async fn pair(&self, email: &str, password: &str) -> [String; 2] {
        self.login(email, password).await.expect(200).pair()
    }

    /// Logs in, which must succeed, and returns the access token.
    pub async fn token(&self, email: &str, password: &str) -> String {
        let response = self.login(email, password).await.expect(200);
        assert_eq!((&response.body["token_type"], &response.body["expires_in"]), (&json!("Bearer"), &json!(900)));
        response.body["access_token"].as_str().expect("a token").to_owned()
    }
}

/// A response that was read to the end.
#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub version: Version,
    pub headers: HeaderMap,
    pub text: String,
    /// The body, or `null` if it is not JSON.
    pub body: Value,
}

impl TestResponse {
    /// Sends the request.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server responds");
        let (status, version, headers) = (response.status(), response.version(), response.headers().clone());
        let text = response.text().await.expect("the body is complete");
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, version, headers, text, body }
    }

    /// Expects this status and the security headers, and the common format if it is an error.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        for (name, value) in SECURITY_HEADERS {
            let found = self.header(name).unwrap_or_else(|| panic!("no {name}: {self:#?}"));
            assert!(found.starts_with(value), "{name}: {found}");
        }
        let policy = self.header("content-security-policy").unwrap_or_default();
        for directive in ["base-uri 'none'", "frame-ancestors 'none'", "form-action '"] {
            assert!(policy.contains(directive), "{policy}");
        }
        if status >= 400 {
            let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
            assert!(kind.starts_with("application/problem+json"), "{self:#?}");
            assert_eq!(self.body["status"], status, "{self:#?}");
            assert!(self.body["type"].is_string() && self.body["title"].is_string(), "{self:#?}");
        }
        match status {
            401 => assert!(self.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer"))),
            405 => assert!(self.header("allow").is_some(), "{self:#?}"),
            429 => assert!(self.retry_after() >= 1, "{self:#?}"),
            _ => {}
        }
        self
    }

    /// Expects 422 with errors at exactly these pointers or parameters, in this order.
    #[track_caller]
    pub fn expect_invalid(self, places: &[&str]) -> Self {
        let response = self.expect(422);
        let errors = response.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {response:#?}"));
        let place = |error: &Value| error["pointer"].as_str().or(error["parameter"].as_str()).map(str::to_owned);
        let named: Vec<_> = errors.iter().filter_map(place).collect();
        assert_eq!(named, places, "{response:#?}");
        response
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("visible ASCII"))
    }

    /// In whole seconds.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let value = self.header("retry-after").expect("Retry-After");
        value.parse().expect("whole seconds")
    }

    /// The access token and the refresh token in the body.
    #[track_caller]
    pub fn pair(&self) -> [String; 2] {
        ["access_token", "refresh_token"].map(|name| self.body[name].as_str().expect("a token").to_owned())
    }

    /// The id of the user in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }
}
