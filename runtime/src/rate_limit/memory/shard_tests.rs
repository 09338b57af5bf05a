//! The promises of a shard, for one limit in each form in which charges are kept.

use std::time::Duration;

use super::client_table::Charged;
use super::shard::Shard;
use crate::clock::Tick;
use crate::rate_limit::client_key::ClientKey;
use crate::rate_limit::limit::Limit;
use crate::rate_limit::status::{Cause, RateLimitStatus, Rejected};

/// One limit in each form in which charges are kept.
const LIMITS: [u32; 7] = [2, 4, 5, 16, 17, 1000, 100_000];
const SECOND: u64 = 1_000_000_000;

fn key(client: u32) -> ClientKey {
    ClientKey::of(client)
}

fn limit(limit: u32, nanos: u64) -> Limit {
    Limit::new(limit, Duration::from_nanos(nanos)).unwrap()
}

fn at(nanos: u64) -> Tick {
    Tick::from_nanos(nanos)
}

fn slack(limit: Limit) -> u64 {
    u64::try_from(limit.slack().as_nanos()).unwrap()
}

fn reserve(shard: &mut Shard, client: u32, limit: Limit, units: u32, now: u64) -> Result<Charged, Rejected> {
    shard.reserve(key(client), limit, units, at(now)).map_err(Rejected::from)
}

/// How many of `tries` attempts are admitted.
fn admitted(shard: &mut Shard, limit: Limit, now: u64, tries: u32) -> u32 {
    (0..tries).filter(|_| reserve(shard, 1, limit, 1, now).is_ok()).count() as u32
}

/// Charges a client whose limit is 4 in 100 ns.
fn charge(shard: &mut Shard, client: u32, times: u32, now: u64) {
    for _ in 0..times {
        reserve(shard, client, limit(4, 100), 1, now).unwrap();
    }
}

fn held(shard: &Shard) -> Vec<u32> {
    (0..256).filter(|client| shard.tables.iter().any(|(_, table)| table.find(key(*client)).is_some())).collect()
}

#[test]
fn charge_is_held_for_window_and_slack() {
    for count in LIMITS {
        for (nanos, charged) in [
            (3200, 0),
            (3200, 50),
            (3200, 99),
            (3199, 99),
            (33, 1),
            (1, 5),
            (31, 5),
            (900 * SECOND, 12_345),
            (60 * SECOND, 7),
        ] {
            let (mut shard, limit) = (Shard::new(3), limit(count, nanos));
            assert!(reserve(&mut shard, 1, limit, count, charged).is_ok());
            assert!(reserve(&mut shard, 1, limit, 1, charged + nanos - 1).is_err(), "{count} {nanos} {charged}");
            assert!(
                reserve(&mut shard, 1, limit, count, charged + nanos + slack(limit)).is_ok(),
                "{count} {nanos} {charged}"
            );
        }
    }
}

#[test]
fn the_edge_of_a_window_admits_no_burst() {
    for count in [5, 16, 17, 1000] {
        let (mut shard, limit) = (Shard::new(3), limit(count, 900 * SECOND));
        assert_eq!(admitted(&mut shard, limit, 900 * SECOND - 1, count), count);
        assert_eq!(admitted(&mut shard, limit, 900 * SECOND, count), 0);
        assert_eq!(admitted(&mut shard, limit, 1800 * SECOND - 2, count), 0);
    }
}

#[test]
fn retry_after_is_exact_to_the_nanosecond() {
    for count in [3, 40] {
        let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
        admitted(&mut shard, limit, 1010, 1);
        admitted(&mut shard, limit, 2020, count - 1);
        let wait = reserve(&mut shard, 1, limit, 1, 2500).unwrap_err().retry_after;
        let free = 2500 + u64::try_from(wait.as_nanos()).unwrap();
        assert_eq!(free, if count == 3 { 4210 } else { 1100 + 3200 });
        assert_eq!(admitted(&mut shard, limit, free - 1, 1), 0);
        assert_eq!(admitted(&mut shard, limit, free, 2), 1);
    }
}

