//! The API and the pages of the other origins, each on a free port of loopback.

use std::sync::{Arc, Mutex};

use actix_web::dev::{ServerHandle, Service as _};
use actix_web::http::header::{HeaderMap, LOCATION};
use actix_web::web::{Data, Payload, Query};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt, web};
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::headers::CspNonce;
use palisade::{
    Authenticator, Cors, Palisade, Principal, Scope, allow_cross_site, authenticated, cors, get, headers, post, public,
    put,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::Deserialize;

/// What the server saw of one case, in the order in which it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub case: usize,
    pub method: String,
    pub status: u16,
    pub site: String,
    pub origin: String,
}

/// What the server saw, and the cases whose handler was called.
#[derive(Default)]
pub struct Record {
    pub seen: Mutex<Vec<Seen>>,
    pub called: Mutex<Vec<usize>>,
}

#[derive(Deserialize)]
struct Case {
    case: usize,
}

type Log = Data<Record>;

/// A session in a cookie: the browser adds it by itself.
struct Cookie;

impl Authenticator for Cookie {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.cookie("session").as_ref().map(|cookie| cookie.value()) {
            None => Attempt::Absent,
            Some("alice") => Attempt::Done(Ok(Principal::new("Cookie", "the test", "alice"))),
            Some(_) => Attempt::Done(Err(AuthError::Invalid("session_unknown"))),
        }
    }

    fn scheme(&self) -> &'static str {
        "Cookie"
    }

    fn is_ambient(&self, _: &HttpRequest) -> bool {
        true
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new("Cookie").with("realm", context.realm()));
    }
}

fn called(log: &Log, case: &Query<Case>) -> HttpResponse {
    log.called.lock().unwrap().push(case.case);
    HttpResponse::Ok().content_type("text/plain").body("called")
}

#[get("/open")]
#[public]
async fn open(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[get("/any")]
#[public]
#[cors(any)]
async fn any_origin(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[get("/data")]
#[authenticated]
async fn data(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[post("/change")]
#[authenticated]
async fn change(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[put("/change")]
#[authenticated]
async fn replace(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[post("/webhook")]
#[authenticated]
#[allow_cross_site("the body is signed by its sender")]
async fn webhook(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case)
}

#[get("/image")]
#[authenticated]
async fn image(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case);
    let image = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#;
    HttpResponse::Ok().content_type("image/svg+xml").body(image)
}

#[get("/script")]
#[authenticated]
async fn script(log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case);
    HttpResponse::Ok().content_type("text/javascript").body("window.stolen = 1;")
}

/// Its first script has the nonce of the response, and its second one has none.
#[get("/page")]
#[authenticated]
#[headers(pages)]
async fn page(nonce: CspNonce, log: Log, case: Query<Case>) -> HttpResponse {
    called(&log, &case);
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html><title>no</title><script nonce=\"{nonce}\">document.title = 'nonce'</script>\
         <script>document.title = 'injected'</script>"
    ))
}

#[get("/socket")]
#[authenticated]
async fn socket(request: HttpRequest, body: Payload, log: Log, case: Query<Case>) -> Result<HttpResponse, Error> {
    called(&log, &case);
    let (response, session, _) = actix_ws::handle(&request, body)?;
    rt::spawn(async move { drop(session.close(None).await) });
    Ok(response)
}

fn routes() -> Scope {
    palisade::scope("")
        .service(open)
        .service(any_origin)
        .service(data)
        .service(change)
        .service(replace)
        .service(webhook)
        .service(image)
        .service(script)
        .service(page)
        .service(socket)
}

/// The certificate of all hosts of the test, and its text in PEM.
fn tls(hosts: &[&str]) -> (ServerConfig, String) {
    let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    (config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into()).unwrap(), cert.pem())
}

/// Servers of a test, which stop when they are told to.
pub struct Running {
    pub port: u16,
    handle: ServerHandle,
}

impl Running {
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

macro_rules! run {
    ($server:expr) => {{
        let server = $server.workers(1).disable_signals();
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Running { port, handle }
    }};
}

/// The API on a free port of its host. Pages of `allowed` may send credentials and read responses.
pub fn api(hosts: &[&str], host: &'static str, allowed: String, record: Log) -> Running {
    let cors = Cors::allow_origins([allowed]).allow_credentials();
    let builder = Palisade::builder().authenticator(Cookie).cors(cors).hosts([host]).routes(&routes());
    let palisade = builder.build().unwrap();
    let server = HttpServer::new(move || {
        let log = record.clone();
        App::new().app_data(record.clone()).service(routes()).wrap(palisade.clone()).wrap_fn(move |request, service| {
            let case = Query::<Case>::from_query(request.query_string()).map_or(0, |case| case.case);
            let (log, method) = (log.clone(), request.method().to_string());
            let [site, origin] = ["sec-fetch-site", "origin"].map(|name| text(request.headers(), name));
            let response = service.call(request);
            async move {
                let response = response.await;
                let status = match &response {
                    Ok(response) => response.status().as_u16(),
                    Err(error) => error.as_response_error().status_code().as_u16(),
                };
                log.seen.lock().unwrap().push(Seen { case, method, status, site, origin });
                response
            }
        })
    });
    run!(server.bind_rustls_0_23(("127.0.0.1", 0), tls(hosts).0).unwrap())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
}

#[derive(Deserialize)]
struct To {
    to: String,
}

async fn empty_page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html").body("<!doctype html><title>a page</title>")
}

/// Redirects a request, with its method and body, to any address. It allows every page to follow it.
async fn redirect(to: Query<To>, request: HttpRequest) -> HttpResponse {
    let origin = text(request.headers(), "origin");
    HttpResponse::TemporaryRedirect()
        .insert_header((LOCATION, to.to.as_str()))
        .insert_header(("access-control-allow-origin", origin))
        .insert_header(("access-control-allow-credentials", "true"))
        .finish()
}

/// Pages of all other origins, without palisade.
pub fn pages(hosts: &[&str], over_tls: bool) -> Running {
    let server =
        HttpServer::new(|| App::new().route("/redirect", web::to(redirect)).default_service(web::to(empty_page)));
    match over_tls {
        true => run!(server.bind_rustls_0_23(("127.0.0.1", 0), tls(hosts).0).unwrap()),
        false => run!(server.bind(("127.0.0.1", 0)).unwrap()),
    }
}
