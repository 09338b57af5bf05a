//! CWE-400, CWE-636, ASVS V16.5.3: sessions and revocations while Redis is down, silent or late.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use palisade::Principal;
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;
use palisade::revocation::{RedisRevocations, RevocationStore as _};
use palisade::session::{RedisSessions, SessionRecord, SessionStore as _};

use super::rate_limits::{KEY, PATIENT};
use super::server::Server;
use super::{grant, process};

/// Much longer than the timeouts here, much shorter than the timeouts of an operating system.
const HANGS: Duration = Duration::from_secs(10);
const HASTY: Duration = Duration::from_millis(50);

fn within(timeout: Duration, url: &str) -> (RedisSessions, RedisRevocations) {
    let redis = RedisConnection::builder(url, "tests", KEY).timeout(timeout).build().unwrap();
    (RedisSessions::new(&redis), RedisRevocations::new(&redis))
}

fn record(digest: u8) -> SessionRecord {
    SessionRecord::restored("s-1", "ada", Vec::new(), [digest; 32], (later(), later()))
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

/// A principal with a token, for the checks of revocations.
async fn ada(server: &Server) -> Principal {
    let sessions = process(server);
    let pair = sessions.begin(&grant()).await.unwrap();
    sessions.verifier().build().unwrap().verify(pair.access_token()).await.unwrap()
}

/// How many of the eight operations are unavailable; the others succeed.
async fn unavailable((sessions, revocations): &(RedisSessions, RedisRevocations), ada: &Principal) -> usize {
    let began = Instant::now();
    let all = [
        sessions.insert(record(1)).await,
        sessions.find("s-1").await.map(drop),
        sessions
            .replace(&[1; 32], SessionRecord::restored("s-1", "ada", Vec::new(), [2; 32], (later(), later())))
            .await
            .map(drop),
        sessions.remove("s-1").await,
        sessions.remove_all("ada").await,
        revocations.revoke("issuer", "1", later()).await,
        revocations.revoke_before("issuer", "ada", SystemTime::now()).await,
        revocations.is_revoked(ada).await.map(drop),
    ];
    assert!(began.elapsed() < HANGS, "the operations hang: {:?}", began.elapsed());
    all.into_iter().filter(|one| *one == Err(Unavailable)).count()
}

async fn wait_until_it_responds(stores: &(RedisSessions, RedisRevocations), ada: &Principal) {
    let began = Instant::now();
    while unavailable(stores, ada).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// This many operations would take 40 seconds if each waited for its timeout.
async fn assert_fails_at_once(stores: &(RedisSessions, RedisRevocations), ada: &Principal) {
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(unavailable(stores, ada).await, 8);
    }
    assert!(began.elapsed() < HANGS, "each waited: {:?}", began.elapsed());
}

#[tokio::test]
async fn sessions_are_unavailable_during_an_outage() {
    let Some(mut server) = Server::start() else { return };
    let ada = ada(&server).await;
    let stores = within(HASTY, &server.url());
    wait_until_it_responds(&stores, &ada).await;
    server.kill();
    assert_fails_at_once(&stores, &ada).await;
    server.restart();
    wait_until_it_responds(&stores, &ada).await;
    server.pause();
    assert_fails_at_once(&stores, &ada).await;
    server.resume();
    wait_until_it_responds(&stores, &ada).await;
}

#[tokio::test]
async fn a_silent_peer_hangs_no_session() {
    let Some(server) = Server::start() else { return };
    let ada = ada(&server).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stores = within(HASTY, &format!("redis://{}/", silent.local_addr().unwrap()));
    assert_fails_at_once(&stores, &ada).await;
}

#[test]
fn without_a_runtime_sessions_are_unavailable() {
    let (sessions, _) = within(HASTY, "redis://127.0.0.1:1/");
    let found = futures_util::FutureExt::now_or_never(sessions.find("s-1"));
    assert_eq!(found, Some(Err(Unavailable)));
}

/// How often scripts were run.
async fn scripts(server: &Server) -> u64 {
    let mut connection = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

#[tokio::test]
async fn late_refresh_replaces_nothing_and_is_sent_once() {
    let Some(server) = Server::start() else { return };
    let ((hasty, _), (patient, _)) = (within(HASTY, &server.url()), within(PATIENT, &server.url()));
    patient.insert(record(1)).await.unwrap();
    // The first response contains the server's clock.
    let began = Instant::now();
    while hasty.replace(&[9; 32], SessionRecord::restored("s-1", "ada", Vec::new(), [9; 32], (later(), later()))).await
        != Ok(false)
    {
        assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not respond");
    }
    let before = scripts(&server).await;
    server.pause();
    assert_eq!(
        hasty.replace(&[1; 32], SessionRecord::restored("s-1", "ada", Vec::new(), [2; 32], (later(), later()))).await,
        Err(Unavailable)
    );
    // By the server's clock it is too late after twice the timeout.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.resume();
    let began = Instant::now();
    while scripts(&server).await == before {
        assert!(began.elapsed() < Duration::from_secs(20), "it was never sent");
    }
    assert_eq!(patient.find("s-1").await.unwrap().unwrap().digest, [1; 32]);
    assert_eq!(scripts(&server).await, before + 1);
    assert_eq!(
        patient.replace(&[1; 32], SessionRecord::restored("s-1", "ada", Vec::new(), [2; 32], (later(), later()))).await,
        Ok(true)
    );
}
