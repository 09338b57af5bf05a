//! The laws of `SessionStore`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use palisade::resource::Unavailable;
use palisade::session::{Device, SessionKind, SessionRecord, SessionStore};

use crate::backends::{Backend, Shared};
use crate::{hostile_texts, soon, to_millis};

crate::check_laws! {
    sessions: [
        session_is_found_as_it_was_stored,
        unknown_ids_are_not_found,
        only_the_current_digest_is_replaced,
        everything_about_a_cookie_is_kept,
        list_has_the_sessions_of_exactly_one_subject,
        one_of_many_replacements_wins,
        removed_session_is_not_recreated,
        all_sessions_of_exactly_one_subject_are_removed,
        distant_times_are_kept_or_rejected,
    ],
    memory: Memory, redis: Redis, sqlite: Sqlite, postgres: Postgres,
}

crate::check_laws! {
    sessions: [
        sessions_outlive_the_process,
    ],
    durable_redis: Redis, durable_sqlite: Sqlite, durable_postgres: Postgres,
}

/// An id of 22 characters, as palisade makes them.
fn id(number: usize) -> String {
    format!("session-id-{number:011}")
}

/// Other bytes for each number, also those that texts cannot have.
fn digest(number: u8) -> [u8; 32] {
    std::array::from_fn(|place| number ^ u8::try_from(place * 8).unwrap())
}

fn session(number: usize, subject: &str) -> SessionRecord {
    let ends = to_millis(soon() + Duration::from_millis(2));
    SessionRecord::restored(id(number), subject, vec!["orders:read".to_owned()], digest(1), (to_millis(soon()), ends))
}

/// The session with another digest and expiry.
fn changed(id: &str, digest: [u8; 32], expires: SystemTime) -> SessionRecord {
    SessionRecord::restored(id, "ada", vec!["orders:read".to_owned()], digest, (expires, expires))
}

async fn session_is_found_as_it_was_stored(backend: &impl Backend) {
    let store = backend.sessions();
    let mut stored = Vec::new();
    for (number, subject) in hostile_texts().iter().enumerate() {
        let mut record = session(number, subject);
        record.scopes = match number % 3 {
            0 => Vec::new(),
            1 => vec!["a".to_owned()],
            _ => vec!["orders:read".to_owned(), "!#[]~'%_$1".to_owned(), "x".repeat(255)],
        };
        record.digest = digest(u8::try_from(number).unwrap());
        store.insert(record.clone()).await.unwrap();
        stored.push(record);
    }
    for record in stored {
        let found = store.find(&record.id).await.unwrap().expect("it is stored");
        assert!(found == record, "{found:?} {record:?} {:?} {:?}", found.scopes, record.scopes);
    }
}

async fn unknown_ids_are_not_found(backend: &impl Backend) {
    let store = backend.sessions();
    let record = session(1, "ada");
    store.insert(record.clone()).await.unwrap();
    let near = [record.id.to_uppercase(), format!("{} ", record.id), record.id[..21].to_owned()];
    for unknown in hostile_texts().into_iter().chain(near) {
        assert_eq!(store.find(&unknown).await, Ok(None), "{unknown:?}");
        assert_eq!(store.replace(&digest(1), changed(&unknown, digest(2), soon())).await, Ok(false), "{unknown:?}");
        assert_eq!(store.remove(&unknown).await, Ok(()), "{unknown:?}");
        assert_eq!(store.remove_all(&unknown).await, Ok(()), "{unknown:?}");
        assert!(store.find(&record.id).await == Ok(Some(record.clone())), "{unknown:?} changed another session");
    }
}

async fn only_the_current_digest_is_replaced(backend: &impl Backend) {
    let store = backend.sessions();
    let record = session(1, "ada");
    store.insert(record.clone()).await.unwrap();
    let later = to_millis(soon() + Duration::from_millis(1));
    assert_eq!(store.replace(&digest(2), changed(&record.id, digest(3), later)).await, Ok(false));
    assert!(store.find(&record.id).await == Ok(Some(record.clone())), "a rejected replacement changes nothing");
    assert_eq!(store.replace(&digest(1), changed(&record.id, digest(2), later)).await, Ok(true));
    assert_eq!(store.replace(&digest(1), changed(&record.id, digest(3), later)).await, Ok(false), "it is used up");
    let found = store.find(&record.id).await.unwrap().unwrap();
    let mut expected = record;
    (expected.digest, expected.expires) = (digest(2), later);
    assert!(found == expected, "{found:?}");
}

