//! The laws of `ApiKeyStore`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use palisade::api_key::{ApiKey, ApiKeyStore, InsertedApiKey};
use palisade::policy::Network;
use palisade::resource::Unavailable;

use crate::backends::{KeyBackend, Shared};
use crate::{hostile_texts, soon, to_millis};

crate::check_laws! {
    api_keys: [
        key_is_found_as_it_was_stored,
        unknown_ids_are_not_found,
        active_keys_of_an_owner_are_limited,
        concurrent_inserts_never_exceed_the_limit,
        id_is_stored_once,
        only_the_owner_removes_a_key,
        last_use_never_goes_back,
        removed_key_is_not_recreated,
        owners_are_compared_exactly,
        distant_times_are_kept,
    ],
    memory: Memory, sqlite: Sqlite, postgres: Postgres,
}

crate::check_laws! {
    api_keys: [
        keys_outlive_the_process,
    ],
    durable_sqlite: Sqlite, durable_postgres: Postgres,
}

/// An id of 32 hexadecimal digits, as palisade makes them.
fn id(number: usize) -> String {
    format!("{number:032x}")
}

fn key(number: usize, owner: &str) -> ApiKey {
    let digest = std::array::from_fn(|place| u8::try_from(number % 256).unwrap() ^ u8::try_from(place * 8).unwrap());
    ApiKey::from_row(id(number), owner, digest, to_millis(SystemTime::now()))
}

/// Everything that a record has.
fn content(key: &ApiKey) -> String {
    format!("{key:?} {:x?}", key.digest())
}

async fn kept(store: &impl ApiKeyStore, key: &ApiKey) {
    assert_eq!(store.insert(key.clone(), 1_000).await, Ok(InsertedApiKey::Kept));
}

async fn ids_of(store: &impl ApiKeyStore, owner: &str) -> Vec<String> {
    let mut ids: Vec<String> = store.list(owner).await.unwrap().iter().map(|key| key.id().to_owned()).collect();
    ids.sort();
    ids
}