#[test]
fn a_cost_is_charged_completely_or_not_at_all() {
    for count in LIMITS {
        let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
        reserve(&mut shard, 1, limit, 1, 0).unwrap();
        reserve(&mut shard, 1, limit, 1, 1000).unwrap();
        let rejected = reserve(&mut shard, 1, limit, count, 2000).unwrap_err();
        assert_eq!(rejected, Rejected { retry_after: Duration::from_nanos(2200), cause: Cause::Exhausted }, "{count}");
        let rejected = reserve(&mut shard, 1, limit, count - 1, 2000).unwrap_err();
        assert_eq!(rejected.retry_after, Duration::from_nanos(1200), "{count}");
        assert_eq!(shard.status(key(1), limit, at(2000)).remaining, count - 2);
        assert!(reserve(&mut shard, 1, limit, count, 4199).is_err());
        assert!(reserve(&mut shard, 1, limit, count, 4200).is_ok());
    }
}

#[test]
fn charge_is_capped_at_the_limit() {
    for count in LIMITS {
        let (mut shard, limit) = (Shard::new(1), limit(count, 3200));
        assert_eq!(shard.charge(key(1), limit, count - 1, at(0)).remaining, 1);
        let after = shard.charge(key(1), limit, u32::MAX, at(100));
        assert_eq!(after, RateLimitStatus { remaining: 0, reset: Duration::from_nanos(3100) });
        assert_eq!(shard.charge(key(1), limit, 1, at(200)).remaining, 0);
        assert_eq!(shard.charge(key(2), limit, 1, at(200)).remaining, 0, "the shard is full");
        assert_eq!(shard.status(key(1), limit, at(3200)).remaining, count - 1);
    }
}

#[test]
fn refund_removes_only_its_own_charge() {
    for count in LIMITS {
        let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
        let cost = count / 2;
        let early = reserve(&mut shard, 1, limit, cost, 100).unwrap();
        reserve(&mut shard, 1, limit, count - cost, 1600).unwrap();
        assert_eq!(shard.refund(key(1), limit, early.id, cost, at(1600)).remaining, cost);
        // The early charge was refunded, so nothing more becomes available when its window ends.
        assert_eq!(shard.status(key(1), limit, at(3300)).remaining, cost);
        assert_eq!(shard.status(key(1), limit, at(4800)).remaining, count);
    }
}

#[test]
fn a_late_or_second_refund_changes_nothing() {
    for count in LIMITS {
        for later in [33 * 100, 66 * 100, 33 * 100 * 7] {
            let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
            let charged = reserve(&mut shard, 1, limit, 1, 50).unwrap();
            reserve(&mut shard, 1, limit, count, 50 + later).unwrap();
            assert_eq!(shard.refund(key(1), limit, charged.id, 1, at(50 + later)).remaining, 0);
        }
        let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
        let charged = reserve(&mut shard, 1, limit, 1, 50).unwrap();
        shard.refund(key(1), limit, charged.id, 1, at(50));
        assert_eq!(shard.refund(key(1), limit, charged.id, 1, at(50)).remaining, count);
    }
}

#[test]
fn a_charge_from_before_a_removal_refunds_nothing() {
    for count in LIMITS {
        let limit = limit(count, 3200);
        let mut shard = Shard::new(1);
        let before = reserve(&mut shard, 1, limit, 1, 10).unwrap();
        reserve(&mut shard, 2, limit, 1, 10).unwrap();
        reserve(&mut shard, 1, limit, 1, 10).unwrap();
        assert_eq!(shard.refund(key(1), limit, before.id, 1, at(10)).remaining, count - 1);
        let before = reserve(&mut shard, 1, limit, 1, 10).unwrap();
        shard.reset(key(1), limit);
        assert_eq!(shard.clients, 0);
        assert_eq!(shard.refund(key(1), limit, before.id, 1, at(10)).remaining, count);
        reserve(&mut shard, 1, limit, 1, 10).unwrap();
        assert_eq!(shard.refund(key(1), limit, before.id, 1, at(10)).remaining, count - 1);
    }
}

