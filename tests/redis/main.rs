//! CWE-362, CWE-613, ASVS V7.4.1, V16.5.3: several processes share one Redis, also through outages.

mod cluster;
mod on_outage;
mod proxy;
mod rate_limit_busy;
mod rate_limit_cluster;
mod rate_limit_in_flight;
mod rate_limit_leases;
mod rate_limit_outage;
mod rate_limit_processes;
mod rate_limits;
mod server;
mod sessions;
mod sessions_cluster;
mod sessions_outage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{App, test::init_service};
use palisade::authn::AuthError;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;
use palisade::revocation::{RedisRevocations, RevocationStore as _};
use palisade::session::{RedisSessions, RefreshError, Sessions, TokenPair};
use palisade::{Palisade, authenticated, get};
use palisade_tests::{AUDIENCE, ISSUER, SECRET, call};
use rate_limits::KEY;
use server::Server;

type SharedSessions = Sessions<RedisSessions, RedisRevocations>;

/// The sessions of one of several processes, with its own connection to the same Redis.
fn process(server: &Server) -> SharedSessions {
    sessions_in(&connection(&server.url()))
}

fn connection(url: &str) -> RedisConnection {
    RedisConnection::builder(url, "tests", KEY).build().unwrap()
}

fn sessions_in(redis: &RedisConnection) -> SharedSessions {
    let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap();
    Sessions::new(issuer, RedisSessions::new(redis), RedisRevocations::new(redis))
}

fn grant() -> Grant {
    Grant::new("ada", Duration::from_secs(900)).scopes(["orders:read"])
}

async fn refresh(sessions: &SharedSessions, token: &str) -> Result<TokenPair, RefreshError<()>> {
    sessions.refresh(token, async |_| Ok(grant())).await
}

