//! A person with a browser at the provider, as far as it is HTTP: keeps cookies, follows redirects, and submits the forms for login,
//! consent and logout.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use url::{Url, form_urlencoded};

use super::{RealProvider, http_client};

/// Visits one provider, whose session stays until it is dropped.
pub struct Visitor<'p> {
    provider: &'p RealProvider,
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl<'p> Visitor<'p> {
    pub fn new(provider: &'p RealProvider) -> Self {
        Self { provider, client: http_client(), cookies: BTreeMap::new() }
    }

    /// Visits a page of the provider as this account, submits each form that it shows, and returns the URL outside of the provider that
    /// it redirects to.
    pub async fn visit(&mut self, url: &str, account: &str) -> Url {
        let mut at = Url::parse(url).expect("a URL");
        let mut request = self.client.get(at.clone());
        for _ in 0..20 {
            let answer = self.send(request).await;
            if answer.status().is_redirection() {
                at = at.join(answer.headers()[LOCATION].to_str().unwrap()).expect("a URL");
                if at.origin() != Url::parse(self.provider.issuer()).unwrap().origin() {
                    return at;
                }
                request = self.client.get(at.clone());
                continue;
            }
            let (status, page) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, StatusCode::OK, "{at}: {page}");
            let action = after(&page, "action=\"").unwrap_or_else(|| panic!("no form at {at}: {page}"));
            at = at.join(&action.replace("&amp;", "&")).expect("a URL");
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields(&page, account)).finish();
            let form = self.client.post(at.clone()).header("content-type", "application/x-www-form-urlencoded");
            request = form.body(body);
        }
        panic!("too many pages, the last one at {at}");
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, cookies.join("; ")).send().await.expect("the provider answers");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The hidden fields of a page, and what a person adds to them.
fn fields<'p>(page: &'p str, account: &'p str) -> Vec<(&'p str, &'p str)> {
    let hidden = page.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once('"').expect("a name");
        (name, after(rest, "value=\"").expect("a value"))
    });
    hidden.chain([("login", account), ("password", "any"), ("logout", "yes")]).collect()
}

/// The text between this one and the next quotation mark.
fn after<'p>(page: &'p str, text: &str) -> Option<&'p str> {
    page.split_once(text)?.1.split('"').next()
}
