//! The files of the server's certificate change while it serves (ASVS V12.1.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use actix_web::rt;
use actix_web::web::ServiceConfig;
use futures_util::future::join_all;
use palisade::testing::ManualClock;
use palisade::tls::{DevelopmentCertificate, Tls};
use palisade::{Palisade, get, public};
use reqwest::tls::TlsInfo;
use reqwest::{Client, Response, Version};
use tokio::sync::Semaphore;

use super::support::{Ca, DAY, Files, Issued, Server, VERSIONS, client_of, eventually, logged};

const IN_FLIGHT: usize = 1_000;

/// Requests wait here until the test opens it.
static GATE: Semaphore = Semaphore::const_new(0);
static WAITING: AtomicUsize = AtomicUsize::new(0);

#[get("/wait")]
#[public]
async fn wait() -> &'static str {
    WAITING.fetch_add(1, Ordering::SeqCst);
    GATE.acquire().await.unwrap().forget();
    "done"
}

#[get("/")]
#[public]
async fn index() -> &'static str {
    "index"
}

fn routes(config: &mut ServiceConfig) {
    config.service(palisade::scope("").service(wait).service(index));
}

fn palisade() -> Palisade {
    Palisade::builder().build().unwrap()
}

/// The certificate of the connection by which a response came.
fn certificate_of(response: &Response) -> Vec<u8> {
    response.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

/// Whether a new connection gets this certificate.
async fn is_served(server: &Server, ca: &Ca, issued: &Issued) -> bool {
    let client = client_of(ca, Version::HTTP_11).build().unwrap();
    certificate_of(&server.get(&client, "/").await.unwrap()) == issued.der
}

#[actix_web::test]
async fn certificate_is_swapped_under_load() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [old, new] = [1, 2].map(|_| ca.server(&["localhost"]));
    let [chain, key] = files.pair("tls", &old);
    let tls = Tls::builder().certificate(&chain, &key).reload_every(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&tls, palisade(), routes);
    let clients = VERSIONS.map(|version| client_of(&ca, version).build().unwrap());
    let request = |client: &Client| {
        let request = client.get(server.url("/wait"));
        rt::spawn(async move { request.send().await })
    };
    let requests: Vec<_> = clients.iter().flat_map(|client| (0..IN_FLIGHT).map(|_| request(client))).collect();
    let all = requests.len();
    eventually("2,000 requests in flight", async || WAITING.load(Ordering::SeqCst) == all).await;

    new.write(&chain, &key);
    eventually("the new certificate", async || is_served(&server, &ca, &new).await).await;
    GATE.add_permits(all);
    for (response, number) in join_all(requests).await.into_iter().zip(0..) {
        let response = response.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.version(), VERSIONS[number / IN_FLIGHT]);
        assert_eq!(certificate_of(&response), old.der, "an old connection");
        assert_eq!(response.text().await.unwrap(), "done");
    }
    // The connections from before go on.
    for (client, version) in clients.iter().zip(VERSIONS) {
        let response = server.get(client, "/").await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        assert_eq!(certificate_of(&response), old.der);
    }
}

/// The pair of a name that nobody renews any more must not let those of the other names expire.
#[actix_web::test]
async fn unusable_pair_does_not_stop_the_renewal_of_others() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [first, renewed, third] = [1, 2, 3].map(|_| ca.server(&["localhost"]));
    let other = ca.server(&["other.example"]);
    let ([chain, key], [other_chain, other_key]) = (files.pair("tls", &first), files.pair("other", &other));
    let tls = Tls::builder().certificate(&chain, &key).certificate(&other_chain, other_key);
    let tls = tls.reload_every(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&tls, palisade(), routes);
    std::fs::remove_file(&other_chain).unwrap();
    renewed.write(&chain, &key);
    eventually("the renewed pair", async || is_served(&server, &ca, &renewed).await).await;
    third.write(&chain, &key);
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("other.crt"), "{error}");
    assert!(is_served(&server, &ca, &third).await);
    std::fs::write(&other_chain, &other.pem).unwrap();
    assert!(tls.reload().is_ok());
}

