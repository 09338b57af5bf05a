//! Liveness and readiness are separate: `/health` and `/ready`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    redis_server::Server as Redis,
    support::{Answer, Client, Server, TEST_TIMEOUT},
};

#[track_caller]
fn not_ready(answer: Answer) {
    let answer = answer.expect(503);
    assert_eq!((answer.retry_after(), answer.header("cache-control")), (1, Some("no-store")));
    assert_eq!(answer.body["detail"], "The server is not ready; try again later.", "{answer:#?}");
}

async fn becomes(client: &Client, status: u16) -> Answer {
    let began = Instant::now();
    loop {
        let answer = client.get("/ready").await;
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < TEST_TIMEOUT, "{answer:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_server_is_alive_and_not_ready() {
    let server = Server::start(&[]);
    let anyone = Client::new(&server);
    let ready = anyone.get("/ready").await.expect(200);
    assert_eq!((ready.body, ready.text.len()), (json!({"status": "ready"}), r#"{"status":"ready"}"#.len()));
    // Uses the existing connection, because the server accepts no new one.
    server.signal("TERM");
    server.wait_for_log("stopping");
    not_ready(anyone.get("/ready").await);
    anyone.get("/health").await.expect(200);
    drop(anyone);
    assert_eq!(server.ended().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_redis_outages() {
    let Some(mut redis) = Redis::start() else { return };
    let server = Server::start(&[("ACCOUNTS_REDIS_URL", &redis.url())]);
    let anyone = Client::new(&server);
    becomes(&anyone, 200).await;
    redis.kill();
    not_ready(becomes(&anyone, 503).await);
    anyone.get("/health").await.expect(200);
    redis.restart();
    becomes(&anyone, 200).await;
    // This Redis accepts connections and never responds.
    redis.pause();
    not_ready(becomes(&anyone, 503).await);
    redis.resume();
    becomes(&anyone, 200).await;
    drop(anyone);
    assert_eq!(server.stop().log.matches("readiness changed").count(), 4);
}
