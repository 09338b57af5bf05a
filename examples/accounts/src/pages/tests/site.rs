//! Sends what a browser sends.

use std::sync::atomic::{AtomicU8, Ordering};

use actix_http::Request;
use actix_web::{
    App,
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderMap, LOCATION, SET_COOKIE},
    },
    test::{TestRequest, init_service},
};
use tempfile::TempDir;

use crate::{
    app,
    db::{Db, NewAccount},
    email::Email,
    in_process::InProcess,
    model::DocumentText,
    roles::Role,
};

pub const PASSWORD: &str = "a pass phrase of this test";

/// All tests of this process count in the same memory, so each has addresses and emails of its own.
static SITES: AtomicU8 = AtomicU8::new(0);

/// A response.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The cookie of the session, as a browser sends it back.
    pub fn cookie(&self) -> Option<String> {
        let set = self.headers.get(SET_COOKIE)?.to_str().unwrap();
        Some(set.split(';').next().unwrap().to_owned())
    }

    /// Whether this is a page: HTML with a language, one heading of the first level, and a title.
    pub fn assert_page(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8", "{}", self.body);
        assert!(self.body.starts_with("<!doctype html>\n<html lang=\"en\">"), "{}", self.body);
        for once in ["<h1>", "<title>", "<main id=\"content\"", "href=\"#content\""] {
            assert_eq!(self.body.matches(once).count(), 1, "{once} in {}", self.body);
        }
        self
    }

    pub fn assert_has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "no {text:?} in {}", self.body);
        self
    }
}

/// The running application, with an account of Ada, one of an administrator, and a document of each.
pub struct Site<S> {
    app: S,
    number: u8,
    pub ada_email: String,
    pub admin_email: String,
    pub db: Db,
    pub ada: String,
    pub document: String,
    pub foreign_document: String,
    _folder: TempDir,
}

pub async fn start()
-> Site<impl Service<Request, Response = ServiceResponse<impl MessageBody + 'static>, Error = actix_web::Error>> {
    start_with(&[]).await
}

pub async fn start_with(
    settings: &[(&str, &str)],
) -> Site<impl Service<Request, Response = ServiceResponse<impl MessageBody + 'static>, Error = actix_web::Error>> {
    let InProcess { db, service, folder, .. } = InProcess::start(settings).await;
    let hash = service.passwords.hash(PASSWORD).await.unwrap();
    let number = SITES.fetch_add(1, Ordering::Relaxed);
    let (ada_email, admin_email) = (format!("ada{number}@example.com"), format!("root{number}@example.com"));
    let mut made = Vec::new();
    for (name, email, role) in [("Ada", &ada_email, Role::User), ("Root", &admin_email, Role::Admin)] {
        let email = Email::parse(email).unwrap();
        let account = NewAccount { name, email: &email, age: None, role, password_hash: Some(&hash) };
        let id = db.create_account(account).await.unwrap().id.to_string();
        let text = DocumentText { title: format!("of {name}"), body: "text".to_owned() };
        let document = db.insert_document(&id, &text).await.unwrap().unwrap().id.to_string();
        made.push((id, document));
    }
    let [(ada, document), (_, foreign_document)] = made.try_into().unwrap();
    let palisade = service.palisade.clone();
    let app = init_service(App::new().configure(|routes| app::configure(routes, &service)).wrap(palisade)).await;
    Site { app, number, ada_email, admin_email, db, ada, document, foreign_document, _folder: folder }
}

impl<S, B> Site<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    pub async fn send(&self, request: TestRequest) -> Answer {
        self.send_from(7, request).await
    }

    /// The address of a client of this site.
    pub fn address(&self, client: u8) -> String {
        format!("198.18.{}.{client}", self.number)
    }

    pub async fn send_from(&self, client: u8, request: TestRequest) -> Answer {
        self.send_as(client, request.insert_header(("host", "localhost"))).await
    }

    /// Sends a request that names its host.
    pub async fn send_as(&self, client: u8, request: TestRequest) -> Answer {
        let peer = format!("{}:4711", self.address(client)).parse().unwrap();
        let request = request.peer_addr(peer);
        // An unknown path is an error, which a server renders.
        let response = match self.app.call(request.to_request()).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response(),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.send(navigation(path).insert_header(("cookie", cookie))).await
    }

    pub async fn post(&self, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(form(path, fields).insert_header(("cookie", cookie))).await
    }

    /// Logs in, and returns the cookie of the session.
    pub async fn log_in(&self, email: &str) -> String {
        let answer = self.send(form("/login", &[("email", email), ("password", PASSWORD)])).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/app"), "{}", answer.body);
        answer.cookie().unwrap()
    }
}

/// A link that was followed.
pub fn navigation(path: &str) -> TestRequest {
    let request = TestRequest::get().uri(path).insert_header(("accept", "text/html"));
    request.insert_header(("sec-fetch-mode", "navigate")).insert_header(("sec-fetch-site", "same-origin"))
}

/// A form that was sent.
pub fn form(path: &str, fields: &[(&str, &str)]) -> TestRequest {
    let request = TestRequest::post().uri(path).insert_header(("accept", "text/html"));
    let request =
        request.insert_header(("sec-fetch-mode", "navigate")).insert_header(("sec-fetch-site", "same-origin"));
    request.insert_header(("origin", "https://localhost")).set_form(fields)
}
