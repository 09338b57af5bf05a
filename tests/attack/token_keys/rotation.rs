//! Key rotation (CWE-613, ASVS V11.1.3): new keys are accepted at once, and old keys until they are removed, and no
//! longer.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use palisade::authn::AuthError;
use palisade_tests::call;

use crate::server::{KeyServer, ServerBehaviour};
use crate::{
    CACHE_SECONDS, COOLDOWN, Key, app, assert_rejected, get_me, get_me_request, jwt, jwt_of, later, remote, settle,
    token_with_unknown_key,
};

#[actix_web::test]
async fn new_key_is_accepted_and_removed_key_rejected() {
    let (old, new) = (Key::new("2026-10"), Key::new("2026-11"));
    let server = KeyServer::start(ServerBehaviour::keys([old.jwk()]));
    let own = jwt(&server);
    let app = app!(own.clone());
    let cached = old.token("cached");
    for _ in 0..2 {
        assert_eq!(get_me!(app, &cached).status, 200);
    }

    later(COOLDOWN).await;
    server.set(ServerBehaviour::keys([old.jwk(), new.jwk()]));
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 2);
    assert_eq!(get_me!(app, &cached).status, 200);
    assert_eq!(get_me!(app, old.token("u-2")).status, 200);

    server.set(ServerBehaviour::keys([new.jwk()]));
    later(60).await;
    assert_eq!(get_me!(app, &cached).status, 200, "the cached key set is still valid for ten minutes");
    assert_eq!(server.requests(), 2);

    later(600).await;
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 3);
    // The key is removed with its set; the new set is known not to contain its name.
    for token in [&cached, &old.token("u-3")] {
        assert_rejected(&get_me!(app, token));
        assert_eq!(own.verify(token).await.map(drop), Err(AuthError::Invalid("token_kid")));
    }
}

/// A key that was replaced under the same name is another key.
#[actix_web::test]
async fn key_replaced_under_its_name_is_rejected() {
    let (stolen, fresh) = (Key::new("k1"), Key::new("k1"));
    let server = KeyServer::start(ServerBehaviour::keys([stolen.jwk()]));
    let app = app!(jwt(&server));
    let cached = stolen.token("u-1");
    assert_eq!(get_me!(app, &cached).status, 200);
    server.set(ServerBehaviour::keys([fresh.jwk()]));
    later(CACHE_SECONDS + 1).await;
    assert_eq!(get_me!(app, fresh.token("u-1")).status, 200);
    assert_rejected(&get_me!(app, &cached));
    assert_rejected(&get_me!(app, stolen.token("u-2")));
}

#[actix_web::test]
async fn rotation_rejects_no_valid_token() {
    const CLIENTS: usize = 8;
    let keys: Vec<Key> = (0..6).map(|n| Key::new(&format!("k{n}"))).collect();
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=60", [keys[0].jwk()]));
    let app = app!(jwt(&server));
    let cached: Vec<String> = keys.iter().map(|key| key.token("cached")).collect();
    assert_eq!(get_me!(app, &cached[0]).status, 200);
    for (round, pair) in keys.windows(2).enumerate() {
        later(COOLDOWN).await;
        server.set(ServerBehaviour::keys_for("max-age=60", pair.iter().map(Key::jwk)).after(Duration::from_millis(20)));
        // In the first half both keys sign, and attackers invent key names.
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
                        let response = call(app, get_me_request(&token)).await;
                        assert_eq!(response.status, 200, "round {round}, {moment} s, client {client}: {response:?}");
                    }
                }
            });
            let strangers = (0..CLIENTS)
                .map(|n| call(&app, get_me_request(token_with_unknown_key(&format!("{round}-{moment}-{n}")))));
            let (_, strangers) = join(join_all(clients), join_all(strangers)).await;
            assert!(strangers.iter().all(|response| response.status == 401 || response.status == 503));
        }
    }
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, &cached[0]));
}

/// A fetch that started before the key was published proves nothing about the key.
#[actix_web::test]
async fn older_fetch_does_not_block_newer_key() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let server = KeyServer::start(ServerBehaviour::keys([old.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
    later(COOLDOWN).await;
    server.set(ServerBehaviour::keys([old.jwk()]).after(Duration::from_millis(400)));
    let stranger = call(&app, get_me_request(token_with_unknown_key("made-up")));
    let holder = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(server.requests(), 2, "the fetch for the unknown key is in progress");
        server.set(ServerBehaviour::keys([old.jwk(), new.jwk()]));
        call(&app, get_me_request(new.token("u-1"))).await
    };
    let (_, first) = join(stranger, holder).await;
    later(COOLDOWN).await;
    let second = get_me!(app, new.token("u-1"));
    assert!(
        first.status != 401 && second.status == 200,
        "a valid token is {} at first, and {} after the cooldown",
        first.status,
        second.status
    );
}

/// One of many requests starts the renewal early and in the background, and does not wait for it.
#[actix_web::test]
async fn keys_are_renewed_early_in_the_background() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=100", [old.jwk()]));
    let app = app!(jwt(&server));
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
    later(78).await;
    assert_eq!(get_me!(app, old.token("u-2")).status, 200);
    settle().await;
    assert_eq!(server.requests(), 1, "the renewal started too early");

    server.set(ServerBehaviour::keys_for("max-age=100", [new.jwk()]).after(Duration::from_millis(4000)));
    later(4).await;
    let begun = Instant::now();
    for n in 0..20 {
        assert_eq!(get_me!(app, old.token(&format!("u-{n}"))).status, 200);
    }
    settle().await;
    assert_eq!(get_me!(app, old.token("u-1")).status, 200);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(3500), "the request must not wait for the fetch: {took:?}");
    assert_eq!(server.requests(), 2, "one fetch is in progress");

    tokio::time::sleep(Duration::from_millis(1700)).await;
    assert_eq!(get_me!(app, new.token("u-1")).status, 200);
    assert_eq!(server.requests(), 2);
    later(COOLDOWN).await;
    assert_rejected(&get_me!(app, old.token("u-1")));
}

/// The cooldown applies to invented key names, not to keys whose cache time has ended.
#[actix_web::test]
async fn long_cooldown_rejects_no_valid_token() {
    let key = Key::new("k1");
    let server = KeyServer::start(ServerBehaviour::keys_for("max-age=15", [key.jwk()]));
    let app = app!(jwt_of(remote(&server).cooldown(Duration::from_secs(300))));
    assert_eq!(get_me!(app, key.token("u-1")).status, 200);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        later(20).await;
        statuses.push(get_me!(app, key.token("u-1")).status.as_u16());
    }
    assert_eq!(statuses, [200; 6]);
}
