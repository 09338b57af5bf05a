//! CWE-362, CWE-799: two processes with one Redis share one rate limit.

use std::process::Command;
use std::time::{Duration, Instant};

use redis::AsyncCommands as _;

use crate::rate_limits::{PATIENT, charge_request, reserve, within};
use crate::server::Server;

const ROUNDS: u32 = 1000;
const TASKS: u32 = 32;
const ADDRESS: &str = "PALISADE_TESTS_REDIS_OF_TWO_PROCESSES";

/// How many of 64 requests may be admitted in this round. Small limits are counted exactly, large ones in time slots.
fn limit(round: u32) -> u32 {
    1 + round % 40
}

#[test]
fn two_processes_together_admit_exactly_the_limit() {
    // The test starts itself as its two child processes.
    if let Ok(url) = std::env::var(ADDRESS) {
        return run_one_of_two_processes(&url);
    }
    let Some(server) = Server::start() else { return };
    let began = Instant::now();
    let this = std::env::current_exe().unwrap();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let mut process = Command::new(&this);
            process.args(["--exact", "rate_limit_processes::two_processes_together_admit_exactly_the_limit"]);
            process.env(ADDRESS, server.url()).spawn().unwrap()
        })
        .collect();
    for mut process in both {
        assert!(process.wait().unwrap().success());
    }
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection =
            redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let mut contested = 0;
        for round in 0..ROUNDS {
            let shares: Vec<u32> = connection.lrange(format!("admitted:{round}"), 0, -1).await.unwrap();
            assert_eq!(shares.len(), 2);
            assert_eq!(shares.iter().sum::<u32>(), limit(round), "round {round}: {shares:?}");
            contested += u32::from(shares.iter().all(|share| *share > 0));
        }
        assert!(
            contested > ROUNDS / 20,
            "both processes were admitted in only {contested} rounds: they hardly competed"
        );
    });
}

fn run_one_of_two_processes(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = within(PATIENT, url);
        let mut connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        for round in 0..ROUNDS {
            // Both processes begin a round together.
            let _: u32 = connection.incr(format!("here:{round}"), 1).await.unwrap();
            while connection.get::<_, u32>(format!("here:{round}")).await.unwrap() < 2 {
                tokio::task::yield_now().await;
            }
            let request = charge_request(u64::from(round), limit(round), Duration::from_secs(3600), "ada");
            let tries: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (store, request) = (store.clone(), request.clone());
                    tokio::spawn(async move { reserve(&store, &request).await.is_ok() })
                })
                .collect();
            let mut admitted = 0;
            for tried in tries {
                admitted += u32::from(tried.await.unwrap());
            }
            let _: u32 = connection.rpush(format!("admitted:{round}"), admitted).await.unwrap();
        }
    });
}
