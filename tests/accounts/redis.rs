//! CWE-799, CWE-613, CWE-636: two servers that share a data folder and a Redis behave like one server; and the
//! behaviour of a server while its Redis is down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::redis_server::Server as Redis;
use super::support::{ADMIN_EMAIL, ADMIN_PASSWORD, Client, Server, TestResponse, program::fresh_data};

/// A request that takes this many seconds counts as hanging.
const NOTHING_HANGS: Duration = Duration::from_secs(10);
const ADA: &str = "ada@example.com";
const PASSWORD: &str = "ada's own pass phrase";

fn start(data: &Arc<TempDir>, settings: &[(&str, &str)]) -> Server {
    let mut all = vec![("ACCOUNTS_ADMIN_PASSWORD", ADMIN_PASSWORD), ("ACCOUNTS_TRUSTED_PROXIES", "127.0.0.1/32")];
    if settings.iter().any(|(name, _)| *name == "ACCOUNTS_REDIS_URL") {
        // Generous, because the machine may be busy.
        all.push(("ACCOUNTS_REDIS_TIMEOUT", "1s"));
    }
    all.extend_from_slice(settings);
    Server::start_in(Arc::clone(data), &all)
}

fn two(redis: &Redis, settings: &[(&str, &str)]) -> [Server; 2] {
    let (data, url) = (fresh_data(), redis.url());
    let settings = [&[("ACCOUNTS_REDIS_URL", url.as_str())], settings].concat();
    [start(&data, &settings), start(&data, &settings)]
}

async fn ada(anyone: &Client) -> String {
    let ada = json!({"name": "Ada", "email": ADA, "password": PASSWORD});
    anyone.post("/auth/register", ada).await.expect(201).id()
}

async fn bounded(response: impl Future<Output = TestResponse>) -> TestResponse {
    let response = timeout(NOTHING_HANGS, response).await.expect("the request hangs");
    assert_ne!(response.status, 500, "{response:#?}");
    response
}