#[test]
fn charges_survive_a_rebase_of_time_slots() {
    for count in LIMITS {
        // Slot numbers of a nanosecond overflow every 4.3 seconds.
        let (mut shard, limit) = (Shard::new(3), limit(count, 32));
        for now in (0..40).map(|turn| turn * 1_100_000_007_u64) {
            let charged = reserve(&mut shard, 1, limit, 1, now).unwrap();
            reserve(&mut shard, 1, limit, count - 1, now + 1).unwrap();
            assert_eq!(admitted(&mut shard, limit, now + 31, 1), 0);
            assert_eq!(shard.refund(key(1), limit, charged.id, 1, at(now + 31)).remaining, 1);
            assert_eq!(admitted(&mut shard, limit, now + 31, 2), 1);
        }
        assert_eq!(shard.status(key(1), limit, at(u64::MAX / 2)).remaining, count);
        assert_eq!(admitted(&mut shard, limit, u64::MAX / 2, count + 1), count);
    }
}

#[test]
fn charges_right_before_a_rebase_stay_held() {
    for count in LIMITS {
        let limit = limit(count, 3_200_000);
        for before in [1, 1000, 100_001, 3_000_000] {
            let (mut shard, seam) = (Shard::new(3), u64::from(u32::MAX));
            let step = if count <= Limit::EXACT { 1 } else { 100_000 };
            reserve(&mut shard, 2, limit, 1, 0).unwrap();
            let charged = reserve(&mut shard, 1, limit, count, seam * step - before).unwrap();
            assert_eq!(admitted(&mut shard, limit, seam * step + 3_200_000 - before - 1, 1), 0);
            assert_eq!(shard.refund(key(1), limit, charged.id, count, at(seam * step)).remaining, count);
        }
    }
}

#[test]
fn the_largest_instant_admits_nothing_extra() {
    for count in LIMITS {
        let (mut shard, limit) = (Shard::new(3), limit(count, 3200));
        assert_eq!(admitted(&mut shard, limit, u64::MAX - 1, count + 1), count);
        assert_eq!(admitted(&mut shard, limit, u64::MAX, 1), 0);
    }
}

#[test]
fn clients_without_charges_are_evicted_first() {
    let mut shard = Shard::new(3);
    charge(&mut shard, 1, 3, 10);
    charge(&mut shard, 2, 1, 20);
    charge(&mut shard, 3, 2, 90);
    charge(&mut shard, 4, 1, 111);
    assert_eq!(held(&shard), [2, 3, 4]);
}

#[test]
fn least_used_then_oldest_client_is_evicted() {
    let mut shard = Shard::new(3);
    charge(&mut shard, 1, 2, 10);
    charge(&mut shard, 2, 1, 15);
    charge(&mut shard, 3, 1, 20);
    // Reading a status does not count as use.
    shard.status(key(2), limit(4, 100), at(25));
    charge(&mut shard, 4, 3, 30);
    assert_eq!(held(&shard), [1, 3, 4]);
    charge(&mut shard, 5, 1, 40);
    assert_eq!(held(&shard), [1, 4, 5]);
}

#[test]
fn usage_is_measured_as_share_of_the_limit() {
    let mut shard = Shard::new(2);
    reserve(&mut shard, 1, limit(1000, 100), 10, 10).unwrap();
    charge(&mut shard, 2, 1, 10);
    charge(&mut shard, 3, 1, 20);
    assert_eq!(held(&shard), [2, 3]);
}

#[test]
fn new_client_is_rejected_if_shard_is_blocked() {
    let mut shard = Shard::new(3);
    for (client, now) in [(2, 10), (3, 20), (1, 30)] {
        charge(&mut shard, client, 4, now);
    }
    let store_full = Rejected { retry_after: Duration::from_nanos(60), cause: Cause::StoreFull };
    // The second rejection comes from `full_until`, without a scan.
    assert_eq!([1, 1].map(|_| reserve(&mut shard, 4, limit(4, 100), 1, 50).unwrap_err()), [store_full; 2]);
    assert!(reserve(&mut shard, 4, limit(4, 100), 1, 109).is_err());
    assert_eq!(held(&shard), [1, 2, 3]);
    assert!(reserve(&mut shard, 4, limit(4, 100), 1, 110).is_ok());
    assert_eq!(held(&shard), [1, 3, 4]);
}

