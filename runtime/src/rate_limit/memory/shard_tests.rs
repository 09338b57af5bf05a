//! What a shelf promises, limit by limit: one in each form of row.

use std::time::Duration;

use super::*;
use crate::rate_limit::rack::Charged;
use crate::rate_limit::verdict::Cause;

/// One limit in each form that charges are kept in.
const LIMITS: [u32; 7] = [2, 4, 5, 16, 17, 1000, 100_000];
const SECOND: u64 = 1_000_000_000;

fn key(client: u32) -> Key {
    Key::of(client)
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

fn reserve(shelf: &mut Shelf, client: u32, limit: Limit, units: u32, now: u64) -> Result<Charged, Refused> {
    shelf.reserve(key(client), limit, units, at(now)).map_err(Refused::from)
}

/// How many of so many tries pass.
fn admitted(shelf: &mut Shelf, limit: Limit, now: u64, tries: u32) -> u32 {
    (0..tries).filter(|_| reserve(shelf, 1, limit, 1, now).is_ok()).count() as u32
}

/// Charges a client of a limit of 4 in 100 ns.
fn charge(shelf: &mut Shelf, client: u32, times: u32, now: u64) {
    for _ in 0..times {
        reserve(shelf, client, limit(4, 100), 1, now).unwrap();
    }
}

fn held(shelf: &Shelf) -> Vec<u32> {
    (0..256).filter(|client| shelf.racks.iter().any(|(_, rack)| rack.find(key(*client)).is_some())).collect()
}

#[test]
fn a_charge_is_held_one_window_and_no_longer_than_the_slack() {
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
            let (mut shelf, limit) = (Shelf::new(3), limit(count, nanos));
            assert!(reserve(&mut shelf, 1, limit, count, charged).is_ok());
            assert!(reserve(&mut shelf, 1, limit, 1, charged + nanos - 1).is_err(), "{count} {nanos} {charged}");
            assert!(
                reserve(&mut shelf, 1, limit, count, charged + nanos + slack(limit)).is_ok(),
                "{count} {nanos} {charged}"
            );
        }
    }
}

#[test]
fn a_seam_between_windows_admits_no_second_rate_limit() {
    for count in [5, 16, 17, 1000] {
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 900 * SECOND));
        assert_eq!(admitted(&mut shelf, limit, 900 * SECOND - 1, count), count);
        assert_eq!(admitted(&mut shelf, limit, 900 * SECOND, count), 0);
        assert_eq!(admitted(&mut shelf, limit, 1800 * SECOND - 2, count), 0);
    }
}

#[test]
fn the_wait_is_true_to_the_nanosecond() {
    for count in [3, 40] {
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
        admitted(&mut shelf, limit, 1010, 1);
        admitted(&mut shelf, limit, 2020, count - 1);
        let wait = reserve(&mut shelf, 1, limit, 1, 2500).unwrap_err().retry_after;
        let free = 2500 + u64::try_from(wait.as_nanos()).unwrap();
        assert_eq!(free, if count == 3 { 4210 } else { 1100 + 3200 });
        assert_eq!(admitted(&mut shelf, limit, free - 1, 1), 0);
        assert_eq!(admitted(&mut shelf, limit, free, 2), 1);
    }
}

#[test]
fn a_cost_is_charged_whole_or_not_at_all_and_told_when_all_of_it_is_free() {
    for count in LIMITS {
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
        reserve(&mut shelf, 1, limit, 1, 0).unwrap();
        reserve(&mut shelf, 1, limit, 1, 1000).unwrap();
        let refused = reserve(&mut shelf, 1, limit, count, 2000).unwrap_err();
        assert_eq!(refused, Refused { retry_after: Duration::from_nanos(2200), cause: Cause::Spent }, "{count}");
        let refused = reserve(&mut shelf, 1, limit, count - 1, 2000).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_nanos(1200), "{count}");
        assert_eq!(shelf.standing(key(1), limit, at(2000)).remaining, count - 2);
        assert!(reserve(&mut shelf, 1, limit, count, 4199).is_err());
        assert!(reserve(&mut shelf, 1, limit, count, 4200).is_ok());
    }
}