#[actix_web::test]
async fn unusable_pair_keeps_the_old_one_and_says_so_once() {
    // Before anything is logged.
    assert!(logged("a line that nobody logs").is_empty());
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [first, second, third] = [1, 2, 3].map(|_| ca.server(&["localhost"]));
    let [chain, key] = files.pair("tls", &first);
    let tls = Tls::builder().certificate(&chain, &key).reload_every(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&tls, palisade(), routes);
    let folder = files.path("").display().to_string();
    // Other tests log too.
    let own = || logged(&folder);
    let warnings = || own().iter().filter(|line| line.contains("cannot be used, so those from before stay")).count();
    let settle = || rt::time::sleep(Duration::from_millis(300));

    // The key follows later, as when a program renews them one after the other.
    std::fs::write(&chain, &second.pem).unwrap();
    settle().await;
    assert!(is_served(&server, &ca, &first).await);
    assert_eq!(warnings(), 1, "once for each change");
    std::fs::write(&key, &second.key).unwrap();
    eventually("the second pair", async || is_served(&server, &ca, &second).await).await;
    assert_eq!(warnings(), 0);

    for (broken_chain, broken_key) in [("not PEM", &*third.key), (&third.pem, "not PEM"), ("", "")] {
        std::fs::write(&chain, broken_chain).unwrap();
        std::fs::write(&key, broken_key).unwrap();
        assert!(tls.reload().is_err());
        settle().await;
        assert!(is_served(&server, &ca, &second).await);
        assert_eq!(warnings(), 1);
    }
    std::fs::remove_file(&chain).unwrap();
    settle().await;
    let text = own().join("\n");
    assert!(is_served(&server, &ca, &second).await && text.contains("tls certificate: cannot read"), "{text}");
    assert!(!text.contains("PRIVATE"), "no content of a file is logged");

    third.write(&chain, &key);
    assert!(tls.reload().unwrap() && !tls.reload().unwrap());
    assert!(is_served(&server, &ca, &third).await);
}

/// Kubernetes and certbot replace a symbolic link.
#[cfg(unix)]
#[actix_web::test]
async fn replaced_symbolic_link_is_followed() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [old, new] = [1, 2].map(|_| ca.server(&["localhost"]));
    for (folder, pair) in [("one", &old), ("two", &new)] {
        std::fs::create_dir(files.path(folder)).unwrap();
        pair.write(&files.path(folder).join("tls.crt"), &files.path(folder).join("tls.key"));
    }
    let live = files.path("live");
    std::os::unix::fs::symlink(files.path("one"), &live).unwrap();
    let tls = Tls::builder().certificate(live.join("tls.crt"), live.join("tls.key"));
    let tls = tls.reload_every(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&tls, palisade(), routes);
    assert!(is_served(&server, &ca, &old).await);
    std::os::unix::fs::symlink(files.path("two"), files.path("next")).unwrap();
    std::fs::rename(files.path("next"), &live).unwrap();
    eventually("the new certificate", async || is_served(&server, &ca, &new).await).await;
}

#[actix_web::test]
async fn development_certificate_is_kept_in_its_folder() {
    let files = Files::new();
    let folder = files.path("data");
    let made = DevelopmentCertificate::in_folder("app", &folder).unwrap();
    let (path, pem) = (made.path().unwrap().to_owned(), made.pem().unwrap());
    assert_eq!(path.file_name().unwrap(), "tls.crt");
    #[cfg(unix)]
    for (path, mode) in [(&folder, 0o700), (&folder.join("tls.key"), 0o600), (&path, 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    let tls = Tls::builder().development(made).build().unwrap();
    let server = Server::start(&tls, palisade(), routes);
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let response = client.get(format!("https://{host}:{}/", server.port)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2), "{host}");
    }
    let again = DevelopmentCertificate::in_folder("app", &folder).unwrap();
    assert_eq!(again.pem().unwrap(), pem, "a valid certificate is kept");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "no temporary file remains");
    #[cfg(unix)]
    {
        std::fs::set_permissions(folder.join("tls.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let error = DevelopmentCertificate::in_folder("app", &folder).unwrap_err().to_string();
        assert!(error.starts_with("development certificate: ") && error.contains("chmod 600"), "{error}");
    }
}

#[actix_web::test]
async fn development_certificate_is_renewed_while_the_server_runs() {
    let files = Files::new();
    let clock = ManualClock::starting_at(SystemTime::now());
    let made = DevelopmentCertificate::in_folder("app", files.path("")).unwrap();
    let (path, first) = (made.path().unwrap().to_owned(), made.pem().unwrap());
    let key = || std::fs::read_to_string(files.path("tls.key")).unwrap();
    let first_key = key();
    let tls = Tls::builder().development(made).reload_every(Duration::from_millis(20)).clock(&clock).build().unwrap();
    clock.advance(160 * DAY);
    rt::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first, "40 days are left");
    clock.advance(15 * DAY);
    eventually("the renewal", async || std::fs::read_to_string(&path).unwrap() != first).await;
    assert_eq!(key(), first_key, "clients that trust the key go on");
    assert_eq!(std::fs::read_dir(files.path("")).unwrap().count(), 2, "no temporary file remains");
    clock.advance(100 * DAY);
    assert!(tls.reload().is_ok(), "the renewed certificate is valid");
}

/// The thread that watches the files ends with its configuration.
#[actix_web::test]
async fn files_of_a_dropped_configuration_are_not_watched() {
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("palisade-reload")).count()
    };
    if !std::path::Path::new("/proc/self/task").exists() {
        return;
    }
    let before = threads();
    let many: Vec<Tls> = (0..20)
        .map(|_| Tls::builder().development(DevelopmentCertificate::in_memory("app").unwrap()).build().unwrap())
        .collect();
    // A thread names itself, after it was started.
    eventually("20 threads", async || threads() >= 20).await;
    let shared = Arc::new(many);
    drop(shared);
    eventually("the end of the threads", async || threads() < before.max(1) + 15).await;
}
