//! CWE-362, CWE-636: rate limits in a Redis Cluster, also while one of its nodes dies.

use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::__v1::rate_limits::{ChargeRequest, RedisDecision};
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use palisade::resource::Unavailable;

use crate::cluster::Cluster;
use crate::rate_limits::{KEY, PATIENT, charge_request};

const HOUR: Duration = Duration::from_secs(3600);
const LIMIT: u32 = 5;

/// Much longer than the timeout of 50 ms, much shorter than the timeouts of an operating system.
const HANGS: Duration = Duration::from_secs(10);

fn store(cluster: &Cluster, timeout: Duration) -> RedisRateLimits {
    let urls = cluster.urls();
    let redis = RedisConnection::cluster(urls.iter().map(String::as_str), "tests", KEY);
    RedisRateLimits::new(&redis.timeout(timeout).build().unwrap())
}

fn of(client: usize) -> ChargeRequest<'static> {
    charge_request(1, LIMIT, HOUR, &format!("client {client}"))
}

/// Whether a unit was admitted.
async fn admitted(store: &RedisRateLimits, request: &ChargeRequest<'static>) -> Result<bool, Unavailable> {
    let began = Instant::now();
    let decisions = store.reserve(std::slice::from_ref(request)).await;
    assert!(began.elapsed() < HANGS, "a decision took {:?}", began.elapsed());
    Ok(matches!(&decisions?[..], [RedisDecision::Charged(_)]))
}

/// Retries, because an idle connection notices only with its next request that its node is dead.
async fn admitted_in_the_end(store: &RedisRateLimits, request: &ChargeRequest<'static>) -> bool {
    let began = Instant::now();
    loop {
        if let Ok(one) = admitted(store, request).await {
            return one;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_charges_all_or_none_and_survives_failover() {
    let Some(mut cluster) = Cluster::start() else { return };
    let patient = store(&cluster, PATIENT);

    // The clients of one call are on several nodes. All are charged, or none.
    let clients: Vec<ChargeRequest<'static>> = (0..12).map(of).collect();
    let decisions = patient.reserve(&clients).await.unwrap();
    let mut charges = Vec::new();
    for decision in decisions {
        match decision {
            RedisDecision::Charged(charge) => charges.push(charge),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(charges.len(), 12);
    let keys = cluster.keys();
    let mut nodes: Vec<u16> = keys.iter().map(|key| cluster.port_of(key)).collect();
    assert_eq!(keys.len(), 12);
    nodes.sort_unstable();
    nodes.dedup();
    assert_eq!(nodes.len(), 3, "all three nodes must be used");
    assert!(patient.refund(charges).await.unwrap().iter().all(|status| status.remaining == LIMIT));

    let exhausted = ChargeRequest { cost: LIMIT, ..of(3) };
    let _ = patient.charge(&exhausted).await.unwrap();
    let decisions = patient.reserve(&clients).await.unwrap();
    for (client, decision) in decisions.iter().enumerate() {
        let expected =
            matches!((client, decision), (3, RedisDecision::Rejected(_)) | (_, RedisDecision::RolledBack(_)));
        assert!(expected, "{client}: {decision:?}");
    }
    let began = Instant::now();
    loop {
        let left: Vec<u32> = patient.status(&clients).await.unwrap().iter().map(|one| one.remaining).collect();
        if left.iter().enumerate().all(|(client, left)| *left == if client == 3 { 0 } else { LIMIT }) {
            break;
        }
        assert!(began.elapsed() < HANGS, "the charges of the others are not refunded: {left:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    // Each client is charged two units before a node dies. Each client has its own key from here on.
    let clients: Vec<ChargeRequest<'static>> = (100..130).map(of).collect();
    for client in &clients {
        for _ in 0..2 {
            assert_eq!(admitted(&patient, client).await, Ok(true));
        }
    }
    let ports: Vec<(String, u16)> =
        cluster.keys().into_iter().map(|key| (key.clone(), cluster.port_of(&key))).collect();
    cluster.wait_for_replicas();
    let hasty = store(&cluster, Duration::from_millis(50));
    let began = Instant::now();
    while admitted(&hasty, &of(500)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not connect");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let dead = cluster.kill_a_primary();
    assert!(ports.iter().any(|(_, port)| *port == dead), "the dead node must have had keys");

    let (began, mut extra, mut away) = (Instant::now(), vec![0; clients.len()], 0);
    loop {
        let mut lost = 0;
        for (client, extra) in clients.iter().zip(&mut extra) {
            match admitted(&hasty, client).await {
                Ok(one) => *extra += u32::from(one),
                Err(Unavailable) => lost += 1,
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        away += lost;
        if lost == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{lost} clients are still without a response");
    }
    assert!(away > 0, "the death of a node was not noticed: nothing was tested");
    // On every slot, a client never gets more than the three units that were left. Some may be lost with responses that did not
    // arrive.
    let mut clients_with_all_units = 0;
    for (client, extra) in clients.iter().zip(extra) {
        let mut extra = extra;
        while admitted_in_the_end(&patient, client).await {
            extra += 1;
        }
        assert!(extra <= LIMIT - 2, "{client:?}: {extra} more");
        clients_with_all_units += usize::from(extra == LIMIT - 2);
    }
    assert!(clients_with_all_units > 0, "no client got all units that were left");
    let live_slots = ports.iter().filter(|(_, port)| *port != dead).count();
    assert!(live_slots > 0, "no other slot was tried");
}