async fn key_is_found_as_it_was_stored(backend: &impl KeyBackend) {
    let store = backend.keys();
    let mut stored = Vec::new();
    for (number, text) in hostile_texts().into_iter().enumerate() {
        let full = key(number, "ada")
            .with_name(text.clone())
            .with_scopes(["orders:read", "!#[]~'%_$1"])
            .with_roles([text.as_str(), "two words", "a,b;c\"d\""])
            .with_tenant(Some(text))
            .with_networks(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"].map(|network| Network::parse(network).unwrap()))
            .with_expires(Some(to_millis(soon())))
            .with_last_used(Some(to_millis(SystemTime::now())));
        let record = if number % 4 == 0 { key(number, "ada") } else { full };
        kept(&store, &record).await;
        stored.push(record);
    }
    for record in &stored {
        let found = store.find(record.id()).await.unwrap().expect("it is stored");
        assert_eq!(content(&found), content(record));
    }
    let mut listed: Vec<String> = store.list("ada").await.unwrap().iter().map(content).collect();
    listed.sort();
    let mut expected: Vec<String> = stored.iter().map(content).collect();
    expected.sort();
    assert_eq!(listed, expected);
}

async fn unknown_ids_are_not_found(backend: &impl KeyBackend) {
    let store = backend.keys();
    let record = key(0xabc, "ada");
    kept(&store, &record).await;
    let near = [record.id().to_uppercase(), format!("{} ", record.id()), record.id()[1..].to_owned()];
    for unknown in hostile_texts().into_iter().chain(near) {
        assert!(store.find(&unknown).await.unwrap().is_none(), "{unknown:?}");
        assert!(store.list(&unknown).await.unwrap().is_empty(), "{unknown:?}");
        assert_eq!(store.remove("ada", &unknown).await, Ok(false), "{unknown:?}");
        assert_eq!(store.remove(&unknown, record.id()).await, Ok(false), "{unknown:?}");
        assert_eq!(store.touch(&unknown, SystemTime::now()).await, Ok(()), "{unknown:?}");
    }
    assert_eq!(content(&store.find(record.id()).await.unwrap().unwrap()), content(&record));
}

async fn active_keys_of_an_owner_are_limited(backend: &impl KeyBackend) {
    let store = backend.keys();
    let (now, later) = (to_millis(SystemTime::now()), to_millis(soon()));
    let created = |number, at| ApiKey::from_row(id(number), "ada", [7; 32], at);
    assert_eq!(store.insert(created(1, now), 0).await, Ok(InsertedApiKey::OwnerFull));
    assert_eq!(store.insert(created(1, now).with_expires(Some(later)), 2).await, Ok(InsertedApiKey::Kept));
    assert_eq!(store.insert(created(2, now), 2).await, Ok(InsertedApiKey::Kept));
    assert_eq!(store.insert(created(3, now), 2).await, Ok(InsertedApiKey::OwnerFull));
    assert!(store.find(&id(3)).await.unwrap().is_none());
    kept(&store, &key(4, "eve")).await;
    // The first has expired when this one is created. An expired key does not count, and may be dropped.
    assert_eq!(store.insert(created(5, later), 2).await, Ok(InsertedApiKey::Kept));
    assert_eq!(store.insert(created(6, later), 2).await, Ok(InsertedApiKey::OwnerFull));
    let ids = ids_of(&store, "ada").await;
    assert!(ids.contains(&id(2)) && ids.contains(&id(5)) && !ids.contains(&id(6)), "{ids:?}");
    assert_eq!(store.remove("ada", &id(2)).await, Ok(true));
    assert_eq!(store.insert(created(6, later), 2).await, Ok(InsertedApiKey::Kept), "a removed key makes room");
}

async fn concurrent_inserts_never_exceed_the_limit(backend: &impl KeyBackend) {
    let store = backend.keys();
    for (round, most) in [1, 3, 7].into_iter().enumerate() {
        let owners = ["ada", "eve"].map(|name| format!("{name}-{round}"));
        let inserts = (0..96).map(|number| {
            let (store, owner) = (store.clone(), owners[number % 2].clone());
            let key = key(1_000 * round + number, &owner);
            tokio::spawn(async move { (owner, store.insert(key, most).await.unwrap()) })
        });
        let outcomes: Vec<_> = join_all(inserts).await.into_iter().map(Result::unwrap).collect();
        for owner in &owners {
            let kept = outcomes.iter().filter(|(of, outcome)| of == owner && *outcome == InsertedApiKey::Kept).count();
            assert_eq!((kept, store.list(owner).await.unwrap().len()), (most, most), "{owner}");
        }
    }
}

async fn id_is_stored_once(backend: &impl KeyBackend) {
    let store = backend.keys();
    let first = key(1, "ada").with_name("first");
    kept(&store, &first).await;
    for owner in ["ada", "eve"] {
        assert_eq!(store.insert(key(1, owner).with_name("second"), 9).await, Err(Unavailable), "{owner}");
    }
    assert_eq!(content(&store.find(&id(1)).await.unwrap().unwrap()), content(&first));
    assert_eq!((ids_of(&store, "ada").await.len(), ids_of(&store, "eve").await.len()), (1, 0));
}

async fn only_the_owner_removes_a_key(backend: &impl KeyBackend) {
    let store = backend.keys();
    kept(&store, &key(1, "ada")).await;
    kept(&store, &key(2, "ada")).await;
    assert_eq!(store.remove("eve", &id(1)).await, Ok(false));
    let removals = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.remove("ada", &id(1)).await.unwrap() })
    });
    let removed = join_all(removals).await.into_iter().filter(|removed| *removed.as_ref().unwrap()).count();
    assert_eq!(removed, 1, "one call removes it");
    assert!(store.find(&id(1)).await.unwrap().is_none());
    assert_eq!(ids_of(&store, "ada").await, [id(2)]);
}

