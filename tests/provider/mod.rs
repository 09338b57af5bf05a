//! A real OpenID provider for tests: `oidc-provider` from npm, on a free port of the loopback interface. It ends with the test process,
//! even by a signal, because its standard input is closed then.

mod visitor;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};
use url::form_urlencoded;

pub use self::visitor::Visitor;
use crate::node::{packages, script};

/// The grant type of RFC 8693, which a client must have among its `grant_types`.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A running provider. It ends when this is dropped.
pub struct RealProvider {
    issuer: String,
    running: Mutex<Running>,
}

struct Running {
    node: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Running {
    /// The next answer.
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the provider writes an answer");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not an answer of the provider: {line:?}"))
    }

    fn send(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("the provider reads commands");
    }
}

impl RealProvider {
    /// Starts a provider with this setup, whose members `provider.mjs` explains. `None` if Node or the packages are not
    /// installed; in CI this fails instead.
    pub fn start(setup: &Value) -> Option<Self> {
        Self::start_with(setup, Command::new("node"))
    }

    /// The same. It also trusts this certificate (PEM) when it calls an application over HTTPS.
    pub fn start_trusting(setup: &Value, certificate: &Path) -> Option<Self> {
        let mut node = Command::new("node");
        node.env("NODE_EXTRA_CA_CERTS", certificate);
        Self::start_with(setup, node)
    }

    fn start_with(setup: &Value, mut node: Command) -> Option<Self> {
        let folder = packages("provider", &[])?;
        node.arg(script("provider", "provider.mjs", &folder));
        let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node starts");
        let (commands, answers) = (node.stdin.take().unwrap(), BufReader::new(node.stdout.take().unwrap()));
        let mut running = Running { node, commands, answers };
        running.send(setup);
        let issuer = running.answer()["issuer"].as_str().expect("an issuer").to_owned();
        Some(Self { issuer, running: Mutex::new(running) })
    }

    /// Such as `http://127.0.0.1:41234`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Runs a command, and returns its answer.
    fn command(&self, name: &str) -> Value {
        let mut running = self.running.lock().unwrap();
        running.send(&json!({ "do": name }));
        let answer = running.answer();
        assert_eq!(answer["done"], name, "{answer}");
        answer
    }

    /// From now on new keys sign. Those of before stay in the key set.
    pub fn rotate_keys(&self) {
        self.command("rotate keys");
    }

    /// Removes all keys but the newest from the key set.
    pub fn withdraw_keys(&self) {
        self.command("withdraw keys");
    }

    /// From now on connections are closed without an answer.
    pub fn go_down(&self) {
        self.command("accept no calls");
    }

    pub fn come_back(&self) {
        self.command("accept calls");
    }

    /// How often a path was called with a method, such as `POST /token`.
    pub fn calls(&self, call: &str) -> u64 {
        self.command("counts")["counts"][call].as_u64().unwrap_or(0)
    }

    /// Posts a form to a path as this client, authenticated by `client_secret_basic`.
    pub async fn post(&self, path: &str, client: (&str, &str), form: &[(&str, &str)]) -> Response {
        self.post_with(path, client, form, &[]).await
    }

    /// The same with these headers.
    async fn post_with(
        &self,
        path: &str,
        client: (&str, &str),
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let credentials = STANDARD.encode(format!("{}:{}", client.0, client.1));
        let request = http_client().post(format!("{}{path}", self.issuer)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.header("authorization", format!("Basic {credentials}")).send().await.expect("the provider answers")
    }

    /// The answer of the token endpoint to this form.
    pub async fn tokens(&self, client: (&str, &str), form: &[(&str, &str)]) -> Value {
        self.tokens_with(client, form, &[]).await
    }

    /// The answer of the token endpoint to this form with these headers.
    pub async fn tokens_with(&self, client: (&str, &str), form: &[(&str, &str)], headers: &[(&str, &str)]) -> Value {
        let answer = self.post_with("/token", client, form, headers).await;
        let (status, json) = (answer.status(), answer.json::<Value>().await.expect("JSON"));
        assert!(status.is_success(), "{status}: {json}");
        json
    }

    /// An access token of the client itself (client credentials, RFC 6749 §4.4) for this resource (RFC 8707).
    pub async fn client_token(&self, client: (&str, &str), resource: &str, scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("resource", resource), ("scope", scope)];
        self.tokens(client, &form).await["access_token"].as_str().expect("a token").to_owned()
    }
}

impl Drop for RealProvider {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The process is one that this value started.
        running.node.kill().and_then(|()| running.node.wait()).expect("the provider ends");
    }
}

/// A client that follows no redirects.
fn http_client() -> Client {
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
    client.timeout(Duration::from_secs(20)).build().unwrap()
}
