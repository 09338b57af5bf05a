//! CWE-613, ASVS V7.4.1, V7.4.2, V8.3.2: a WebSocket or an event stream that outlives the credential that opened it: the token expires, the
//! session ends, the key is removed, the role is taken away.

mod connection;
mod failing_checks;
mod interval;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::body::BoxBody;
use actix_web::dev::ServerHandle;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use actix_ws::CloseCode;
use futures_util::{StreamExt as _, stream};
use palisade::admission::{Admission, Ended};
use palisade::api_key::{ApiKey, ApiKeyStore, ApiKeys, InsertedApiKey, MemoryApiKeys, NewApiKey};
use palisade::authn::AuthError;
use palisade::jwt::Grant;
use palisade::policy::Verdict;
use palisade::resource::Unavailable;
use palisade::revocation::{MemoryRevocations, RevocationStore as _};
use palisade::session::{MemorySessions, Sessions};
use palisade::testing::AsPrincipal as _;
use palisade::{Palisade, Principal, authenticated, authorize, get, optional_auth, rate_limit};
use palisade_tests::{ISSUER, bearer, builder, get_request, issuer};

use connection::Connection;

const SECOND: Duration = Duration::from_secs(1);

/// What the application knows, beside the credentials.
#[derive(Default)]
struct World {
    /// The role `reader` is taken away.
    demoted: AtomicBool,
    /// The user is deleted.
    deleted: AtomicBool,
    off_duty: AtomicBool,
    /// So many look-ups of a key fail.
    failures: AtomicU32,
    /// So many calls of the function of the rule panic.
    panics: AtomicU32,
    /// How many milliseconds the function of the rule takes.
    delay: AtomicU64,
}

/// Whether there was one left.
fn take_one(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left: u32| left.checked_sub(1)).is_ok()
}

/// Keys in a store that may be down.
#[derive(Clone)]
struct Keys(MemoryApiKeys, Arc<World>);

impl ApiKeyStore for Keys {
    async fn insert(&self, key: ApiKey, most: usize) -> Result<InsertedApiKey, Unavailable> {
        self.0.insert(key, most).await
    }

    async fn find(&self, id: &str) -> Result<Option<ApiKey>, Unavailable> {
        if take_one(&self.1.failures) {
            return Err(Unavailable);
        }
        self.0.find(id).await
    }

    async fn list(&self, owner: &str) -> Result<Vec<ApiKey>, Unavailable> {
        self.0.list(owner).await
    }

    async fn remove(&self, owner: &str, id: &str) -> Result<bool, Unavailable> {
        self.0.remove(owner, id).await
    }

    async fn touch(&self, id: &str, at: SystemTime) -> Result<(), Unavailable> {
        self.0.touch(id, at).await
    }
}

async fn is_on_duty(request: &HttpRequest, _: &Principal) -> Verdict {
    let world = request.app_data::<Data<World>>().unwrap();
    assert!(!take_one(&world.panics), "a mistake of the application");
    match world.delay.load(Ordering::SeqCst) {
        0 => {}
        delay => tokio::time::sleep(Duration::from_millis(delay)).await,
    }
    Verdict::from(!world.off_duty.load(Ordering::SeqCst))
}

fn ticks() -> impl futures_util::Stream<Item = Result<Bytes, Error>> {
    stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(40)).await;
        Some((Ok(Bytes::from_static(b"data: tick\n\n")), ()))
    })
}

/// The rate limit counts the request once, and not each check.
#[get("/events")]
#[authorize(role("reader") && check(is_on_duty))]
#[rate_limit(2, "1h", by = principal)]
async fn events(admission: Admission) -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").streaming(admission.until_ended(ticks()))
}

/// A body of a given size, inside the route's own middleware.
#[get("/wrapped", wrap = "DefaultHeaders::new().add((\"x-wrapped\", \"yes\"))")]
#[authorize(role("reader") && check(is_on_duty))]
async fn wrapped(admission: Admission) -> HttpResponse {
    let body = actix_web::body::BodyStream::new(ticks());
    HttpResponse::Ok().content_type("text/event-stream").body(admission.until_ended(BoxBody::new(body)))
}

