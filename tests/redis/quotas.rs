//! CWE-799, CWE-362, CWE-359, ASVS V2.4.1: several processes share the quotas of one Redis.

use std::time::Duration;

use palisade::RedisQuotas;
use palisade::quota::{Ask, Client, Limit, RedisCharge, RedisDecision};

use super::server::Server;

const SECRET: [u8; 32] = [7; 32];

pub fn quotas(server: &Server) -> RedisQuotas {
    // Longer than a busy machine stops a process for.
    RedisQuotas::new(&server.url(), "tests", SECRET).unwrap().timeout(Duration::from_secs(10)).unwrap()
}

pub fn limit(units: u32, window: Duration) -> Limit {
    Limit::new(units, window).unwrap()
}

pub fn client(number: u32) -> Client<'static> {
    Client::Address(std::net::Ipv4Addr::from_bits(number).into())
}

pub fn ask(bucket: u64, limit: Limit, client: Client<'static>) -> Ask<'static> {
    Ask { bucket, limit, cost: 1, client, binding: true }
}

/// The only decision.
pub async fn one(quotas: &RedisQuotas, ask: &Ask<'_>) -> RedisDecision {
    quotas.reserve(std::slice::from_ref(ask)).await.unwrap().remove(0)
}

pub async fn charged(quotas: &RedisQuotas, ask: &Ask<'_>) -> Option<RedisCharge> {
    match one(quotas, ask).await {
        RedisDecision::Charged(charge) => Some(charge),
        _ => None,
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn n_are_admitted_and_the_next_is_told_when_to_come() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    for units in [1, 5, 16, 17, 1000] {
        let ask = ask(u64::from(units), limit(units, Duration::from_secs(900)), client(1));
        for left in (0..units).rev() {
            let charge = charged(&quotas, &ask).await.unwrap();
            assert_eq!(charge.standing().remaining, left);
            assert!(charge.standing().reset <= Duration::from_secs(929));
        }
        let RedisDecision::Refused(refused) = one(&quotas, &ask).await else { panic!("{units}") };
        assert!(refused.retry_after > Duration::from_secs(800) && refused.retry_after <= Duration::from_secs(929));
    }
}

#[tokio::test]
async fn what_is_given_back_is_free_at_once_and_only_once() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    for units in [3, 30] {
        let three = Ask { cost: 3, ..ask(u64::from(units), limit(units, MINUTE), client(1)) };
        let charge = charged(&quotas, &three).await.unwrap();
        assert_eq!(charge.standing().remaining, units - 3);
        assert_eq!(quotas.release(vec![charge]).await.unwrap()[0].remaining, units);
        assert_eq!(quotas.standing(&[three]).await.unwrap()[0].remaining, units);
    }
}

#[tokio::test]
async fn a_reset_frees_a_client_and_gives_nothing_back_to_what_was_under_way() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    for units in [2, 20] {
        let all = Ask { cost: units, ..ask(u64::from(units), limit(units, MINUTE), client(1)) };
        let before = charged(&quotas, &all).await.unwrap();
        quotas.reset(&all).await.unwrap();
        assert_eq!(quotas.standing(std::slice::from_ref(&all)).await.unwrap()[0].remaining, units);
        charged(&quotas, &all).await.unwrap();
        assert_eq!(quotas.release(vec![before]).await.unwrap()[0].remaining, 0);
        assert!(charged(&quotas, &all).await.is_none());
    }
}

#[tokio::test]
async fn charging_takes_what_there_is() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    let seven = Ask { cost: 7, ..ask(1, limit(10, MINUTE), client(1)) };
    assert_eq!(quotas.charge(&seven).await.unwrap().remaining, 3);
    assert_eq!(quotas.charge(&seven).await.unwrap().remaining, 0);
    assert_eq!(quotas.charge(&seven).await.unwrap().remaining, 0);
    assert!(charged(&quotas, &ask(1, limit(10, MINUTE), client(1))).await.is_none());
}

#[tokio::test]
async fn all_is_charged_or_nothing_and_what_only_observes_hinders_nobody() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    let minute = ask(1, limit(1, MINUTE), client(1));
    let day = ask(2, limit(100, Duration::from_secs(86_400)), client(1));
    let other = ask(3, limit(10, MINUTE), client(2));
    let all = [minute.clone(), day.clone(), other.clone()];
    assert!(quotas.reserve(&all).await.unwrap().iter().all(|known| matches!(known, RedisDecision::Charged(_))));
    let refused = quotas.reserve(&all).await.unwrap();
    assert!(matches!(refused[0], RedisDecision::Refused(_)), "{refused:?}");
    assert!(
        matches!((&refused[1], &refused[2]), (RedisDecision::Spared(one), RedisDecision::Spared(two)) if one.remaining == 99 && two.remaining == 9)
    );
    let observed = [Ask { binding: false, ..minute }, day, other];
    let decided = quotas.reserve(&observed).await.unwrap();
    assert!(matches!(decided[0], RedisDecision::Refused(_)), "{decided:?}");
    assert!(matches!((&decided[1], &decided[2]), (RedisDecision::Charged(_), RedisDecision::Charged(_))));
}

#[tokio::test]
async fn nothing_in_redis_tells_who_it_is_about_and_everything_expires() {
    let Some(server) = Server::start() else { return };
    let quotas = quotas(&server);
    let ann = Client::Principal { issuer: "https://id.example".into(), subject: "ann@example.org".into() };
    for client in [Client::Address([203, 0, 113, 7].into()), ann] {
        charged(&quotas, &ask(1, limit(5, MINUTE), client.clone())).await.unwrap();
        charged(&quotas, &ask(2, limit(500, MINUTE), client)).await.unwrap();
    }
    // It demands that every key expires.
    let dump = server.dump().await;
    assert_eq!(dump.lines().count(), 4, "{dump}");
    for word in ["203.0.113.7", "ann", "id.example"] {
        assert!(!dump.contains(word), "{dump}");
    }
    let stranger = RedisQuotas::new(&server.url(), "tests", [8; 32]).unwrap();
    let asked = stranger.standing(&[ask(1, limit(5, MINUTE), Client::Address([203, 0, 113, 7].into()))]).await.unwrap();
    assert_eq!(asked[0].remaining, 5, "who does not know the secret finds nobody");
}

#[test]
fn settings_that_are_none_are_told_without_their_secrets() {
    let url = "redis://:hunter2@127.0.0.1:1/";
    assert!(RedisQuotas::new("http://hunter2", "tests", SECRET).is_err_and(|no| !no.to_string().contains("hunter2")));
    assert!(RedisQuotas::new(url, "", SECRET).is_err());
    assert!(RedisQuotas::new(url, "a{b}", SECRET).is_err());
    assert!(RedisQuotas::new(url, "tests", [1; 31]).is_err());
    let quotas = RedisQuotas::new(url, "tests", SECRET).unwrap();
    assert!(!format!("{quotas:?}").contains("hunter2"));
    assert!(quotas.clone().timeout(Duration::ZERO).is_err());
    assert!(quotas.clone().timeout(Duration::from_secs(1)).is_err(), "it is cloned");
    assert!(quotas.timeout(Duration::from_secs(1)).is_ok());
}