#[test]
fn a_charge_takes_what_there_is() {
    for count in LIMITS {
        let (mut shelf, limit) = (Shelf::new(1), limit(count, 3200));
        assert_eq!(shelf.charge(key(1), limit, count - 1, at(0)).remaining, 1);
        let after = shelf.charge(key(1), limit, u32::MAX, at(100));
        assert_eq!(after, RateLimitStatus { remaining: 0, reset: Duration::from_nanos(3100) });
        assert_eq!(shelf.charge(key(1), limit, 1, at(200)).remaining, 0);
        assert_eq!(shelf.charge(key(2), limit, 1, at(200)).remaining, 0, "there is no place");
        assert_eq!(shelf.standing(key(1), limit, at(3200)).remaining, count - 1);
    }
}

#[test]
fn a_charge_given_back_leaves_its_own_place_with_all_its_units() {
    for count in LIMITS {
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
        let cost = count / 2;
        let early = reserve(&mut shelf, 1, limit, cost, 100).unwrap();
        reserve(&mut shelf, 1, limit, count - cost, 1600).unwrap();
        assert_eq!(shelf.release(key(1), limit, early.ticket, cost, at(1600)).remaining, cost);
        // The early charge is gone, so nothing comes back when its window ends.
        assert_eq!(shelf.standing(key(1), limit, at(3300)).remaining, cost);
        assert_eq!(shelf.standing(key(1), limit, at(4800)).remaining, count);
    }
}

#[test]
fn a_charge_given_back_too_late_or_twice_changes_nothing() {
    for count in LIMITS {
        for later in [33 * 100, 66 * 100, 33 * 100 * 7] {
            let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
            let charged = reserve(&mut shelf, 1, limit, 1, 50).unwrap();
            reserve(&mut shelf, 1, limit, count, 50 + later).unwrap();
            assert_eq!(shelf.release(key(1), limit, charged.ticket, 1, at(50 + later)).remaining, 0);
        }
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
        let charged = reserve(&mut shelf, 1, limit, 1, 50).unwrap();
        shelf.release(key(1), limit, charged.ticket, 1, at(50));
        assert_eq!(shelf.release(key(1), limit, charged.ticket, 1, at(50)).remaining, count);
    }
}

#[test]
fn a_charge_from_before_a_client_was_forgotten_is_not_given_back_after() {
    for count in LIMITS {
        let limit = limit(count, 3200);
        let mut shelf = Shelf::new(1);
        let before = reserve(&mut shelf, 1, limit, 1, 10).unwrap();
        reserve(&mut shelf, 2, limit, 1, 10).unwrap();
        reserve(&mut shelf, 1, limit, 1, 10).unwrap();
        assert_eq!(shelf.release(key(1), limit, before.ticket, 1, at(10)).remaining, count - 1);
        let before = reserve(&mut shelf, 1, limit, 1, 10).unwrap();
        shelf.reset(key(1), limit);
        assert_eq!(shelf.clients(), 0);
        assert_eq!(shelf.release(key(1), limit, before.ticket, 1, at(10)).remaining, count);
        reserve(&mut shelf, 1, limit, 1, 10).unwrap();
        assert_eq!(shelf.release(key(1), limit, before.ticket, 1, at(10)).remaining, count - 1);
    }
}

#[test]
fn charges_outlive_the_lowering_of_marks() {
    for count in LIMITS {
        // Marks of a nanosecond run out every 4.3 seconds.
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 32));
        for now in (0..40).map(|turn| turn * 1_100_000_007_u64) {
            let charged = reserve(&mut shelf, 1, limit, 1, now).unwrap();
            reserve(&mut shelf, 1, limit, count - 1, now + 1).unwrap();
            assert_eq!(admitted(&mut shelf, limit, now + 31, 1), 0);
            assert_eq!(shelf.release(key(1), limit, charged.ticket, 1, at(now + 31)).remaining, 1);
            assert_eq!(admitted(&mut shelf, limit, now + 31, 2), 1);
        }
        assert_eq!(shelf.standing(key(1), limit, at(u64::MAX / 2)).remaining, count);
        assert_eq!(admitted(&mut shelf, limit, u64::MAX / 2, count + 1), count);
    }
}

