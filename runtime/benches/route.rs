//! Instructions of one request through a route, bare and annotated: callgrind counts 100 warmed-up requests in process.
//!
//! `cargo bench -p palisade` needs valgrind and `gungraun-runner`. Instruction counts are reproducible; times are not.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use actix_http::Request;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Data, Json, Path};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use gungraun::prelude::*;
use jsonwebtoken::{DecodingKey, Validation};
use palisade::jwt::{Grant, TokenCache, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::revocation::{MemoryRevocations, RevocationStore};
use palisade::{Cors, Palisade, RateLimit, Roles, get, owner, post, public, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

const REQUESTS: usize = 100;
const SECRET: &[u8] = b"a secret of the benches, 32 bytes or more";

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1, max = 100))]
    title: String,
    #[validate(range(min = 0, max = 150))]
    age: u8,
}

async fn bare_get(id: Path<String>) -> HttpResponse {
    black_box(id);
    HttpResponse::Ok().finish()
}

async fn bare_post(note: Json<Note>) -> HttpResponse {
    black_box((&note.title, note.age));
    HttpResponse::Ok().finish()
}

/// What an application without palisade decodes of its tokens.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    roles: Vec<String>,
}

struct ByHand {
    key: DecodingKey,
    validation: Validation,
}

impl ByHand {
    fn new() -> Self {
        let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.set_issuer(&["https://issuer.example"]);
        validation.set_audience(&["benches"]);
        Self { key: DecodingKey::from_secret(SECRET).unwrap(), validation }
    }
}

/// The checks of `owner_get` as an application writes them with `jsonwebtoken`.
async fn by_hand_get(request: HttpRequest, id: Path<String>, by_hand: Data<ByHand>) -> HttpResponse {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return HttpResponse::Unauthorized().finish();
    };
    let Ok(token) = jsonwebtoken::decode::<Claims>(token, &by_hand.key, &by_hand.validation) else {
        return HttpResponse::Unauthorized().finish();
    };
    if !token.claims.roles.iter().any(|role| role == "admin") || token.claims.sub != *id {
        return HttpResponse::Forbidden().finish();
    }
    bare_get(id).await
}

#[get("/public/{id}")]
#[public]
async fn public_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/role/{id}")]
#[require_role("admin")]
async fn role_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/owner/{id}")]
#[require_role("admin")]
#[owner(id)]
async fn owner_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[get("/rate-limit/{id}")]
#[public]
#[rate_limit(4_000_000, "1h")]
async fn rate_limit_get(id: Path<String>) -> HttpResponse {
    bare_get(id).await
}

#[post("/stack/{id}")]
#[owner(id)]
#[require_role("admin")]
#[rate_limit(4_000_000, "1h")]
#[validate]
async fn stack_post(note: Json<Note>) -> HttpResponse {
    bare_post(note).await
}

type Answer = Pin<Box<dyn Future<Output = u16>>>;

/// An application that is warm, and the requests that it gets next.
struct Case {
    runtime: actix_rt::SystemRunner,
    call: Rc<dyn Fn(Request) -> Answer>,
    requests: Vec<Request>,
}

/// What a row configures beside the usual.
#[derive(Default)]
struct Setup {
    cache: TokenCache,
    roles: Option<Roles>,
    revocations: Option<MemoryRevocations>,
}

impl Setup {
    fn without_cache() -> Self {
        Self { cache: TokenCache::Off, ..Self::default() }
    }

    /// Three roles, of which the token has the first.
    fn with_roles() -> Self {
        let roles = Roles::builder()
            .role("admin", |role| role.implies("editor").grants("users:delete"))
            .role("editor", |role| role.implies("user").grants("pages:write"))
            .role("user", |role| role);
        Self { roles: Some(roles.build().unwrap()), ..Self::default() }
    }

    /// A hundred tokens and a hundred subjects of the same issuer are revoked, and the token is not.
    fn with_revocations() -> Self {
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
        let palisade = match self.roles {
            Some(roles) => palisade.roles(roles).routes(&palisade::scope("").service(role_get).service(owner_get)),
            None => palisade,
        };
        palisade.build().unwrap()
    }
}