/// Waits until logins work again without a restart of the server, with nothing worse than 503 before. Each attempt
/// comes from another address, because a failed login is counted even if a store was down.
async fn wait_until_logins_work(anyone: &Client, network: &str) {
    let began = Instant::now();
    for host in 1..=250 {
        let response =
            bounded(anyone.forwarding_for(&format!("{network}.{host}")).login(ADMIN_EMAIL, ADMIN_PASSWORD)).await;
        if response.status == 200 {
            return;
        }
        response.expect(503);
        assert!(began.elapsed() < Duration::from_secs(30), "the server does not recover");
        sleep(Duration::from_millis(200)).await;
    }
    panic!("the server does not recover");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_login_limit() {
    let Some(redis) = Redis::start() else { return };
    let servers = two(&redis, &[]);
    let anyone = servers.each_ref().map(Client::new);
    for number in 0..5 {
        anyone[number % 2].login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    for client in &anyone {
        for password in ["a guess", ADMIN_PASSWORD] {
            let wait = client.login(ADMIN_EMAIL, password).await.expect(429).retry_after();
            assert!((7 * 60..=15 * 60).contains(&wait), "{wait}");
        }
    }

    let dump = redis.dump().await;
    assert!(dump.lines().count() > 0 && dump.lines().all(|line| line.starts_with("accounts:")), "{dump}");
    assert!(!dump.contains(ADMIN_EMAIL) && !dump.contains("127.0.0.1"), "{dump}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_account_limits_and_known_addresses() {
    let Some(redis) = Redis::start() else { return };
    let servers = two(&redis, &[]);
    let anyone = servers.each_ref().map(Client::new);
    let home = anyone.each_ref().map(|client| client.forwarding_for("198.51.100.1"));
    let stranger = anyone.each_ref().map(|client| client.forwarding_for("203.0.113.1"));
    home[0].token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    for number in 0..20 {
        let somebody = anyone[number % 2].forwarding_for(&format!("192.0.2.{number}"));
        somebody.login(ADMIN_EMAIL, "a guess").await.expect(401);
    }
    for client in &stranger {
        client.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(429);
    }
    for client in &home {
        client.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_sessions() {
    let Some(redis) = Redis::start() else { return };
    let servers = two(&redis, &[]);
    assert!(servers.iter().all(|server| server.banner().contains("sessions and rate limits: in Redis")));
    let [here, there] = servers.each_ref().map(Client::new);
    ada(&here).await;
    let [access, refresh] = here.pair(ADA, PASSWORD).await;
    for client in [&here, &there] {
        client.bearing(&access).get("/api/me").await.expect(200);
    }
    let [renewed, refresh] = there.refresh(&refresh).await.expect(200).pair();
    here.bearing(&renewed).post("/auth/logout", json!({})).await.expect(204);
    for client in [&here, &there] {
        client.bearing(&access).get("/api/me").await.expect(401);
        client.bearing(&renewed).get("/api/me").await.expect(401);
        client.refresh(&refresh).await.expect(401);
    }

    let [one, one_refresh] = here.pair(ADA, PASSWORD).await;
    let [two, two_refresh] = there.pair(ADA, PASSWORD).await;
    there.bearing(&two).post("/auth/logout-all", json!({})).await.expect(204);
    for (access, refresh) in [(one, one_refresh), (two, two_refresh)] {
        here.bearing(&access).get("/api/me").await.expect(401);
        here.refresh(&refresh).await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_write_one_database_concurrently() {
    let Some(redis) = Redis::start() else { return };
    let servers = two(&redis, &[("ACCOUNTS_RATE_LIMITS", "observe")]);
    let anyone = servers.each_ref().map(Client::scattered);
    let token = anyone[0].token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let admin = anyone.each_ref().map(|client| client.bearing(&token));
    let mut writes = JoinSet::new();
    for number in 0..64 {
        let admin = admin[number % 2].clone();
        writes.spawn(async move { admin.post("/api/documents", json!({"title": "t", "body": "b"})).await });
    }
    for written in writes.join_all().await {
        written.expect(201);
    }
    for admin in admin {
        assert_eq!(admin.get("/api/documents?limit=1").await.expect(200).body["total"], 64);
    }
}

/// The second server has no Redis. It simulates a server that crashed after it wrote the database and before it
/// informed Redis.
#[tokio::test(flavor = "multi_thread")]
async fn role_change_unknown_to_redis_still_revokes_tokens() {
    let Some(redis) = Redis::start() else { return };
    let (data, url) = (fresh_data(), redis.url());
    let server = start(&data, &[("ACCOUNTS_REDIS_URL", &url)]);
    let anyone = Client::new(&server);
    let id = ada(&anyone).await;
    let [access, refresh] = anyone.pair(ADA, PASSWORD).await;
    anyone.bearing(&access).get("/api/me").await.expect(200);

    let interrupted = start(&data, &[]);
    let elsewhere = Client::new(&interrupted);
    let admin = elsewhere.bearing(&elsewhere.token(ADMIN_EMAIL, ADMIN_PASSWORD).await);
    admin.patch(&format!("/api/users/{id}"), json!({"role": "editor"})).await.expect(200);
    anyone.bearing(&access).get("/api/me").await.expect(401);
    let [access, refresh] = anyone.refresh(&refresh).await.expect(200).pair();
    let me = anyone.bearing(&access).get("/api/me").await.expect(200);
    assert_eq!(me.body["roles"], json!(["editor"]));

    admin.delete(&format!("/api/users/{id}")).await.expect(204);
    anyone.bearing(&access).get("/api/me").await.expect(401);
    anyone.refresh(&refresh).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_to_redis_ends_database_sessions() {
    let Some(redis) = Redis::start() else { return };
    let (data, url) = (fresh_data(), redis.url());
    let server = start(&data, &[]);
    assert!(server.banner().contains("sessions and rate limits: in the database"), "{}", server.banner());
    let anyone = Client::new(&server);
    let [ended, _] = anyone.pair(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    anyone.bearing(&ended).post("/auth/logout", json!({})).await.expect(204);
    let [_, refresh] = anyone.pair(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    drop(anyone);
    server.stop();

    let server = start(&data, &[("ACCOUNTS_REDIS_URL", &url)]);
    let anyone = Client::new(&server);
    anyone.refresh(&refresh).await.expect(401);
    anyone.bearing(&ended).get("/api/me").await.expect(401);
    drop(anyone);
    server.stop();
    Client::new(&start(&data, &[])).refresh(&refresh).await.expect(401);
}

/// Redis is killed once, and paused once.
#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_degrades_and_recovers_without_restart() {
    let Some(mut redis) = Redis::start() else { return };
    let server = start(&fresh_data(), &[("ACCOUNTS_REDIS_URL", &redis.url())]);
    let anyone = Client::new(&server);
    let token = anyone.token(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let made = anyone.bearing(&token).post("/api/keys", json!({"name": "k"})).await.expect(201);
    let key = made.body["key"].as_str().expect("a key").to_owned();

    for (killed, address, network) in [(true, "192.0.2.1", "198.51.100"), (false, "192.0.2.2", "203.0.113")] {
        if killed {
            redis.kill()
        } else {
            redis.pause()
        }
        let caller = anyone.forwarding_for(address);
        for password in ["a guess", ADMIN_PASSWORD].repeat(4) {
            let rejected = bounded(caller.login(ADMIN_EMAIL, password)).await.expect(503);
            assert!(rejected.retry_after() >= 1);
        }
        // Without Redis the server cannot know whether the token was revoked; the API key is in the database.
        assert!(bounded(caller.bearing(&token).get("/api/me")).await.expect(503).retry_after() >= 1);
        bounded(caller.with_key(&key).get("/api/me")).await.expect(200);
        bounded(caller.get("/health")).await.expect(200);
        // Meanwhile this server alone counts the API's rate limit, and still enforces it.
        for _ in 0..98 {
            bounded(caller.get("/api/me")).await.expect(401);
        }
        bounded(caller.get("/api/me")).await.expect(429);
        bounded(caller.get("/health")).await.expect(200);

        if killed {
            redis.restart()
        } else {
            redis.resume()
        }
        // Uses other addresses than the caller, because commands sent to the paused Redis are executed when it
        // resumes.
        wait_until_logins_work(&anyone, network).await;
        bounded(anyone.bearing(&token).get("/api/me")).await.expect(200);
    }
    drop(anyone);
    let log = server.stop().log;
    assert!(!log.contains("panicked") && !log.contains("status=500"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_outage_at_start_warns_without_password() {
    let Some(mut redis) = Redis::start() else { return };
    redis.kill();
    let url = redis.url().replace("redis://", "redis://:hunter2@");
    let server = start(&fresh_data(), &[("ACCOUNTS_REDIS_URL", &url)]);
    server.wait_for_log("Redis does not respond yet");
    let warnings = server.log().lines().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 1, "{}", server.log());
    let anyone = Client::new(&server);
    bounded(anyone.login(ADMIN_EMAIL, ADMIN_PASSWORD)).await.expect(503);
    bounded(anyone.get("/health")).await.expect(200);

    redis.restart();
    let client = redis::Client::open(redis.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let mut demand = redis::cmd("CONFIG");
    demand.arg(&["SET", "requirepass", "hunter2"]);
    demand.query_async::<()>(&mut connection).await.expect("the password is set");
    wait_until_logins_work(&anyone, "198.51.100").await;
    drop(anyone);
    let output = server.banner() + &server.stop().log;
    assert!(!output.contains("hunter2"), "{output}");
}