#[get("/socket")]
#[authorize(role("reader") && check(is_on_duty))]
async fn socket(request: HttpRequest, body: Payload, admission: Admission) -> Result<HttpResponse, Error> {
    let (response, session, mut messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        if let Err(ended) = admission.run(async { while let Some(Ok(_)) = messages.next().await {} }).await {
            let _ = session.close(Some((CloseCode::Policy, format!("{ended:?}")).into())).await;
        }
    });
    Ok(response)
}

/// A plain function: nothing knows the types of its arguments when it is mounted.
#[authorize(role("reader") && check(is_on_duty))]
async fn plain(admission: Admission) -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").streaming(admission.until_ended(ticks()))
}

const ROUTES: [&str; 4] = ["/events", "/wrapped", "/socket", "/plain"];

struct Site {
    address: SocketAddr,
    handle: ServerHandle,
    world: Data<World>,
    sessions: Sessions<MemorySessions, MemoryRevocations>,
    revocations: MemoryRevocations,
    keys: ApiKeys<Keys>,
}

async fn site() -> Site {
    let world = Data::new(World::default());
    let revocations = MemoryRevocations::new();
    let sessions = Sessions::new(issuer(), MemorySessions::new(), revocations.clone());
    let keys = ApiKeys::new("acme", ISSUER, Keys(MemoryApiKeys::new(), Arc::clone(&world))).unwrap();
    let palisade = Palisade::builder()
        .authenticator(sessions.verifier().build().unwrap())
        .authenticator(keys.clone())
        .rate_limit_store(palisade::rate_limit::MemoryRateLimits::new())
        // What is remembered must not keep a connection open.
        .remember_principals(Duration::from_secs(60))
        .principals(async |principal, request| {
            let world = request.app_data::<Data<World>>().unwrap();
            if world.deleted.load(Ordering::SeqCst) {
                return Err(AuthError::Invalid("user_deleted"));
            }
            let roles = (!world.demoted.load(Ordering::SeqCst)).then_some("reader");
            Ok(principal.with_roles(roles))
        })
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let data = world.clone();
    let server = HttpServer::new(move || {
        let scope = palisade::scope("").service(events).service(wrapped).service(socket);
        App::new().app_data(data.clone()).service(scope).route("/plain", web::get().to(plain)).wrap(palisade.clone())
    });
    let server = server.workers(1).listen(listener).unwrap().disable_signals().run();
    let handle = server.handle();
    rt::spawn(server);
    Site { address, handle, world, sessions, revocations, keys }
}

/// Opens a connection to each route, and expects that it is open while the credential is valid, and closed within a second after
/// `end`.
async fn closes(site: &Site, credential: String, why: Ended, end: impl AsyncFnOnce() -> Instant) {
    closes_within(site, credential, SECOND, why, end).await;
}

async fn closes_within(
    site: &Site,
    credential: String,
    most: Duration,
    why: Ended,
    end: impl AsyncFnOnce() -> Instant,
) {
    let address = site.address;
    let open = move || ROUTES.iter().map(|route| Connection::open(address, route, &credential)).collect();
    let connections: Vec<Connection> = rt::task::spawn_blocking(open).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    connections.iter().for_each(Connection::assert_open);
    let end = end().await;
    rt::task::spawn_blocking(move || {
        connections.into_iter().for_each(|connection| connection.assert_closed_after(end, most, why));
    })
    .await
    .unwrap();
    site.handle.stop(false).await;
}

async fn signed_in(site: &Site, lifetime: Duration) -> (String, Principal) {
    let pair = site.sessions.begin(&Grant::new("ada", lifetime)).await.unwrap();
    let jwt = site.sessions.verifier().build().unwrap();
    let principal = jwt.verify(pair.access_token()).await.unwrap();
    (format!("Authorization: Bearer {}", pair.access_token()), principal)
}

