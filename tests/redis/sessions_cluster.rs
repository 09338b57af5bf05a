//! CWE-362, CWE-613, CWE-636: sessions and revocations in a Redis Cluster, also while one of its nodes dies.

use std::time::{Duration, Instant};

use palisade::authn::AuthError;
use palisade::jwt::Grant;
use palisade::redis::RedisConnection;
use palisade::session::RefreshError;

use super::cluster::Cluster;
use super::rate_limits::{KEY, PATIENT};
use super::{REVOKED, SharedSessions, sessions_in};

fn process(cluster: &Cluster, timeout: Duration) -> SharedSessions {
    let urls = cluster.urls();
    let redis = RedisConnection::cluster(urls.iter().map(String::as_str), "tests", KEY);
    sessions_in(&redis.timeout(timeout).build().unwrap())
}

fn of(subject: &str) -> Grant {
    Grant::new(subject, Duration::from_secs(900)).scopes(["orders:read"])
}

async fn refresh(sessions: &SharedSessions, subject: &str, token: &str) -> Result<String, RefreshError<()>> {
    let pair = sessions.refresh(token, async |_| Ok(of(subject))).await?;
    Ok(pair.refresh_token().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_keeps_sessions_through_a_failover() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (here, there) = (process(&cluster, PATIENT), process(&cluster, PATIENT));
    let jwt = there.verifier().build().unwrap();

    // One subject has many sessions, on all nodes.
    let mut pairs = Vec::new();
    for _ in 0..12 {
        pairs.push(here.begin(&of("ada")).await.unwrap());
    }
    let keys = cluster.keys();
    let mut nodes: Vec<u16> = keys.iter().map(|key| cluster.port_of(key)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    assert_eq!((keys.len(), nodes.len()), (13, 3), "12 sessions and their list: {keys:?}");

    // A refresh token is valid once, in any process.
    let next = refresh(&there, "ada", pairs[0].refresh_token()).await.unwrap();
    assert_eq!(refresh(&here, "ada", pairs[0].refresh_token()).await.unwrap_err(), RefreshError::Reused);
    assert_eq!(refresh(&here, "ada", &next).await.unwrap_err(), RefreshError::Unknown);
    assert_eq!(jwt.verify(pairs[0].access_token()).await.unwrap_err(), REVOKED);

    // Ending one session does not affect others.
    let principal = jwt.verify(pairs[1].access_token()).await.unwrap();
    here.end(&principal).await.unwrap();
    assert_eq!(jwt.verify(pairs[1].access_token()).await.unwrap_err(), REVOKED);
    jwt.verify(pairs[2].access_token()).await.unwrap();

    // All sessions of a subject end together, and no session of another subject.
    let bob = here.begin(&of("bob")).await.unwrap();
    there.end_all_of("ada").await.unwrap();
    for pair in &pairs[2..] {
        assert_eq!(jwt.verify(pair.access_token()).await.unwrap_err(), REVOKED);
        assert_eq!(refresh(&here, "ada", pair.refresh_token()).await.unwrap_err(), RefreshError::Unknown);
    }
    jwt.verify(bob.access_token()).await.unwrap();

    // A node dies: each result is correct, or unavailable.
    let mut alive = Vec::new();
    for number in 0..12 {
        alive.push(here.begin(&of(&format!("subject {number}"))).await.unwrap());
    }
    cluster.wait_for_replicas();
    let hasty = process(&cluster, Duration::from_millis(500));
    let jwt = hasty.verifier().build().unwrap();
    let began = Instant::now();
    while jwt.verify(bob.access_token()).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not connect");
    }
    cluster.kill_a_primary();
    let (began, mut away) = (Instant::now(), 0);
    loop {
        let mut lost = 0;
        for pair in &pairs {
            match jwt.verify(pair.access_token()).await {
                Err(AuthError::Unavailable(_)) => lost += 1,
                response => assert_eq!(response.unwrap_err(), REVOKED),
            }
        }
        for pair in &alive {
            match jwt.verify(pair.access_token()).await {
                Err(AuthError::Unavailable(_)) => lost += 1,
                response => drop(response.unwrap()),
            }
        }
        away += lost;
        if lost == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{lost} tokens are still without a response");
    }
    assert!(away > 0, "the death of a node was not noticed: nothing was tested");
    for (number, pair) in alive.iter().enumerate() {
        let subject = format!("subject {number}");
        let began = Instant::now();
        // An idle connection notices only now that its node is dead.
        while let Err(error) = refresh(&here, &subject, pair.refresh_token()).await {
            assert_eq!(error, RefreshError::Unavailable);
            assert!(began.elapsed() < Duration::from_secs(60), "it does not recover");
        }
    }
}
