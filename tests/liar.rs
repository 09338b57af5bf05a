//! A provider that answers from a script, also wrongly: any status, header and body, late, without end, or not at all. It counts the
//! calls and keeps what it was asked.
//!
//! It runs in threads of its own on a free port of the loopback interface, so it needs no runtime and can block.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the liar answers to one call.
#[derive(Clone, Debug)]
pub struct Scripted {
    status: u16,
    headers: Vec<(String, String)>,
    body: ScriptedBody,
    delay: Duration,
}

#[derive(Clone, Debug)]
enum ScriptedBody {
    Bytes(actix_web::web::Bytes),
    /// So many bytes of one letter, announced by `Content-Length`.
    Length(u64),
    /// Chunks until the client hangs up.
    Endless,
    /// The head announces more than there is, and the connection ends.
    CutOff,
    /// The connection ends without a head.
    Nothing,
}

impl Scripted {
    /// An answer with this status and text, without `Content-Type`.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, text.into().into_bytes())
    }

    /// A body that may be no text.
    pub fn bytes(status: u16, bytes: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body: ScriptedBody::Bytes(bytes.into()), delay: Duration::ZERO }
    }

    pub fn json(status: u16, json: &Value) -> Self {
        Self::text(status, json.to_string()).header("content-type", "application/json")
    }

    /// A body of so many bytes that is not JSON.
    pub fn long(bytes: u64) -> Self {
        Self { body: ScriptedBody::Length(bytes), ..Self::json(200, &Value::Null) }
    }

    /// A body without an end.
    pub fn endless() -> Self {
        Self { body: ScriptedBody::Endless, ..Self::json(200, &Value::Null) }
    }

    /// A connection that ends within the body.
    pub fn cut_off() -> Self {
        Self { body: ScriptedBody::CutOff, ..Self::json(200, &Value::Null) }
    }

    /// A connection that ends without an answer.
    pub fn nothing() -> Self {
        Self { body: ScriptedBody::Nothing, ..Self::text(200, "") }
    }

    /// A redirect to this URL.
    pub fn redirect(to: &str) -> Self {
        Self::text(302, "").header("location", to)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The answer comes after this time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Writes the answer. `Ok(true)` if the connection can be used again.
    fn write(&self, stream: &mut TcpStream, sent: &AtomicU64) -> io::Result<bool> {
        thread::sleep(self.delay);
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut write = |bytes: &[u8]| {
            stream.write_all(bytes)?;
            sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            Ok::<_, io::Error>(())
        };
        let block = [b'a'; 8192];
        match &self.body {
            ScriptedBody::Bytes(bytes) => {
                let head = format!("{head}content-length: {}\r\n\r\n", bytes.len());
                return write(&[head.as_bytes(), bytes].concat()).map(|()| true);
            }
            ScriptedBody::Length(length) => {
                write(format!("{head}content-length: {length}\r\n\r\n").as_bytes())?;
                let mut left = *length;
                while left > 0 {
                    let size = left.min(8192);
                    write(&block[..usize::try_from(size).unwrap()])?;
                    left -= size;
                }
                return Ok(true);
            }
            ScriptedBody::Endless => {
                write(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
                loop {
                    write(b"2000\r\n")?;
                    write(&block)?;
                    write(b"\r\n")?;
                }
            }
            ScriptedBody::CutOff => write(format!("{head}content-length: 1000\r\n\r\n{{").as_bytes())?,
            ScriptedBody::Nothing => {}
        }
        Ok(false)
    }
}

/// One call, as the liar received it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    /// The value of the only header of this name. Empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = values.next().map_or("", |(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }

    /// The fields of a form, in their order.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    /// The value of the only field of this name. Empty if it is missing.
    pub fn field(&self, name: &str) -> String {
        let mut values = self.form().into_iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let value = values.next().unwrap_or_default();
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }
}

type Script = Arc<dyn Fn(&Asked) -> Scripted + Send + Sync>;

/// A lying provider. It ends when this is dropped.
pub struct Liar {
    origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    asked: Mutex<Vec<Asked>>,
    sent: AtomicU64,
    connections: AtomicU64,
    /// Connections end at once.
    down: AtomicBool,
    ended: AtomicBool,
}

