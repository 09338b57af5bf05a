//! The property that holds for each body, however hostile: the response is a success or an error of the client, and each pointer of
//! an error leads to a place of the body. `property/pointers.rs` and the target `fuzz` hold it against many bodies.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::{App, web};
use palisade::{PalisadeBuilder, Scope, input, post, public};
use serde::Deserialize;

use crate::{TestResponse, call, request};

/// Names of fields that the handlers read.
pub const NAMES: [&str; 19] = [
    "userName", "items", "qty", "a/b", "street", "postCode", "payment", "kind", "number", "month", "iban", "choice",
    "deep", "counts", "pair", "event", "t", "c", "~",
];

/// Texts that the handlers know.
pub const TEXTS: [&str; 7] = ["card", "transfer", "Paid", "Moved", "Sent", "7", ""];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    user_name: String,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(flatten)]
    address: Option<Address>,
    payment: Option<Payment>,
    choice: Option<Choice>,
    #[serde(default)]
    counts: BTreeMap<String, i64>,
    pair: Option<(u8, String)>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Item {
    qty: u8,
    #[serde(rename = "a/b", default)]
    slash: f32,
    #[serde(rename = "~", default)]
    tilde: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    street: String,
    post_code: u32,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Payment {
    Card { number: String, month: u8 },
    Transfer { iban: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Choice {
    Number(u8),
    Texts(Vec<String>),
    Nested { deep: Box<Choice> },
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
enum Event {
    Paid(Item),
    Moved { street: String },
    Sent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Closed {
    user_name: String,
    #[serde(default)]
    items: Vec<Closed>,
    choice: Option<char>,
    event: Option<External>,
}

#[derive(Deserialize)]
enum External {
    Paid(i8),
    Moved(u8, u8),
    Sent,
}

impl Order {
    fn size(&self) -> usize {
        let items: usize = self.items.iter().map(Item::size).sum();
        let address = self.address.as_ref().map_or(0, |address| address.street.len() + address.post_code as usize);
        let payment = self.payment.as_ref().map_or(0, Payment::size);
        let choice = self.choice.as_ref().map_or(0, Choice::size);
        let event = match &self.event {
            Some(Event::Paid(item)) => item.size(),
            Some(Event::Moved { street }) => street.len(),
            Some(Event::Sent) | None => 0,
        };
        let pair = self.pair.as_ref().map_or(0, |(number, text)| usize::from(*number) + text.len());
        self.user_name.len() + items + address + payment + choice + event + pair + self.counts.len()
    }
}

impl Item {
    fn size(&self) -> usize {
        usize::from(self.qty) + usize::from(self.tilde) + usize::from(self.slash > 1.0)
    }
}

impl Payment {
    fn size(&self) -> usize {
        match self {
            Self::Card { number, month } => number.len() + usize::from(*month),
            Self::Transfer { iban } => iban.len(),
        }
    }
}

impl Choice {
    fn size(&self) -> usize {
        match self {
            Self::Number(number) => usize::from(*number),
            Self::Texts(texts) => texts.len(),
            Self::Nested { deep } => deep.size(),
        }
    }
}

impl Closed {
    fn size(&self) -> usize {
        let event = match &self.event {
            Some(External::Paid(number)) => usize::from(number.unsigned_abs()),
            Some(External::Moved(from, to)) => usize::from(from ^ to),
            Some(External::Sent) | None => 0,
        };
        let choice = self.choice.map_or(0, char::len_utf8);
        self.user_name.len() + event + choice + self.items.iter().map(Self::size).sum::<usize>()
    }
}

macro_rules! handlers {
    ($module:ident, $($json:ident)::+) => {
        mod $module {
            use super::*;
            use $($json)::+::Json;

            #[post("/order")]
            #[public]
            pub async fn order(body: Json<Order>) -> String {
                body.size().to_string()
            }

            #[post("/closed")]
            #[public]
            pub async fn closed(body: Json<Closed>) -> String {
                body.size().to_string()
            }

            #[post("/list")]
            #[public]
            pub async fn list(body: Json<Vec<Choice>>) -> String {
                body.iter().map(Choice::size).sum::<usize>().to_string()
            }
        }
    };
}
handlers!(actix, web);
handlers!(ours, input);

type Calls = dyn Fn(&'static str, Vec<u8>) -> Pin<Box<dyn Future<Output = TestResponse>>>;

/// An application whose handlers read JSON as types of each kind that `serde` has.
pub struct Targets {
    calls: Box<Calls>,
    paths: &'static [&'static str],
}

/// A handler for each kind, with the extractor of palisade and with that of actix-web.
const PATHS: [&str; 6] = ["/ours/order", "/ours/closed", "/ours/list", "/actix/order", "/actix/closed", "/actix/list"];
/// Those of palisade, which can be strict.
const STRICT_PATHS: [&str; 3] = ["/ours/order", "/ours/closed", "/ours/list"];

fn strict_routes() -> Scope {
    palisade::scope("/ours").service(ours::order).service(ours::closed).service(ours::list)
}

impl Targets {
    pub async fn new(palisade: PalisadeBuilder) -> Self {
        let actix = palisade::scope("/actix").service(actix::order).service(actix::closed).service(actix::list);
        Self::of(&PATHS, palisade::scope("").service(strict_routes()).service(actix), palisade).await
    }

    /// The handlers that can be strict, in a strict application.
    pub async fn strict(palisade: PalisadeBuilder) -> Self {
        Self::of(&STRICT_PATHS, strict_routes(), palisade.strict_input().routes(&strict_routes())).await
    }

    async fn of(paths: &'static [&'static str], routes: Scope, palisade: PalisadeBuilder) -> Self {
        let app = Rc::new(init_service(App::new().service(routes).wrap(palisade.build().unwrap())).await);
        let calls: Box<Calls> = Box::new(move |path, body| {
            let app = Rc::clone(&app);
            let request = request(Method::POST, path).insert_header(("content-type", "application/json"));
            Box::pin(async move { call(&*app, request.set_payload(body)).await })
        });
        Self { calls, paths }
    }

    /// Sends the body to each handler. Expects a success or an error of the client. Returns how many accepted it.
    ///
    /// [`call`] expects that each pointer resolves in the body.
    pub async fn assert_bounded(&self, body: &[u8]) -> usize {
        let mut accepted = 0;
        for path in self.paths {
            let response = (self.calls)(path, body.to_vec()).await;
            let is_success = response.status.is_success();
            assert!(is_success || response.status.is_client_error(), "{path}: {response:?}");
            let errors = &response.json()["errors"];
            assert!(is_success || response.status != 422 || errors[0].is_object(), "{path}: {response:?}");
            accepted += usize::from(is_success);
        }
        accepted
    }
}
