//! A server in process with a data folder of its own, and requests to it.

use std::path::Path;

use actix_web::{
    App,
    http::{Method, StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};
use conduit::{app::Service, config::Config};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PASSWORD: &str = "a pass phrase";

/// A server whose clients are nobody yet.
pub struct Server {
    pub service: Service,
    pub folder: TempDir,
}

/// A response whose body was read.
pub struct Reply {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
}

/// A caller of a server. Without a token it is anonymous.
#[derive(Clone)]
pub struct Client<'s> {
    service: &'s Service,
    token: Option<String>,
}

/// Reads the settings as they are in the environment, with a data folder below `folder`.
pub fn config(folder: &Path, more: &[(&str, &str)]) -> Config {
    let data = folder.join("data").into_os_string();
    let more = more.iter().map(|(name, value)| (name.into(), value.into()));
    Config::from_env([("CONDUIT_DATA".into(), data)].into_iter().chain(more)).unwrap()
}

impl Server {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::open(&config(folder.path(), settings)).await.unwrap();
        Self { service, folder }
    }

    /// Stops the server and starts another one with the same data.
    pub async fn restart(self) -> Self {
        self.restart_without("").await
    }

    /// As [`restart`](Self::restart), after the files were removed whose names begin with this text.
    pub async fn restart_without(self, files: &str) -> Self {
        let Self { service, folder } = self;
        service.db.close().await;
        drop(service);
        for file in std::fs::read_dir(folder.path().join("data")).unwrap().map(Result::unwrap) {
            if !files.is_empty() && file.file_name().to_string_lossy().starts_with(files) {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        let service = Service::open(&config(folder.path(), &[])).await.unwrap();
        Self { service, folder }
    }

    pub fn anyone(&self) -> Client<'_> {
        Client { service: &self.service, token: None }
    }

    /// Registers a user, whose email is `name@example.com`.
    pub async fn user(&self, name: &str) -> Client<'_> {
        let user = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        let reply = self.anyone().post("/users", json!({"user": user})).await.expect(201);
        self.anyone().bearing(reply.json()["user"]["token"].as_str().unwrap())
    }
}

impl Client<'_> {
    pub fn bearing(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// Without a body, as `POST` of a favorite.
    pub async fn touch(&self, path: &str) -> Reply {
        self.send(Method::POST, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Publishes an article and returns its slug.
    pub async fn publish(&self, title: &str, tags: &[&str]) -> String {
        let article = json!({"title": title, "description": "about", "body": "text", "tagList": tags});
        let reply = self.post("/articles", json!({"article": article})).await.expect(201);
        reply.json()["article"]["slug"].as_str().unwrap().to_owned()
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = TestRequest::with_uri(&format!("/api{path}")).method(method);
        request = request.peer_addr(([192, 0, 2, 1], 1).into());
        if let Some(token) = &self.token {
            request = request.insert_header((header::AUTHORIZATION, format!("Token {token}")));
        }
        if let Some(body) = body {
            request = request.set_json(body);
        }
        self.call(request).await
    }

    /// Sends a request as it is, without the token.
    pub async fn call(&self, request: TestRequest) -> Reply {
        let app = App::new().configure(|app| self.service.configure(app)).wrap(self.service.palisade.clone());
        let response = call_service(&init_service(app).await, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        Reply { status, headers, text }
    }
}

impl Reply {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Checks that the response is an error in the format of the RealWorld API, and returns its lines.
    #[track_caller]
    pub fn errors(self, status: u16) -> Vec<String> {
        let reply = self.expect(status);
        assert_eq!(reply.headers.get(header::CONTENT_TYPE).unwrap(), "application/json");
        let lines: Vec<String> = serde_json::from_value(reply.json()["errors"]["body"].clone()).unwrap();
        assert_eq!(reply.json(), json!({"errors": {"body": lines}}));
        lines
    }

    /// The slugs of a list of articles.
    #[track_caller]
    pub fn slugs(self) -> Vec<String> {
        let list = self.expect(200).json();
        let slugs = list["articles"].as_array().unwrap().iter().map(|article| article["slug"].as_str().unwrap().into());
        slugs.collect()
    }
}