async fn last_use_never_goes_back(backend: &impl KeyBackend) {
    let store = backend.keys();
    kept(&store, &key(1, "ada")).await;
    kept(&store, &key(2, "ada")).await;
    let now = to_millis(SystemTime::now());
    let uses = (0..32_u64).map(|number| {
        let (store, at) = (store.clone(), now - Duration::from_millis(number * 7 % 32));
        tokio::spawn(async move { store.touch(&id(1), at).await })
    });
    for used in join_all(uses).await {
        used.unwrap().unwrap();
    }
    store.touch(&id(1), UNIX_EPOCH).await.unwrap();
    assert_eq!(store.find(&id(1)).await.unwrap().unwrap().last_used(), Some(now));
    assert_eq!(store.find(&id(2)).await.unwrap().unwrap().last_used(), None, "another key");
}

async fn removed_key_is_not_recreated(backend: &impl KeyBackend) {
    let store = backend.keys();
    for number in 0..10 {
        kept(&store, &key(number, "ada")).await;
        let (one, other) = (store.clone(), store.clone());
        let touch = tokio::spawn(async move { one.touch(&id(number), SystemTime::now()).await });
        let remove = tokio::spawn(async move { other.remove("ada", &id(number)).await });
        touch.await.unwrap().unwrap();
        assert_eq!(remove.await.unwrap(), Ok(true));
        store.touch(&id(number), SystemTime::now()).await.unwrap();
        assert!(store.find(&id(number)).await.unwrap().is_none());
    }
    assert!(store.list("ada").await.unwrap().is_empty());
}

async fn owners_are_compared_exactly(backend: &impl KeyBackend) {
    let store = backend.keys();
    let owners = hostile_texts();
    for (number, owner) in owners.iter().enumerate() {
        assert_eq!(store.insert(key(number, owner), 1).await, Ok(InsertedApiKey::Kept), "{owner:?}");
    }
    for (number, owner) in owners.iter().enumerate() {
        let listed = store.list(owner).await.unwrap();
        assert_eq!(listed.iter().map(ApiKey::id).collect::<Vec<_>>(), [id(number)], "{owner:?}");
        assert_eq!(listed[0].owner(), owner);
    }
    for owner in ["ada", "ada  ", "ADA", "%%"] {
        assert!(store.list(owner).await.unwrap().is_empty(), "{owner:?}");
    }
}

async fn distant_times_are_kept(backend: &impl KeyBackend) {
    let store = backend.keys();
    let year = Duration::from_secs(365 * 86_400);
    let distant = [UNIX_EPOCH - 70 * year, UNIX_EPOCH, UNIX_EPOCH + 8_000 * year, UNIX_EPOCH + 250_000_000 * year];
    for (number, moment) in distant.into_iter().enumerate() {
        let owner = format!("owner {number}");
        let record = ApiKey::from_row(id(number), &*owner, [7; 32], moment).with_expires(Some(moment));
        kept(&store, &record).await;
        store.touch(&id(number), moment).await.unwrap();
        let found = store.find(&id(number)).await.unwrap().unwrap();
        assert_eq!((found.created(), found.expires(), found.last_used()), (moment, Some(moment), Some(moment)));
    }
    // So distant that a store may round it, but not to a time in the past.
    let eternal = UNIX_EPOCH + 4_000_000_000 * year;
    kept(&store, &key(99, "ada").with_expires(Some(eternal))).await;
    let found = store.find(&id(99)).await.unwrap().unwrap();
    assert!(found.is_active(UNIX_EPOCH + 8_000 * year), "{found:?}");
}

async fn keys_outlive_the_process(backend: &(impl KeyBackend + Shared)) {
    let (here, record) = (backend.keys(), key(1, "ada").with_scopes(["orders:read"]));
    kept(&here, &record).await;
    kept(&here, &key(2, "ada")).await;
    assert_eq!(here.remove("ada", &id(2)).await, Ok(true));
    backend.close().await;
    let there = backend.of_another_process().await.keys();
    assert_eq!(content(&there.find(&id(1)).await.unwrap().unwrap()), content(&record));
    assert_eq!(ids_of(&there, "ada").await, [id(1)]);
    assert_eq!(there.insert(key(3, "ada"), 1).await, Ok(InsertedApiKey::OwnerFull));
}