fn request(method: Method, path: &str, token: &str) -> Request {
    let mut request = TestRequest::default().method(method).uri(path).peer_addr("203.0.113.7:4711".parse().unwrap());
    request = request.insert_header(("host", "api.example.com")).insert_header(("accept", "*/*"));
    if !token.is_empty() {
        request = request.insert_header(("authorization", format!("Bearer {token}")));
    }
    if path.contains("post") || path.contains("stack") {
        request = request
            .insert_header(("content-type", "application/json"))
            .insert_header(("origin", "https://app.example.com"))
            .set_payload(r#"{"title":"a title","age":42}"#);
    }
    let request = request.to_request();
    // As the server builds it: a request without a body has no payload.
    if path.contains("post") || path.contains("stack") { request } else { request.replace_payload(Payload::None).0 }
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

fn case(method: Method, path: &'static str, token: &str, expected: u16) -> Case {
    case_of(Setup::default(), method, path, token, expected)
}

fn case_of(setup: Setup, method: Method, path: &'static str, token: &str, expected: u16) -> Case {
    let runtime = actix_rt::System::new();
    let call = runtime.block_on(async {
        if path.starts_with("/bare") {
            let app = App::new()
                .route("/bare/{id}", web::get().to(bare_get))
                .route("/bare-post/{id}", web::post().to(bare_post));
            calling(init_service(app).await)
        } else if path.starts_with("/by-hand") {
            let app = App::new().app_data(Data::new(ByHand::new())).route("/by-hand/{id}", web::get().to(by_hand_get));
            calling(init_service(app).await)
        } else {
            let scope = palisade::scope("")
                .rate_limit(RateLimit::new("all", 4_000_000, Duration::from_secs(3_600)))
                .service(stack_post);
            let app = App::new()
                .service(public_get)
                .service(role_get)
                .service(owner_get)
                .service(rate_limit_get)
                .service(scope)
                .wrap(setup.palisade());
            calling(init_service(app).await)
        }
    });
    for _ in 0..50 {
        assert_eq!(runtime.block_on(call(request(method.clone(), path, token))), expected);
    }
    let requests = (0..REQUESTS).map(|_| request(method.clone(), path, token)).collect();
    Case { runtime, call, requests }
}

/// The same token with another signature of the same length.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other: String = signature.chars().rev().collect();
    // The last of 43 characters encodes only 4 bits, so it must be a character whose other 2 bits are zero.
    format!("{signed}.{}{}", &other[1..], "A")
}

fn token(roles: &[&str]) -> String {
    TokenIssuer::hs256("https://issuer.example", "benches", SECRET)
        .unwrap()
        .issue(&Grant::new("7", Duration::from_secs(900)).roles(roles.iter().copied()))
        .unwrap()
}

#[library_benchmark]
#[bench::bare_get(case(Method::GET, "/bare/7", "", 200))]
#[bench::public_get(case(Method::GET, "/public/7", "", 200))]
#[bench::rate_limit_get(case(Method::GET, "/rate-limit/7", "", 200))]
#[bench::role_get(case(Method::GET, "/role/7", &token(&["admin"]), 200))]
#[bench::role_and_owner_get(case(Method::GET, "/owner/7", &token(&["admin"]), 200))]
#[bench::role_and_owner_get_not_cached(case_of(Setup::without_cache(), Method::GET, "/owner/7", &token(&["admin"]), 200))]
#[bench::role_and_owner_get_with_roles(case_of(Setup::with_roles(), Method::GET, "/owner/7", &token(&["admin"]), 200))]
#[bench::role_and_owner_get_with_revocations(case_of(Setup::with_revocations(), Method::GET, "/owner/7", &token(&["admin"]), 200))]
#[bench::by_hand_get(case(Method::GET, "/by-hand/7", &token(&["admin"]), 200))]
#[bench::rejected_without_token(case(Method::GET, "/role/7", "", 401))]
#[bench::rejected_bad_signature(case(Method::GET, "/role/7", &forged(&token(&["admin"])), 401))]
#[bench::bare_post(case(Method::POST, "/bare-post/7", "", 200))]
#[bench::whole_stack_post(case(Method::POST, "/stack/7", &token(&["admin"]), 200))]
fn hundred_requests(case: Case) -> Case {
    let Case { runtime, call, mut requests } = case;
    for request in requests.drain(..) {
        black_box(runtime.block_on(call(request)));
    }
    Case { runtime, call, requests }
}

library_benchmark_group!(name = route, benchmarks = hundred_requests);
main!(library_benchmark_groups = route);