async fn everything_about_a_cookie_is_kept(backend: &impl Backend) {
    let store = backend.sessions();
    for (number, text) in hostile_texts().into_iter().enumerate() {
        let mut record = session(number, "ada");
        (record.kind, record.claims) = (SessionKind::Cookie, text.clone());
        record.device = Device::new(&text, &text);
        (record.created, record.last_used) = (to_millis(SystemTime::now()), to_millis(soon()));
        store.insert(record.clone()).await.unwrap();
        assert!(store.find(&record.id).await == Ok(Some(record.clone())), "{text:?}");

        let mut next = record.clone();
        next.digest = digest(2);
        (next.scopes, next.claims) = (vec!["x".to_owned()], format!("{text}!"));
        (next.expires, next.last_used) = (record.expires + Duration::from_millis(1), to_millis(SystemTime::now()));
        let expected = next.clone();
        // What no replacement changes.
        (next.kind, next.created, next.ends) = (SessionKind::RefreshToken, UNIX_EPOCH, soon());
        next.device = Device::new("other", "other");
        next.subject = "eve".to_owned();
        assert_eq!(store.replace(&digest(1), next).await, Ok(true), "{text:?}");
        let found = store.find(&record.id).await.unwrap().unwrap();
        assert!(found == expected, "{found:?} {expected:?} {:?} {:?}", found.claims, expected.claims);
        assert_eq!(store.list("eve").await.unwrap().len(), 0);
    }
}

async fn list_has_the_sessions_of_exactly_one_subject(backend: &impl Backend) {
    let store = backend.sessions();
    let subjects: Vec<String> = hostile_texts().into_iter().chain(["ada".to_owned()]).collect();
    for (position, subject) in subjects.iter().enumerate() {
        for number in [2 * position, 2 * position + 1] {
            store.insert(session(number, subject)).await.unwrap();
        }
    }
    store.remove(&id(0)).await.unwrap();
    for (position, subject) in subjects.iter().enumerate() {
        let mut listed = store.list(subject).await.unwrap();
        listed.sort_by(|one, other| one.id.cmp(&other.id));
        let mut expected = vec![session(2 * position, subject), session(2 * position + 1, subject)];
        expected.retain(|session| session.id != id(0));
        let ids = |sessions: &[SessionRecord]| sessions.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&listed), ids(&expected), "{subject:?}");
        assert!(listed.iter().all(|one| one.subject == *subject && one.digest == digest(1)));
    }
    assert!(store.list("nobody").await.unwrap().is_empty());
}

async fn one_of_many_replacements_wins(backend: &impl Backend) {
    let store = backend.sessions();
    for round in 0..5 {
        let record = session(round, "ada");
        store.insert(record.clone()).await.unwrap();
        let tries = (2..34).map(|number| {
            let (store, id) = (store.clone(), record.id.clone());
            tokio::spawn(async move { (number, store.replace(&digest(1), changed(&id, digest(number), soon())).await) })
        });
        let outcomes = join_all(tries).await.into_iter().map(Result::unwrap);
        let won: Vec<u8> = outcomes.filter(|(_, outcome)| outcome.unwrap()).map(|(number, _)| number).collect();
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(store.find(&record.id).await.unwrap().unwrap().digest, digest(won[0]));
    }
}

async fn removed_session_is_not_recreated(backend: &impl Backend) {
    let store = backend.sessions();
    for round in 0..10 {
        let record = session(round, "ada");
        store.insert(record.clone()).await.unwrap();
        let (replace, remove) = {
            let (one, other, id) = (store.clone(), store.clone(), record.id.clone());
            let id_of_other = id.clone();
            (
                tokio::spawn(async move { one.replace(&digest(1), changed(&id, digest(2), soon())).await }),
                tokio::spawn(async move { other.remove(&id_of_other).await }),
            )
        };
        replace.await.unwrap().unwrap();
        remove.await.unwrap().unwrap();
        assert_eq!(store.find(&record.id).await, Ok(None));
        assert_eq!(store.replace(&digest(1), changed(&record.id, digest(3), soon())).await, Ok(false));
        assert_eq!(store.remove(&record.id).await, Ok(()), "to remove it again is no error");
        assert_eq!(store.find(&record.id).await, Ok(None));
    }
}

