//! The same attacks over TLS, by HTTP/1.1 and HTTP/2, and connections that stay open.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use actix_web::web::Bytes;
use actix_web::{App, Error, HttpResponse, HttpServer, rt};
use futures_util::stream;
use palisade::admission::Admission;
use palisade::session::{CookieSessions, MemorySessions, SessionStore as _};
use palisade::testing::ManualClock;
use palisade::{authenticated, get};
use palisade_tests::cookie_site::{self, NAME, cookie_of};
use reqwest::{Certificate, Client, RequestBuilder, Response, Version, redirect};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{IDLE, builder_with, memory_sessions, sessions_in};

/// A tick each 20 milliseconds, until the caller is not admitted any more.
#[get("/events")]
#[authenticated]
async fn events(admission: Admission) -> HttpResponse {
    let ticks = stream::unfold((), |()| async {
        rt::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, Error>(Bytes::from_static(b"tick\n")), ()))
    });
    HttpResponse::Ok().streaming(admission.until_ended(ticks))
}

struct Site {
    origin: String,
    certificate: Certificate,
    server: ServerHandle,
}

impl Site {
    fn start(sessions: &CookieSessions) -> Self {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], der).unwrap();
        let (palisade, sessions) = (builder_with(sessions).build().unwrap(), sessions.clone());
        let app = move || {
            let stream = palisade::scope("/stream").service(events);
            let app = App::new().service(stream).configure(|app| cookie_site::configure(app, &sessions));
            app.wrap(palisade.clone())
        };
        let server = HttpServer::new(app).workers(2).disable_signals();
        let server = server.bind_rustls_0_23(("127.0.0.1", 0), tls).unwrap();
        let origin = format!("https://localhost:{}", server.addrs()[0].port());
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        Self { origin, certificate: Certificate::from_pem(key.cert.pem().as_bytes()).unwrap(), server: handle }
    }

    fn browser(&self, version: Version) -> Browser<'_> {
        let client = Client::builder().tls_certs_only([self.certificate.clone()]).no_proxy();
        let client = client.redirect(redirect::Policy::none()).timeout(Duration::from_secs(20));
        let client = if version == Version::HTTP_2 { client } else { client.http1_only() }.build().unwrap();
        Browser { site: self, client, version }
    }
}

struct Browser<'s> {
    site: &'s Site,
    client: Client,
    version: Version,
}

impl Browser<'_> {
    fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.site.origin)).header("cookie", format!("{NAME}={cookie}"))
    }

    fn post(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.site.origin)).header("cookie", format!("{NAME}={cookie}"))
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), self.version);
        response
    }

    async fn status(&self, request: RequestBuilder) -> u16 {
        self.send(request).await.status().as_u16()
    }

    async fn login(&self, name: &str) -> String {
        set_cookie(&self.send(self.post(&format!("/login/{name}"), "")).await).unwrap()
    }
}

fn set_cookie(response: &Response) -> Option<String> {
    cookie_of(response.headers().get_all("set-cookie").iter().map(|value| value.as_bytes()))
}

#[actix_web::test]
async fn attacks_fail_over_both_protocols() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let site = Site::start(&memory_sessions(&ManualClock::new()));
        let browser = site.browser(version);
        // Fixation.
        let planted = browser.login("eve").await;
        let own = set_cookie(&browser.send(browser.post("/login/ada", &planted)).await).unwrap();
        assert_ne!(own, planted);
        assert_eq!(browser.status(browser.get("/me", &planted)).await, 401);
        assert_eq!(browser.send(browser.get("/me", &own)).await.text().await.unwrap().split(' ').next(), Some("ada"));
        // Cookie tossing: in one field, and in two. HTTP/2 splits the field (RFC 9113 §8.2.3).
        let eve = browser.login("eve").await;
        let twice = browser.get("/me", &format!("{own}; {NAME}={eve}"));
        assert_eq!(browser.status(twice).await, 401);
        let split = browser.get("/me", &own).header("cookie", format!("{NAME}={eve}"));
        assert_eq!(browser.status(split).await, 401);
        let beside = browser.get("/me", &own).header("cookie", "theme=dark");
        assert_eq!(browser.status(beside).await, 200);
        // The page of another site.
        let foreign = browser.post("/elevate", &own).header("sec-fetch-site", "cross-site");
        assert_eq!(browser.status(foreign).await, 403);
        let login = browser.post("/login/eve", &own).header("origin", "https://evil.example");
        let login = browser.send(login).await;
        assert_eq!((login.status().as_u16(), set_cookie(&login)), (403, None));
        // Own pages say their origin.
        let elevate = browser.post("/elevate", &own).header("origin", &site.origin);
        let new = set_cookie(&browser.send(elevate).await).unwrap();
        assert_eq!(browser.status(browser.get("/me", &own)).await, 401, "stolen before the rotation");
        assert_eq!(browser.status(browser.get("/admin", &new)).await, 200);
        // Concurrent rotation.
        let rotations = (0..16).map(|_| browser.send(browser.post("/elevate", &new)));
        let responses = futures_util::future::join_all(rotations).await;
        let won: Vec<&Response> = responses.iter().filter(|response| response.status() == 200).collect();
        assert_eq!(won.len(), 1);
        let new = set_cookie(won[0]).unwrap();
        assert!(responses.iter().filter(|response| response.status() != 200).all(|lost| set_cookie(lost).is_none()));
        // Logout.
        let logout = browser.send(browser.post("/logout", &new)).await;
        assert_eq!((logout.status().as_u16(), set_cookie(&logout).as_deref()), (200, Some("")));
        assert_eq!(browser.status(browser.get("/me", &new)).await, 401);
        site.server.stop(false).await;
    }
}

#[actix_web::test]
async fn open_connection_ends_with_its_session_and_is_no_use() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let clock = ManualClock::starting_at(SystemTime::now());
        let store = MemorySessions::with_clock(&clock);
        let site = Site::start(&sessions_in(store.clone(), &clock));
        let browser = site.browser(version);
        for path in ["/logout", "/logout-all"] {
            let cookie = browser.login("ada").await;
            let began = clock.wall_time();
            let mut ticks = browser.send(browser.get("/stream/events", &cookie)).await;
            assert_eq!(ticks.chunk().await.unwrap().unwrap(), "tick\n");
            // Some checks pass, at a time at which a request would count as a use.
            clock.advance(IDLE / 2);
            let checked = std::time::Instant::now();
            while checked.elapsed() < Duration::from_millis(1_200) {
                ticks.chunk().await.unwrap().expect("it is open");
            }
            assert_eq!(store.list("ada").await.unwrap()[0].last_used, began);
            assert_eq!(browser.status(browser.post(path, &cookie)).await, 200);
            let ended = tokio::time::timeout(Duration::from_secs(5), ticks.bytes()).await;
            assert!(ended.is_ok(), "{path} {version:?}: it stayed open");
        }
        // An idle session ends it, too.
        let cookie = browser.login("ada").await;
        let ticks = browser.send(browser.get("/stream/events", &cookie)).await;
        clock.advance(IDLE);
        let ended = tokio::time::timeout(Duration::from_secs(5), ticks.bytes()).await;
        assert!(ended.is_ok(), "{version:?}: it stayed open");
        site.server.stop(false).await;
    }
}