#[actix_web::test]
async fn connection_ends_with_its_token() {
    let site = site().await;
    let (token, principal) = signed_in(&site, Duration::from_secs(4)).await;
    let expires = principal.token().unwrap().expires();
    closes(&site, token, Ended::Credential, async || {
        let left = expires.duration_since(SystemTime::now()).unwrap();
        assert!(left > SECOND, "the test is too slow");
        Instant::now() + left
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_with_its_session() {
    let site = site().await;
    let (token, principal) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Credential, async || {
        let end = Instant::now();
        site.sessions.end(&principal).await.unwrap();
        end
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_its_token_is_revoked() {
    let site = site().await;
    let (token, principal) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Credential, async || {
        let end = Instant::now();
        let token = principal.token().unwrap();
        site.revocations.revoke(ISSUER, token.id().unwrap(), token.expires()).await.unwrap();
        end
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_its_key_is_removed() {
    let site = site().await;
    let key = site.keys.create(NewApiKey::new("u-1")).await.unwrap();
    closes(&site, format!("X-API-Key: {}", key.expose()), Ended::Credential, async || {
        let end = Instant::now();
        assert!(site.keys.remove("u-1", key.record().id()).await.unwrap());
        end
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_the_role_is_taken_away() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Access, async || {
        site.world.demoted.store(true, Ordering::SeqCst);
        Instant::now()
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_the_user_is_deleted() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Credential, async || {
        site.world.deleted.store(true, Ordering::SeqCst);
        Instant::now()
    })
    .await;
}

#[actix_web::test]
async fn connection_ends_when_a_function_of_the_rule_denies() {
    let site = site().await;
    let (token, _) = signed_in(&site, Duration::from_secs(900)).await;
    closes(&site, token, Ended::Access, async || {
        site.world.off_duty.store(true, Ordering::SeqCst);
        Instant::now()
    })
    .await;
}

#[get("/held")]
#[authenticated]
async fn held(admission: Admission, seen: Data<std::sync::Mutex<Option<Waiting>>>) -> &'static str {
    // Two tasks wait, and one that comes late.
    let (one, other) = (admission.clone(), admission.clone());
    let both = rt::spawn(async move { (one.ended().await, other.ended().await) });
    let late = rt::spawn(async move {
        let first = both.await.unwrap();
        (first, admission.ended().await)
    });
    *seen.lock().unwrap() = Some(Waiting(late));
    "held"
}

struct Waiting(rt::task::JoinHandle<((Ended, Ended), Ended)>);

#[get("/perhaps")]
#[optional_auth]
async fn perhaps(admission: Option<Admission>) -> String {
    format!("{}", admission.is_some())
}

#[actix_web::test]
async fn any_number_of_tasks_waits_for_the_end() {
    let (deleted, seen) = (Arc::new(AtomicBool::new(false)), Data::new(std::sync::Mutex::new(None)));
    let is_deleted = Arc::clone(&deleted);
    let palisade = builder()
        .principals(async move |principal, _| match is_deleted.load(Ordering::SeqCst) {
            true => Err(AuthError::Invalid("user_deleted")),
            false => Ok(principal),
        })
        .build()
        .unwrap();
    let scope = palisade::scope("").service(held).service(perhaps);
    let app = actix_web::test::init_service(App::new().app_data(seen.clone()).service(scope).wrap(palisade)).await;
    let ann = || get_request("/held").insert_header(("authorization", bearer("ann", &[])));
    assert_eq!(palisade_tests::call(&app, ann()).await.body, "held");
    let Waiting(waiting) = seen.lock().unwrap().take().unwrap();
    // The response is sent, and other requests reuse what they can.
    for _ in 0..300 {
        assert_eq!(palisade_tests::call(&app, get_request("/perhaps")).await.body, "false");
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!waiting.is_finished());
    deleted.store(true, Ordering::SeqCst);
    let ended = tokio::time::timeout(SECOND, waiting).await.unwrap().unwrap();
    assert_eq!(ended, ((Ended::Credential, Ended::Credential), Ended::Credential));
    let known =
        palisade_tests::call_raw(&app, get_request("/perhaps").as_principal(Principal::new("Bearer", ISSUER, "x")));
    assert_eq!(known.await.body, "true");
}
