//! One warm application for each row, with only the route of the row: actix-web asks its routes one after the other, so a second
//! route would be measured too.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use actix_http::Request;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data};
use actix_web::{App, Error};
use palisade::jwt::{Grant, TokenCache, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::{Cors, Palisade, RateLimit, Roles};

use crate::routes::{
    ByHand, SECRET, bare_get, bare_post, by_hand_get, owner_get, public_get, rate_limit_get, role_get, stack_post,
    used_up_get,
};
use crate::wire::Wire;

pub(crate) const REQUESTS: usize = 100;

const VALID: &str = r#"{"title":"a title","age":42}"#;
const INVALID: &str = r#"{"title":"a title","age":200}"#;

/// What a row configures beside the usual.
#[derive(Default)]
pub(crate) struct Setup {
    cache: TokenCache,
    roles: Option<Roles>,
    revocations: Option<MemoryRevocations>,
    hosts: Hosts,
}

/// Which hosts a request may name.
#[derive(Default)]
enum Hosts {
    #[default]
    OfListener,
    Listed,
    Any,
}

impl Setup {
    pub(crate) fn without_cache() -> Self {
        Self { cache: TokenCache::Off, ..Self::default() }
    }

    /// Three roles, of which the token has the first.
    pub(crate) fn with_roles() -> Self {
        let roles = Roles::builder()
            .role("admin", |role| role.implies("editor").grants("users:delete"))
            .role("editor", |role| role.implies("user").grants("pages:write"))
            .role("user", |role| role);
        Self { roles: Some(roles.build().unwrap()), ..Self::default() }
    }

    /// A hundred tokens and a hundred subjects of the same issuer are revoked, and the token is not.
    pub(crate) fn with_revocations() -> Self {
        let store = MemoryRevocations::new();
        actix_rt::System::new().block_on(async {
            for n in 0..100 {
                let (token, subject) = (format!("another token {n}"), format!("another subject {n}"));
                let now = SystemTime::now();
                store.revoke("https://issuer.example", &token, now + Duration::from_secs(900)).await.unwrap();
                store.revoke_before("https://issuer.example", &subject, now).await.unwrap();
            }
        });
        Self { revocations: Some(store), ..Self::default() }
    }

    /// The host of each request is checked against a list.
    pub(crate) fn with_hosts() -> Self {
        Self { hosts: Hosts::Listed, ..Self::default() }
    }

    /// The host of a request is not checked.
    pub(crate) fn with_any_host() -> Self {
        Self { hosts: Hosts::Any, ..Self::default() }
    }

    fn palisade(self) -> Palisade {
        let issuer = TokenIssuer::hs256("https://issuer.example", "benches", SECRET).unwrap();
        let jwt = issuer.verifier().cache(self.cache);
        let jwt = match self.revocations {
            Some(store) => jwt.revocations(store),
            None => jwt,
        };
        let cors = Cors::allow_origins(["https://app.example.com"]).allow_credentials();
        let palisade = Palisade::builder().authenticator(jwt.build().unwrap()).cors(cors);
        let palisade = palisade.rate_limit_store(MemoryRateLimits::new());
        let palisade = match self.hosts {
            Hosts::OfListener => palisade,
            Hosts::Listed => palisade.hosts(["api.example.com"]),
            Hosts::Any => palisade.danger_any_host(),
        };
        let palisade = match self.roles {
            Some(roles) => palisade.roles(roles).routes(&palisade::scope("").service(owner_get)),
            None => palisade,
        };
        palisade.build().unwrap()
    }
}

/// A request of a row, and the status of its response.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) token: String,
    pub(crate) body: Option<&'static str>,
    expected: u16,
}

impl Sent {
    pub(crate) fn get(path: &'static str) -> Self {
        Self { method: Method::GET, path, token: String::new(), body: None, expected: 200 }
    }

    /// A POST request of a browser, with a valid body.
    pub(crate) fn post(path: &'static str) -> Self {
        Self { method: Method::POST, body: Some(VALID), ..Self::get(path) }
    }

    pub(crate) fn invalid(self) -> Self {
        Self { body: Some(INVALID), ..self }
    }

