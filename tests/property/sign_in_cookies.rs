//! The cookie of a sign-in is whatever the client sends (CWE-565): nothing but the very cookie that was set is ever accepted, and nothing makes the
//! reader panic.

use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use palisade::oauth::{OAuthClient, Provider, ProviderEndpoint, SignIn};
use palisade::session::ReturnPath;
use palisade::{Palisade, Problem, get, public};
use palisade_tests::{call, request};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use url::Url;

#[get("/sign-in")]
#[public]
async fn begin(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    Ok(sign_in.begin(&request, &ReturnPath::default()).await?)
}

#[get("/callback")]
#[public]
async fn callback(request: HttpRequest, sign_in: Data<SignIn>) -> Result<String, Problem> {
    Ok(sign_in.complete(&request).await?.subject().to_owned())
}

/// What is done to the value of the cookie.
#[derive(Clone, Debug)]
enum Change {
    Arbitrary(String),
    Replace(usize, char),
    Insert(usize, char),
    Cut(usize),
    Tail(usize),
    Swap(usize, usize),
    Repeat,
    Quote,
}

impl Change {
    fn of(&self, cookie: &str) -> String {
        let at = |index: &usize| index % cookie.len();
        let mut text: Vec<char> = cookie.chars().collect();
        match self {
            Self::Arbitrary(text) => return text.clone(),
            Self::Replace(index, with) => text[at(index)] = *with,
            Self::Insert(index, new) => text.insert(at(index), *new),
            Self::Cut(index) => text.truncate(at(index)),
            Self::Tail(index) => drop(text.drain(..at(index))),
            Self::Swap(one, other) => text.swap(at(one), at(other)),
            Self::Repeat => text.extend(cookie.chars()),
            Self::Quote => return format!("\"{}\"", &cookie[1..]),
        }
        text.into_iter().collect()
    }
}

/// Characters that a header may have.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::char::range('!', '~'),
        Just(' '),
        Just('\t'),
        prop::char::range('\u{80}', '\u{ff}'),
        prop::sample::select(vec!['A', '-', '_', '=', '+', '/', ';', ',', '"', '%']),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let text = |most| prop::collection::vec(character(), 0..most).prop_map(|all| all.into_iter().collect::<String>());
    prop_oneof![
        text(300).prop_map(Change::Arbitrary),
        "[A-Za-z0-9_-]{0,600}".prop_map(Change::Arbitrary),
        (any::<usize>(), character()).prop_map(|(index, with)| Change::Replace(index, with)),
        (any::<usize>(), character()).prop_map(|(index, new)| Change::Insert(index, new)),
        any::<usize>().prop_map(Change::Cut),
        any::<usize>().prop_map(Change::Tail),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Change::Swap(one, other)),
        Just(Change::Repeat),
        Just(Change::Quote),
    ]
}

#[actix_web::test]
async fn no_other_cookie_than_the_one_that_was_set_is_accepted() {
    // The port of nobody: an accepted cookie would be followed by a call, and the response would not be immediate.
    let at = |path: &str| format!("http://127.0.0.1:9{path}");
    let provider = Provider::builder(at(""))
        .endpoint(ProviderEndpoint::Authorization, at("/authorization"))
        .endpoint(ProviderEndpoint::Token, at("/token"))
        .endpoint(ProviderEndpoint::Keys, at("/jwks"));
    let provider = provider.build().unwrap();
    let sign_in = SignIn::builder(&provider, OAuthClient::public("app"), "https://app.example/callback", [7; 32]);
    let app = App::new()
        .app_data(Data::new(sign_in.build().unwrap()))
        .service(palisade::scope("").service(begin).service(callback))
        .wrap(Palisade::builder().build().unwrap());
    let app = actix_web::test::init_service(app).await;
    let begun = call(&app, request(Method::GET, "/sign-in")).await;
    let (name, value) = begun.header("set-cookie").split(';').next().unwrap().split_once('=').unwrap();
    let asked = Url::parse(begun.header("location")).unwrap();
    let state = asked.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let path = format!("/callback?code=c0de&state={state}");
    let presents = |cookie: &str| {
        let bytes: Vec<u8> = cookie.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let header = actix_web::http::header::HeaderValue::from_bytes(&bytes).unwrap();
        call(&app, request(Method::GET, &path).insert_header(("cookie", header))).now_or_never()
    };
    TestRunner::default()
        .run(&(change(), any::<bool>()), |(change, whole)| {
            let changed = change.of(value);
            prop_assume!(changed.trim_matches([' ', '\t', '"']) != value);
            let refused = presents(&if whole { changed } else { format!("{name}={changed}") });
            prop_assert_eq!(refused.map(|response| response.status.as_u16()), Some(400));
            Ok(())
        })
        .unwrap();
    assert!(
        presents(&format!("{name}={value}")).is_none(),
        "the cookie itself is accepted, and the provider is called"
    );
}