async fn all_sessions_of_exactly_one_subject_are_removed(backend: &impl Backend) {
    let store = backend.sessions();
    let subjects: Vec<String> = hostile_texts().into_iter().chain(["ada".to_owned()]).collect();
    let sessions_of = |subject: usize| [2 * subject, 2 * subject + 1];
    for (position, subject) in subjects.iter().enumerate() {
        for number in sessions_of(position) {
            store.insert(session(number, subject)).await.unwrap();
        }
    }
    for (position, subject) in subjects.iter().enumerate() {
        store.remove_all(subject).await.unwrap();
        for (other, other_subject) in subjects.iter().enumerate() {
            for number in sessions_of(other) {
                let found = store.find(&id(number)).await.unwrap();
                assert_eq!(found.is_some(), other > position, "{other_subject:?}, after {subject:?}");
            }
        }
    }
    store.insert(session(1000, "ada")).await.unwrap();
    assert!(store.find(&id(1000)).await.unwrap().is_some(), "a session that begins later is not removed");
}

async fn distant_times_are_kept_or_rejected(backend: &impl Backend) {
    let store = backend.sessions();
    let year = Duration::from_secs(365 * 86_400);
    let distant = [
        UNIX_EPOCH - 70 * year,
        UNIX_EPOCH - Duration::from_nanos(1),
        UNIX_EPOCH,
        UNIX_EPOCH + 8_000 * year,
        UNIX_EPOCH + 250_000_000 * year,
        UNIX_EPOCH + 4_000_000_000 * year,
    ];
    for (number, moment) in distant.into_iter().enumerate() {
        let record = SessionRecord::restored(id(number), "ada", Vec::new(), digest(1), (moment, moment));
        let stored = store.insert(record).await;
        let found = store.find(&id(number)).await.unwrap();
        let is_over = |expires: SystemTime| expires <= SystemTime::now();
        match stored {
            Ok(()) if moment > SystemTime::now() => {
                let found = found.expect("it is stored");
                assert!(!is_over(found.expires) && !is_over(found.ends), "{found:?}");
            }
            Ok(()) => assert!(found.is_none_or(|found| is_over(found.expires) && is_over(found.ends)), "{moment:?}"),
            Err(Unavailable) => assert_eq!(found, None, "{moment:?}"),
        }
        store.replace(&digest(1), changed(&id(number), digest(2), moment)).await.ok();
        if let Some(found) = store.find(&id(number)).await.unwrap() {
            assert_eq!(is_over(found.expires), is_over(moment), "{moment:?}");
        }
    }
    let year_9999 = (UNIX_EPOCH + 8_000 * year, UNIX_EPOCH + 8_000 * year);
    let distant = SessionRecord::restored(id(99), "ada", Vec::new(), digest(1), year_9999);
    assert_eq!(store.insert(distant).await, Ok(()), "every store knows years of four digits");
}

async fn sessions_outlive_the_process(backend: &impl Shared) {
    let here = backend.sessions();
    let record = session(1, "ada");
    here.insert(record.clone()).await.unwrap();
    here.insert(session(2, "ada")).await.unwrap();
    assert_eq!(here.replace(&digest(1), changed(&record.id, digest(2), record.expires)).await, Ok(true));
    backend.close().await;

    let next = backend.of_another_process().await;
    let there = next.sessions();
    assert_eq!(there.replace(&digest(1), changed(&record.id, digest(3), soon())).await, Ok(false));
    assert_eq!(there.find(&record.id).await.unwrap().unwrap().digest, digest(2));
    assert_eq!(there.replace(&digest(2), changed(&record.id, digest(3), soon())).await, Ok(true));
    there.remove_all("ada").await.unwrap();
    next.close().await;
    let last = backend.of_another_process().await.sessions();
    assert!(last.find(&record.id).await.unwrap().is_none() && last.find(&id(2)).await.unwrap().is_none());
}
