//! Liveness and readiness are separate: `/health` and `/ready`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    redis_server::Server as Redis,
    support::{Client, Server, TEST_TIMEOUT, TestResponse},
};

#[track_caller]
fn assert_not_ready(response: TestResponse) {
    let response = response.expect(503);
    assert_eq!((response.retry_after(), response.header("cache-control")), (1, Some("no-store")));
    assert_eq!(response.body["detail"], "The server is not ready; try again later.", "{response:#?}");
}

async fn wait_for_status(client: &Client, status: u16) -> TestResponse {
    let began = Instant::now();
    loop {
        let response = client.get("/ready").await;
        if response.status == status {
            return response;
        }
        assert!(began.elapsed() < TEST_TIMEOUT, "{response:#?}");
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
    assert_not_ready(anyone.get("/ready").await);
    anyone.get("/health").await.expect(200);
    drop(anyone);
    assert_eq!(server.ended().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_redis_outages() {
    let Some(mut redis) = Redis::start() else { return };
    let server = Server::start(&[("ACCOUNTS_REDIS_URL", &redis.url())]);
    let anyone = Client::new(&server);
    wait_for_status(&anyone, 200).await;
    redis.kill();
    assert_not_ready(wait_for_status(&anyone, 503).await);
    anyone.get("/health").await.expect(200);
    redis.restart();
    wait_for_status(&anyone, 200).await;
    // This Redis accepts connections and never responds.
    redis.pause();
    assert_not_ready(wait_for_status(&anyone, 503).await);
    redis.resume();
    wait_for_status(&anyone, 200).await;
    drop(anyone);
    assert_eq!(server.stop().log.matches("readiness changed").count(), 4);
}