const REVOKED: AuthError = AuthError::Invalid("token_revoked");

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_refresh_in_four_processes_succeeds_once() {
    let Some(server) = Server::start() else { return };
    let processes: Vec<SharedSessions> = (0..4).map(|_| process(&server)).collect();
    let first = processes[0].begin(&grant()).await.unwrap();
    let token = Arc::new(first.refresh_token().to_owned());
    let uses: Vec<_> = (0..64)
        .map(|n| {
            let (sessions, token) = (processes[n % 4].clone(), Arc::clone(&token));
            tokio::spawn(async move { refresh(&sessions, &token).await })
        })
        .collect();
    let mut won = Vec::new();
    for used in uses {
        match used.await.unwrap() {
            Ok(pair) => won.push(pair),
            Err(error) => assert!(matches!(error, RefreshError::Reused | RefreshError::Unknown), "{error:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    let after = refresh(&processes[3], won[0].refresh_token()).await;
    assert_eq!(after.unwrap_err(), RefreshError::Unknown);
    let jwt = processes[2].verifier().build().unwrap();
    assert_eq!(jwt.verify(won[0].access_token()).await.unwrap_err(), REVOKED);
}

#[tokio::test]
async fn session_end_reaches_other_processes() {
    let Some(server) = Server::start() else { return };
    let (here, there) = (process(&server), process(&server));
    let jwt = there.verifier().build().unwrap();
    let (one, two) = (here.begin(&grant()).await.unwrap(), here.begin(&grant()).await.unwrap());
    let renewed = refresh(&there, one.refresh_token()).await.unwrap();
    let principal = jwt.verify(renewed.access_token()).await.unwrap();
    here.end(&principal).await.unwrap();
    assert_eq!(jwt.verify(one.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(jwt.verify(renewed.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh(&there, renewed.refresh_token()).await.unwrap_err(), RefreshError::Unknown);

    jwt.verify(two.access_token()).await.unwrap();
    let eve = here.begin(&Grant::new("eve", Duration::from_secs(900))).await.unwrap();
    here.end_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(two.access_token()).await.unwrap_err(), REVOKED);
    assert_eq!(refresh(&there, two.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    jwt.verify(eve.access_token()).await.unwrap();
    let again = here.begin(&grant()).await.unwrap();
    jwt.verify(again.access_token()).await.unwrap();
    there.renew_all_of("ada").await.unwrap();
    assert_eq!(jwt.verify(again.access_token()).await.unwrap_err(), REVOKED);
    let renewed = refresh(&here, again.refresh_token()).await.unwrap();
    jwt.verify(renewed.access_token()).await.unwrap();

    let dump = server.dump().await;
    assert!(dump.lines().count() > 0 && dump.lines().all(|line| line.starts_with("tests:")), "{dump}");
    for secret in [again.refresh_token(), renewed.refresh_token(), renewed.access_token()] {
        assert!(!dump.contains(&secret[3..20]), "{dump}");
    }
}

#[get("/me")]
#[authenticated]
async fn me() -> &'static str {
    "you"
}

#[actix_web::test]
async fn lost_redis_gives_503_and_recovers() {
    let Some(mut server) = Server::start() else { return };
    let sessions = process(&server);
    let jwt = sessions.verifier().build().unwrap();
    let palisade = Palisade::builder().authenticator(jwt).build().unwrap();
    let app = init_service(App::new().service(palisade::scope("").service(me)).wrap(palisade)).await;
    let pair = sessions.begin(&grant()).await.unwrap();
    let request = || {
        palisade_tests::get_request("/me").insert_header(("authorization", format!("Bearer {}", pair.access_token())))
    };
    assert_eq!(call(&app, request()).await.status, 200);

    server.kill();
    let began = Instant::now();
    for _ in 0..3 {
        let response = call(&app, request()).await;
        response.assert_problem(503);
        assert!(!response.header("retry-after").is_empty());
    }
    assert_eq!(sessions.begin(&grant()).await.unwrap_err(), palisade::session::BeginError::Unavailable);
    assert_eq!(refresh(&sessions, pair.refresh_token()).await.unwrap_err(), RefreshError::Unavailable);
    assert_eq!(sessions.end_all_of("ada").await, Err(Unavailable));
    assert!(began.elapsed() < Duration::from_secs(30), "a call hangs: {:?}", began.elapsed());

    server.restart();
    let began = Instant::now();
    while call(&app, request()).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sessions.begin(&grant()).await.unwrap();
}

#[test]
fn invalid_url_is_reported_without_its_password() {
    for url in ["", "http://user:hunter2@127.0.0.1", "redis://:hunter2@", "127.0.0.1:6379:hunter2"] {
        if let Err(mistake) = RedisConnection::builder(url, "tests", KEY).build() {
            assert!(!mistake.to_string().contains("hunter2"), "{mistake}");
        }
    }
    assert!(RedisConnection::builder("http://127.0.0.1", "tests", KEY).build().is_err());
    let redis = connection("redis://:hunter2@127.0.0.1/");
    let shown = format!("{redis:?} {:?} {:?}", RedisSessions::new(&redis), RedisRevocations::new(&redis));
    assert!(!shown.contains("hunter2") && !shown.contains("7, 7"), "{shown}");
    assert!(RedisConnection::builder("redis://127.0.0.1/", "", KEY).build().is_err());
}

#[tokio::test]
async fn second_revocation_does_not_shorten_the_first() {
    let Some(server) = Server::start() else { return };
    let redis = RedisRevocations::new(&connection(&server.url()));
    let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap();
    let jwt = issuer.verifier().revocations(redis.clone()).build().unwrap();
    let token = issuer.issue(&grant()).unwrap();
    let principal = jwt.verify(&token).await.unwrap();
    let id = principal.token().unwrap().id().unwrap().to_owned();
    let now = std::time::SystemTime::now();
    redis.revoke(ISSUER, &id, now + Duration::from_secs(900)).await.unwrap();
    assert_eq!(jwt.verify(&token).await.unwrap_err(), REVOKED);
    redis.revoke(ISSUER, &id, now - Duration::from_secs(59)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(jwt.verify(&token).await.map(drop), Err(REVOKED));
}

#[tokio::test]
async fn session_list_forgets_ended_sessions() {
    let Some(server) = Server::start() else { return };
    let sessions = process(&server);
    let jwt = sessions.verifier().build().unwrap();
    for _ in 0..200 {
        let pair = sessions.begin(&grant()).await.unwrap();
        let principal = jwt.verify(pair.access_token()).await.unwrap();
        sessions.end(&principal).await.unwrap();
    }
    let open = sessions.begin(&grant()).await.unwrap();
    jwt.verify(open.access_token()).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("tests:sessions:*").query_async(&mut connection).await.unwrap();
    let mut names = 0_u64;
    for key in keys {
        names += redis::cmd("ZCARD").arg(key).query_async::<u64>(&mut connection).await.unwrap();
    }
    assert!((1..=10).contains(&names), "{names} listed sessions, although all but one were ended");
}

#[tokio::test]
async fn revoke_before_is_kept_for_the_token_lifetime() {
    let Some(server) = Server::start() else { return };
    let redis = RedisRevocations::new(&connection(&server.url()));
    redis.revoke_before(ISSUER, "ada", std::time::SystemTime::now()).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("tests:epoch:*").query_async(&mut connection).await.unwrap();
    let lasts: i64 = redis::cmd("TTL").arg(&keys[0]).query_async(&mut connection).await.unwrap();
    assert!(lasts > 30 * 86_400, "a token of 30 days would be accepted again after {lasts} s");
}