#[test]
fn refund_or_reset_makes_room_at_once() {
    for reset in [true, false] {
        let mut shard = Shard::new(1);
        let charged = reserve(&mut shard, 1, limit(4, 100), 4, 0).unwrap();
        assert_eq!(reserve(&mut shard, 2, limit(4, 100), 1, 0).unwrap_err().cause, Cause::StoreFull);
        if reset {
            shard.reset(key(1), limit(4, 100));
        } else {
            shard.refund(key(1), limit(4, 100), charged.id, 4, at(0));
        }
        assert!(reserve(&mut shard, 2, limit(4, 100), 1, 0).is_ok());
    }
}

#[test]
fn a_full_shard_still_serves_its_clients() {
    let mut shard = Shard::new(3);
    for client in 1..=3 {
        charge(&mut shard, client, 1, 10);
    }
    charge(&mut shard, 1, 3, 20);
    assert_eq!(held(&shard), [1, 2, 3]);
    assert_eq!(reserve(&mut shard, 1, limit(4, 100), 1, 20).unwrap_err().cause, Cause::Exhausted);
}

#[test]
fn clients_of_all_limits_share_the_capacity() {
    let mut shard = Shard::new(100);
    let limits = LIMITS.map(|count| limit(count, 3200));
    let (mut random, mut most) = (1_u64, 0);
    for now in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (client, limit) = ((random >> 33) as u32 % 60, limits[(random >> 60) as usize % 7]);
        match random >> 50 & 7 {
            0 => shard.reset(key(client), limit),
            1 => shard.sweep(7, at(now)),
            _ => drop(reserve(&mut shard, client, limit, 1, now)),
        }
        assert!(shard.clients <= 100);
        most = most.max(shard.clients);
        if now % 16 > 0 {
            continue;
        }
        assert_eq!(shard.clients, shard.tables.iter().map(|(_, table)| table.len()).sum::<usize>());
        let mut found = 0;
        for limit in limits {
            let is_held = |client: &u32| shard.table(limit).is_some_and(|table| table.find(key(*client)).is_some());
            found += (0..60).filter(is_held).count();
        }
        assert_eq!(shard.clients, found);
    }
    assert_eq!(most, 100, "the shard must have been full once");
}

#[test]
fn sweep_removes_unused_clients_from_all_tables() {
    let mut shard = Shard::new(300);
    for client in 0..200 {
        let _stays = reserve(&mut shard, client, limit(4, 100), 1, u64::from(client / 100) * 50);
        let _stays = reserve(&mut shard, client, limit(40, 100), 1, 0);
    }
    // Twice around, because a slot that moves from the end to a free index is looked at again.
    for _ in 0..(2 * 300_usize).div_ceil(32) {
        shard.sweep(32, at(120));
    }
    assert_eq!(held(&shard), (100..200).collect::<Vec<_>>());
    shard.sweep(1000, at(1000));
    assert_eq!((shard.clients, shard.tables.len()), (0, 0));
}

#[test]
fn an_old_instant_counts_as_the_latest_seen() {
    let mut shard = Shard::new(3);
    charge(&mut shard, 1, 1, 999);
    charge(&mut shard, 1, 3, 1);
    let rejected = reserve(&mut shard, 1, limit(4, 100), 1, 1098).unwrap_err();
    assert_eq!(rejected, Rejected { retry_after: Duration::from_nanos(1), cause: Cause::Exhausted });
    shard.sweep(10, at(5000));
    charge(&mut shard, 1, 4, 4000);
    assert!(reserve(&mut shard, 1, limit(4, 100), 1, 5099).is_err());
}

#[test]
fn two_limits_under_one_key_are_counted_separately() {
    let mut shard = Shard::new(3);
    charge(&mut shard, 1, 4, 10);
    assert!(reserve(&mut shard, 1, limit(5, 100), 1, 10).is_ok());
    assert!(reserve(&mut shard, 1, limit(4, 100), 1, 10).is_err());
}