impl Liar {
    /// Starts one that answers 404 to everything.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { origin, shared }
    }

    /// Starts one with honest metadata at both well-known paths, and this JWK set (RFC 7517).
    pub fn provider(keys: &[Value]) -> Self {
        let liar = Self::start();
        liar.answer("/jwks", Scripted::json(200, &json!({ "keys": keys })));
        liar.publish(&liar.metadata());
        liar
    }

    /// Such as `http://127.0.0.1:41234`: also its issuer, if it is honest.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Honest metadata (RFC 8414), to be changed by a test. The path of each endpoint is the word before `_endpoint`.
    pub fn metadata(&self) -> Value {
        json!({
            "issuer": self.origin,
            "jwks_uri": self.url("/jwks"),
            "authorization_endpoint": self.url("/authorization"),
            "token_endpoint": self.url("/token"),
            "introspection_endpoint": self.url("/introspection"),
            "userinfo_endpoint": self.url("/userinfo"),
            "revocation_endpoint": self.url("/revocation"),
            "end_session_endpoint": self.url("/end_session"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Answers with this metadata at both well-known paths.
    pub fn publish(&self, metadata: &Value) {
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            self.answer(path, Scripted::json(200, metadata));
        }
    }

    /// Answers each call of this path so from now on.
    pub fn answer(&self, path: &str, answer: Scripted) {
        self.script(path, move |_| answer.clone());
    }

    /// Answers each call of this path by this function from now on.
    pub fn script(&self, path: &str, script: impl Fn(&Asked) -> Scripted + Send + Sync + 'static) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Arc::new(script));
    }

    /// From now on each connection ends without an answer.
    pub fn go_down(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
    }

    pub fn come_back(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// The calls of a path since the start, in their order. A call while the provider is down is not among them.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// How often a path was called.
    pub fn calls(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// How many connections were made, also while it was down.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many bytes it could send.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The listener waits for one more connection.
        drop(TcpStream::connect(self.origin.trim_start_matches("http://")));
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        // An error is a client that has gone.
        while let Ok(true) = self.serve_call(&mut reader, stream) {}
        drop(stream.shutdown(Shutdown::Both));
    }

    /// Answers one call. `Ok(true)` if another can follow.
    fn serve_call(&self, reader: &mut BufReader<&TcpStream>, stream: &TcpStream) -> io::Result<bool> {
        if self.down.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let Some(asked) = read_call(reader)? else { return Ok(false) };
        if self.down.load(Ordering::SeqCst) || self.ended.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let script = self.scripts.lock().unwrap().get(&asked.path).cloned();
        self.asked.lock().unwrap().push(asked.clone());
        let answer = script.map_or_else(|| Scripted::text(404, ""), |script| script(&asked));
        answer.write(&mut stream.try_clone()?, &self.sent)
    }
}

fn read_call(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path, query, headers, body: String::new() };
    let length: u64 = asked.header("content-length").parse().unwrap_or(0);
    reader.take(length).read_to_string(&mut asked.body)?;
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    #[tokio::test]
    async fn answers_from_the_script_and_keeps_what_it_was_asked() {
        let liar = Liar::provider(&[]);
        let client = client();
        let metadata = client.get(liar.url("/.well-known/openid-configuration")).send().await.unwrap();
        assert_eq!(metadata.json::<Value>().await.unwrap()["issuer"], liar.origin());
        liar.script("/token", |asked| Scripted::json(400, &json!({ "error": asked.field("grant_type") })));
        let answer = client.post(liar.url("/token?a=b")).body("grant_type=x%20y&scope=").send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "x y");
        let [asked] = &liar.asked("/token")[..] else { panic!("one call") };
        assert_eq!((asked.method.as_str(), asked.query.as_str()), ("POST", "a=b"));
        assert_eq!(client.get(liar.url("/other")).send().await.unwrap().status(), 404);
        assert_eq!(liar.connections(), 1, "the connection is kept");
    }

    #[tokio::test]
    async fn bodies_that_do_not_end_well() {
        let liar = Liar::start();
        let client = client();
        for (path, answer) in [("/cut", Scripted::cut_off()), ("/nothing", Scripted::nothing())] {
            liar.answer(path, answer);
            let answer = client.get(liar.url(path)).send().await;
            assert!(async { answer?.bytes().await }.await.is_err(), "{path}");
            assert_eq!(liar.calls(path), 1);
        }
        liar.answer("/long", Scripted::long(20_000));
        assert_eq!(client.get(liar.url("/long")).send().await.unwrap().bytes().await.unwrap().len(), 20_000);
        liar.answer("/endless", Scripted::endless());
        let mut endless = client.get(liar.url("/endless")).send().await.unwrap();
        for _ in 0..100 {
            assert!(!endless.chunk().await.unwrap().unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn is_down_late_and_back() {
        let liar = Liar::start();
        let client = client();
        liar.answer("/", Scripted::text(200, "here").after(Duration::from_millis(200)));
        let began = std::time::Instant::now();
        assert_eq!(client.get(liar.url("/")).send().await.unwrap().status(), 200);
        assert!(began.elapsed() >= Duration::from_millis(200));
        liar.go_down();
        assert!(client.get(liar.url("/")).send().await.is_err());
        liar.come_back();
        assert_eq!(client.get(liar.url("/")).send().await.unwrap().text().await.unwrap(), "here");
        assert_eq!(liar.calls("/"), 2);
    }
}
