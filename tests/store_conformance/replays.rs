//! The laws of `ReplayStore`.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use palisade::oauth::ReplayStore;

use crate::backends::{ReplayBackend, Shared};

crate::check_laws! {
    replays: [
        proof_is_used_once,
        of_concurrent_uses_one_is_the_first,
        each_byte_of_the_id_counts,
        proof_is_forgotten_after_its_time,
        distant_times_are_kept,
    ],
    memory: Memory, redis: Redis,
}

crate::check_laws! {
    replays: [
        processes_share_the_used_proofs,
    ],
    shared_redis: Redis,
}

fn in_a_minute() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

pub async fn proof_is_used_once(backend: &impl ReplayBackend) {
    let (store, again) = (backend.replays(), backend.replays());
    assert_eq!(store.first_use([1; 16], in_a_minute()).await, Ok(true));
    for _ in 0..3 {
        assert_eq!(store.first_use([1; 16], in_a_minute()).await, Ok(false));
        assert_eq!(again.first_use([1; 16], in_a_minute() + Duration::from_secs(60)).await, Ok(false));
    }
}

pub async fn of_concurrent_uses_one_is_the_first(backend: &impl ReplayBackend) {
    let store = backend.replays();
    for number in 0..20 {
        let uses = (0..16).map(|_| store.first_use([number; 16], in_a_minute()));
        let firsts = join_all(uses).await.into_iter().filter(|first| *first == Ok(true)).count();
        assert_eq!(firsts, 1, "{number}");
    }
}

pub async fn each_byte_of_the_id_counts(backend: &impl ReplayBackend) {
    let store = backend.replays();
    assert_eq!(store.first_use([0; 16], in_a_minute()).await, Ok(true));
    for at in 0..16 {
        for byte in [1, 0x80, 0xff] {
            let mut id = [0; 16];
            id[at] = byte;
            assert_eq!(store.first_use(id, in_a_minute()).await, Ok(true), "{at} {byte}");
        }
    }
}

/// A store may forget a proof only after its time, and must then have room for others.
pub async fn proof_is_forgotten_after_its_time(backend: &impl ReplayBackend) {
    let (store, until) = (backend.replays(), SystemTime::now() + Duration::from_millis(1_200));
    assert_eq!(store.first_use([1; 16], until).await, Ok(true));
    while SystemTime::now() + Duration::from_millis(200) < until {
        assert_eq!(store.first_use([1; 16], until).await, Ok(false));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(store.first_use([1; 16], in_a_minute()).await, Ok(true));
}

/// A time that is far away, and one that has passed, are no errors.
pub async fn distant_times_are_kept(backend: &impl ReplayBackend) {
    let store = backend.replays();
    let far = SystemTime::now() + Duration::from_secs(100 * 365 * 24 * 60 * 60);
    for (id, until) in [([1; 16], far), ([2; 16], SystemTime::UNIX_EPOCH)] {
        assert_eq!(store.first_use(id, until).await, Ok(true));
    }
    assert_eq!(store.first_use([1; 16], far).await, Ok(false));
}

pub async fn processes_share_the_used_proofs<B: ReplayBackend + Shared>(backend: &B) {
    let other = backend.of_another_process().await;
    assert_eq!(backend.replays().first_use([1; 16], in_a_minute()).await, Ok(true));
    assert_eq!(other.replays().first_use([1; 16], in_a_minute()).await, Ok(false));
    assert_eq!(other.replays().first_use([2; 16], in_a_minute()).await, Ok(true));
    assert_eq!(backend.replays().first_use([2; 16], in_a_minute()).await, Ok(false));
}