#[test]
fn charges_just_before_the_lowering_are_held_after_it() {
    for count in LIMITS {
        let limit = limit(count, 3_200_000);
        for before in [1, 1000, 100_001, 3_000_000] {
            let (mut shelf, seam) = (Shelf::new(3), u64::from(u32::MAX));
            let step = if count <= Limit::EXACT { 1 } else { 100_000 };
            reserve(&mut shelf, 2, limit, 1, 0).unwrap();
            let charged = reserve(&mut shelf, 1, limit, count, seam * step - before).unwrap();
            assert_eq!(admitted(&mut shelf, limit, seam * step + 3_200_000 - before - 1, 1), 0);
            assert_eq!(shelf.release(key(1), limit, charged.ticket, count, at(seam * step)).remaining, count);
        }
    }
}

#[test]
fn the_end_of_time_opens_nothing() {
    for count in LIMITS {
        let (mut shelf, limit) = (Shelf::new(3), limit(count, 3200));
        assert_eq!(admitted(&mut shelf, limit, u64::MAX - 1, count + 1), count);
        assert_eq!(admitted(&mut shelf, limit, u64::MAX, 1), 0);
    }
}

#[test]
fn the_empty_leave_before_the_quiet() {
    let mut shelf = Shelf::new(3);
    charge(&mut shelf, 1, 3, 10);
    charge(&mut shelf, 2, 1, 20);
    charge(&mut shelf, 3, 2, 90);
    charge(&mut shelf, 4, 1, 111);
    assert_eq!(held(&shelf), [2, 3, 4]);
}

#[test]
fn the_quietest_leaves_and_of_two_the_one_not_charged_for_longer() {
    let mut shelf = Shelf::new(3);
    charge(&mut shelf, 1, 2, 10);
    charge(&mut shelf, 2, 1, 15);
    charge(&mut shelf, 3, 1, 20);
    // Asking where a client stands makes it no less quiet.
    shelf.standing(key(2), limit(4, 100), at(25));
    charge(&mut shelf, 4, 3, 30);
    assert_eq!(held(&shelf), [1, 3, 4]);
    charge(&mut shelf, 5, 1, 40);
    assert_eq!(held(&shelf), [1, 4, 5]);
}

#[test]
fn quiet_is_measured_by_the_part_of_the_rate_limit_that_is_used() {
    let mut shelf = Shelf::new(2);
    reserve(&mut shelf, 1, limit(1000, 100), 10, 10).unwrap();
    charge(&mut shelf, 2, 1, 10);
    charge(&mut shelf, 3, 1, 20);
    assert_eq!(held(&shelf), [2, 3]);
}

#[test]
fn a_newcomer_is_refused_when_all_are_at_their_rate_limit_and_told_the_truth() {
    let mut shelf = Shelf::new(3);
    for (client, now) in [(2, 10), (3, 20), (1, 30)] {
        charge(&mut shelf, client, 4, now);
    }
    let crowded = Refused { retry_after: Duration::from_nanos(60), cause: Cause::Crowded };
    // The second time it is remembered.
    assert_eq!([1, 1].map(|_| reserve(&mut shelf, 4, limit(4, 100), 1, 50).unwrap_err()), [crowded; 2]);
    assert!(reserve(&mut shelf, 4, limit(4, 100), 1, 109).is_err());
    assert_eq!(held(&shelf), [1, 2, 3]);
    assert!(reserve(&mut shelf, 4, limit(4, 100), 1, 110).is_ok());
    assert_eq!(held(&shelf), [1, 3, 4]);
}

