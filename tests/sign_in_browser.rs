//! A browser that signs in to an application in process, as far as it is cookies and redirects.

use std::cell::RefCell;
use std::collections::BTreeMap;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use url::Url;

use crate::liar::Liar;
use crate::tokens::now;
use crate::{TestResponse, call, request};

/// The cookies of one browser.
#[derive(Clone, Default)]
pub struct Browser(pub RefCell<BTreeMap<String, String>>);

impl Browser {
    pub async fn get<S, B>(&self, app: &S, path: &str) -> TestResponse
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        self.send(app, request(Method::GET, path)).await
    }

    /// Opens the address as a page, such as by a link.
    pub async fn navigates<S, B>(&self, app: &S, path: &str) -> TestResponse
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        self.send(app, request(Method::GET, path).insert_header(("sec-fetch-mode", "navigate"))).await
    }

    async fn send<S, B>(&self, app: &S, request: TestRequest) -> TestResponse
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        let cookies: Vec<_> = self.0.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = call(app, request.insert_header(("cookie", cookies.join("; ")))).await;
        for cookie in response.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Lax"));
            assert!(cookie.contains("Path=/") && !cookie.contains("Domain") && cookie.len() < 4096, "{cookie}");
            match value {
                "" => self.0.borrow_mut().remove(name),
                _ => self.0.borrow_mut().insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }

    /// Begins a sign-in and returns what the provider is asked.
    pub async fn begins<S, B>(&self, app: &S, path: &str) -> Asked
    where
        S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody,
    {
        let response = self.get(app, path).await;
        assert_eq!((response.status.as_u16(), response.header("cache-control")), (303, "no-store"), "{response:?}");
        Asked(Url::parse(response.header("location")).unwrap())
    }

    pub fn flow_cookies(&self) -> Vec<String> {
        self.0.borrow().keys().filter(|name| name.starts_with("__Host-sign-in-")).cloned().collect()
    }
}

/// An authorization request.
pub struct Asked(pub Url);

impl Asked {
    pub fn value(&self, name: &str) -> String {
        let mut values = self.0.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value.into_owned());
        let value = values.next().unwrap_or_default();
        assert!(values.next().is_none(), "{name} is repeated: {}", self.0);
        value
    }

    /// Honest claims of an ID token for it.
    pub fn claims(&self, liar: &Liar) -> Value {
        let now = now();
        json!({
            "iss": liar.origin(), "aud": self.value("client_id"), "sub": "ada", "nonce": self.value("nonce"), "iat": now, "exp": now + 300,
            "name": "Ada",
        })
    }

    /// The path of an honest answer.
    pub fn answer(&self, liar: &Liar) -> String {
        self.answer_with(&[("code", "c0de"), ("state", &self.value("state")), ("iss", liar.origin())])
    }

    pub fn answer_with(&self, fields: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        format!("/sign-in/callback?{query}")
    }
}