    /// With the token of the user 7.
    pub(crate) fn by(self, role: &str) -> Self {
        let issuer = TokenIssuer::hs256("https://issuer.example", "benches", SECRET).unwrap();
        let token = issuer.issue(&Grant::new("7", Duration::from_secs(900)).roles([role])).unwrap();
        Self { token, ..self }
    }

    /// With the same token and another signature of the same length.
    pub(crate) fn forged(self) -> Self {
        let (signed, signature) = self.token.rsplit_once('.').unwrap();
        let other: String = signature.chars().rev().collect();
        // The last of 43 characters encodes only 4 bits, so it must be a character whose other 2 bits are zero.
        let token = format!("{signed}.{}A", &other[1..]);
        Self { token, ..self }
    }

    pub(crate) fn expecting(self, expected: u16) -> Self {
        Self { expected, ..self }
    }

    fn request(&self) -> Request {
        let mut request = TestRequest::default().method(self.method.clone()).uri(self.path);
        request = request.peer_addr("203.0.113.7:4711".parse().unwrap());
        request = request.insert_header(("host", "api.example.com")).insert_header(("accept", "*/*"));
        if !self.token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {}", self.token)));
        }
        match self.body {
            Some(body) => request
                .insert_header(("content-type", "application/json"))
                .insert_header(("origin", "https://app.example.com"))
                .set_payload(body)
                .to_request(),
            // As the server builds it: a request without a body has no payload.
            None => request.to_request().replace_payload(Payload::None).0,
        }
    }
}

pub(crate) type Answer = Pin<Box<dyn Future<Output = u16>>>;

/// An application that is warm, and the requests that it gets next.
pub(crate) struct Case {
    pub(crate) runtime: actix_rt::SystemRunner,
    pub(crate) call: Rc<dyn Fn(Request) -> Answer>,
    pub(crate) requests: Vec<Request>,
}

fn calling<S, B>(app: S) -> Rc<dyn Fn(Request) -> Answer>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    let app = Rc::new(app);
    Rc::new(move |request| {
        let app = Rc::clone(&app);
        Box::pin(async move { app.call(request).await.unwrap().status().as_u16() })
    })
}

/// Calls `$with` with the application of a row.
macro_rules! application {
    ($path:expr, $setup:expr, $with:expr) => {{
        let app = App::new();
        match $path.split('/').nth(1).unwrap() {
            "bare" => $with(init_service(app.route("/bare/{id}", web::get().to(bare_get))).await),
            "bare-post" => $with(init_service(app.route("/bare-post/{id}", web::post().to(bare_post))).await),
            "by-hand" => {
                let app = app.app_data(Data::new(ByHand::new()));
                $with(init_service(app.route("/by-hand/{id}", web::get().to(by_hand_get))).await)
            }
            guarded => {
                let app = match guarded {
                    "public" => app.service(public_get),
                    "role" => app.service(role_get),
                    "owner" => app.service(owner_get),
                    "rate-limit" => app.service(rate_limit_get),
                    "used-up" => app.service(used_up_get),
                    "stack" => app.service(stack_post),
                    "two-limits" => {
                        let of_all = RateLimit::new("all", 4_000_000, Duration::from_secs(3_600));
                        app.service(palisade::scope("/two-limits").rate_limit(of_all).service(stack_post))
                    }
                    other => panic!("no route {other}"),
                };
                $with(init_service(app.wrap($setup.palisade())).await)
            }
        }
    }};
}

pub(crate) fn case(sent: Sent) -> Case {
    case_of(Setup::default(), sent)
}

pub(crate) fn case_of(setup: Setup, sent: Sent) -> Case {
    let runtime = actix_rt::System::new();
    let call = runtime.block_on(async { application!(sent.path, setup, calling) });
    for warm_up in 0..50 {
        let status = runtime.block_on(call(sent.request()));
        assert!(warm_up == 0 || status == sent.expected, "{status}");
    }
    let requests = (0..REQUESTS).map(|_| sent.request()).collect();
    Case { runtime, call, requests }
}

/// The same, through the HTTP/1.1 dispatcher of actix-web, without a kernel.
pub(crate) fn wire(sent: Sent) -> Wire {
    let runtime = actix_rt::System::new();
    let connect = runtime.block_on(async { application!(sent.path, Setup::default(), crate::wire::connecting) });
    let mut wire = Wire::new(runtime, connect, sent);
    wire.run(50);
    wire
}