#[test]
fn what_is_given_back_or_reset_makes_room_at_once() {
    for reset in [true, false] {
        let mut shelf = Shelf::new(1);
        let charged = reserve(&mut shelf, 1, limit(4, 100), 4, 0).unwrap();
        assert_eq!(reserve(&mut shelf, 2, limit(4, 100), 1, 0).unwrap_err().cause, Cause::Crowded);
        if reset {
            shelf.reset(key(1), limit(4, 100));
        } else {
            shelf.release(key(1), limit(4, 100), charged.ticket, 4, at(0));
        }
        assert!(reserve(&mut shelf, 2, limit(4, 100), 1, 0).is_ok());
    }
}

#[test]
fn a_full_shelf_still_serves_those_on_it() {
    let mut shelf = Shelf::new(3);
    for client in 1..=3 {
        charge(&mut shelf, client, 1, 10);
    }
    charge(&mut shelf, 1, 3, 20);
    assert_eq!(held(&shelf), [1, 2, 3]);
    assert_eq!(reserve(&mut shelf, 1, limit(4, 100), 1, 20).unwrap_err().cause, Cause::Spent);
}

#[test]
fn clients_of_all_limits_come_and_go_and_the_bound_stands() {
    let mut shelf = Shelf::new(100);
    let limits = LIMITS.map(|count| limit(count, 3200));
    let (mut random, mut most) = (1_u64, 0);
    for now in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (client, limit) = ((random >> 33) as u32 % 60, limits[(random >> 60) as usize % 7]);
        match random >> 50 & 7 {
            0 => shelf.reset(key(client), limit),
            1 => shelf.sweep(7, at(now)),
            _ => drop(reserve(&mut shelf, client, limit, 1, now)),
        }
        assert!(shelf.clients() <= 100);
        most = most.max(shelf.clients());
        if now % 16 > 0 {
            continue;
        }
        assert_eq!(shelf.clients(), shelf.racks.iter().map(|(_, rack)| rack.len()).sum::<usize>());
        assert_eq!(
            shelf.clients(),
            limits
                .iter()
                .map(|limit| {
                    (0..60)
                        .filter(|client| shelf.rack(*limit).is_some_and(|rack| rack.find(key(*client)).is_some()))
                        .count()
                })
                .sum::<usize>()
        );
    }
    assert_eq!(most, 100, "it was never full");
}

#[test]
fn a_sweep_lets_go_of_the_empty_wherever_they_are_looked_for() {
    let mut shelf = Shelf::new(300);
    for client in 0..200 {
        let _stays = reserve(&mut shelf, client, limit(4, 100), 1, u64::from(client / 100) * 50);
        let _stays = reserve(&mut shelf, client, limit(40, 100), 1, 0);
    }
    // Twice round: one that comes from the end into a free place is looked at again.
    for _ in 0..(2 * 300_usize).div_ceil(32) {
        shelf.sweep(32, at(120));
    }
    assert_eq!(held(&shelf), (100..200).collect::<Vec<_>>());
    shelf.sweep(1000, at(1000));
    assert_eq!((shelf.clients(), shelf.racks.len()), (0, 0));
}

#[test]
fn a_late_tick_counts_as_the_latest_also_after_a_sweep() {
    let mut shelf = Shelf::new(3);
    charge(&mut shelf, 1, 1, 999);
    charge(&mut shelf, 1, 3, 1);
    let refused = reserve(&mut shelf, 1, limit(4, 100), 1, 1098).unwrap_err();
    assert_eq!(refused, Refused { retry_after: Duration::from_nanos(1), cause: Cause::Spent });
    shelf.sweep(10, at(5000));
    charge(&mut shelf, 1, 4, 4000);
    assert!(reserve(&mut shelf, 1, limit(4, 100), 1, 5099).is_err());
}

#[test]
fn two_limits_under_one_key_are_counted_apart() {
    let mut shelf = Shelf::new(3);
    charge(&mut shelf, 1, 4, 10);
    assert!(reserve(&mut shelf, 1, limit(5, 100), 1, 10).is_ok());
    assert!(reserve(&mut shelf, 1, limit(4, 100), 1, 10).is_err());
}
