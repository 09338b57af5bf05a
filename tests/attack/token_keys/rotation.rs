//! Keys that come and go (T5, ASVS V11.1.3): the new ones count at once, the old ones until they leave, and no longer.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use palisade::authn::AuthError;
use palisade_tests::call;

use crate::server::{Conduct, KeyServer};
use crate::{COOLDOWN, Key, app, assert_refused, jwt, jwt_of, later, remote, settle, show, showing, unknown};

#[actix_web::test]
async fn t5_a_new_key_counts_at_once_and_an_old_one_until_it_leaves() {
    let (old, new) = (Key::new("2026-10"), Key::new("2026-11"));
    let server = KeyServer::start(Conduct::keys([old.jwk()]));
    let own = jwt(&server);
    let app = app!(own.clone());
    let cached = old.token("cached");
    for _ in 0..2 {
        assert_eq!(show!(app, &cached).status, 200);
    }

    later(COOLDOWN).await;
    server.set(Conduct::keys([old.jwk(), new.jwk()]));
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 2);
    assert_eq!(show!(app, &cached).status, 200);
    assert_eq!(show!(app, old.token("u-2")).status, 200);

    server.set(Conduct::keys([new.jwk()]));
    later(60).await;
    assert_eq!(show!(app, &cached).status, 200, "nobody has looked yet: the set is good for ten minutes");
    assert_eq!(server.requests(), 2);

    later(600).await;
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 3);
    // It leaves with the set, which is known not to have its name.
    for token in [&cached, &old.token("u-3")] {
        assert_refused(&show!(app, token));
        assert_eq!(own.verify(token).await.map(drop), Err(AuthError::Invalid("token_kid")));
    }
}

/// A key that was replaced under its own name is another key.
#[actix_web::test]
async fn t5_a_key_replaced_under_its_name_no_longer_counts() {
    let (stolen, fresh) = (Key::new("k1"), Key::new("k1"));
    let server = KeyServer::start(Conduct::keys([stolen.jwk()]));
    let app = app!(jwt(&server));
    let cached = stolen.token("u-1");
    assert_eq!(show!(app, &cached).status, 200);
    server.set(Conduct::keys([fresh.jwk()]));
    later(601).await;
    assert_eq!(show!(app, fresh.token("u-1")).status, 200);
    assert_refused(&show!(app, &cached));
    assert_refused(&show!(app, stolen.token("u-2")));
}

#[actix_web::test]
async fn t5_no_valid_token_is_refused_while_keys_rotate() {
    const CLIENTS: usize = 8;
    let keys: Vec<Key> = (0..6).map(|n| Key::new(&format!("k{n}"))).collect();
    let server = KeyServer::start(Conduct::keys_for("max-age=60", [keys[0].jwk()]));
    let app = app!(jwt(&server));
    let cached: Vec<String> = keys.iter().map(|key| key.token("cached")).collect();
    assert_eq!(show!(app, &cached[0]).status, 200);
    for (round, pair) in keys.windows(2).enumerate() {
        later(COOLDOWN).await;
        server.set(Conduct::keys_for("max-age=60", pair.iter().map(Key::jwk)).after(Duration::from_millis(20)));
        // The first half of the time both keys sign, and strangers make up names.
        for moment in [0, COOLDOWN, 40, 50, 61, 20] {
            later(moment).await;
            let clients = (0..CLIENTS).map(|client| {
                let (app, cached) = (&app, &cached);
                async move {
                    for turn in 0..4 {
                        let place = (client + turn) % 2;
                        let token = match turn {
                            0 | 1 => cached[round + place].clone(),
                            _ => pair[place].token(&format!("{client}-{turn}-{moment}")),
                        };
                        let answer = call(app, showing(&token)).await;
                        assert_eq!(answer.status, 200, "round {round}, {moment} s, client {client}: {answer:?}");
                    }
                }
            });
            let strangers = (0..CLIENTS).map(|n| call(&app, showing(unknown(&format!("{round}-{moment}-{n}")))));
            let (_, strangers) = join(join_all(clients), join_all(strangers)).await;
            assert!(strangers.iter().all(|answer| answer.status == 401 || answer.status == 503));
        }
    }
    later(COOLDOWN).await;
    assert_refused(&show!(app, &cached[0]));
}

/// A fetch that began before the key was published says nothing about the key.
#[actix_web::test]
async fn t5_a_fetch_under_way_does_not_condemn_a_key_published_since() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let server = KeyServer::start(Conduct::keys([old.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(show!(app, old.token("u-1")).status, 200);
    later(COOLDOWN).await;
    server.set(Conduct::keys([old.jwk()]).after(Duration::from_millis(400)));
    let stranger = call(&app, showing(unknown("made-up")));
    let holder = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(server.requests(), 2, "the stranger's fetch is under way");
        server.set(Conduct::keys([old.jwk(), new.jwk()]));
        call(&app, showing(new.token("u-1"))).await
    };
    let (_, first) = join(stranger, holder).await;
    later(COOLDOWN).await;
    let second = show!(app, new.token("u-1"));
    assert!(
        first.status != 401 && second.status == 200,
        "a valid token is {} at first, and {} after the cooldown",
        first.status,
        second.status
    );
}

/// Ahead of time, in the background, by one of many requests, which does not wait for it.
#[actix_web::test]
async fn t5_keys_are_renewed_before_they_are_over_and_nobody_waits() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let server = KeyServer::start(Conduct::keys_for("max-age=100", [old.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(show!(app, old.token("u-1")).status, 200);
    later(78).await;
    assert_eq!(show!(app, old.token("u-2")).status, 200);
    settle().await;
    assert_eq!(server.requests(), 1, "too early");

    server.set(Conduct::keys_for("max-age=100", [new.jwk()]).after(Duration::from_millis(4000)));
    later(4).await;
    let begun = Instant::now();
    for n in 0..20 {
        assert_eq!(show!(app, old.token(&format!("u-{n}"))).status, 200);
    }
    settle().await;
    assert_eq!(show!(app, old.token("u-1")).status, 200);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(3500), "the fetch was waited for: {took:?}");
    assert_eq!(server.requests(), 2, "one fetch, and it is under way");

    tokio::time::sleep(Duration::from_millis(1700)).await;
    assert_eq!(show!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 2);
    later(COOLDOWN).await;
    assert_refused(&show!(app, old.token("u-1")));
}

/// The cooldown is about names that strangers make up, not about keys whose time is over.
#[actix_web::test]
async fn t5_a_long_cooldown_refuses_no_valid_token() {
    let key = Key::new("k1");
    let server = KeyServer::start(Conduct::keys_for("max-age=15", [key.jwk()]));
    let app = app!(jwt_of(remote(&server).cooldown(Duration::from_secs(300))));
    assert_eq!(show!(app, key.token("u-1")).status, 200);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        later(20).await;
        statuses.push(show!(app, key.token("u-1")).status.as_u16());
    }
    assert_eq!(statuses, [200; 6]);
}
