//! A name that is at its rate limit does not shut out who has a good record with it.
//!
//! Threat: a lock-out as a weapon (CWE-645, ASVS V6.3.1): whoever fails often enough with a victim's name shuts the victim out.
//! Promise: an address from which a name succeeded at this handler within [`REMEMBERED`] is counted by itself while the name is at
//! its rate limit, by the same numbers. What an attacker gains by sharing a victim's address is one rate limit more. A record is of the name
//! as it was written: an account whose name merely looks like another's makes none for that one.

use std::borrow::Cow;
use std::time::Duration;

use super::Due;
use crate::rate_limit::{Ask, Client, Decision, Few, Limit, Place};
use crate::rate_limit::{By, Count};
use crate::unavailable::Unavailable;

/// How long a success counts, to a 32nd of it.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A record uses next to nothing of its limit, so it is the first to leave a crowded store.
const PLACES: u32 = 1000;

/// The bucket of what is counted instead, beside that of the rate limit, and that of the record, beside the handler's.
const RECORD: u64 = 0x5265_636f_7264_2e2e;
const INSTEAD: u64 = 0x496e_7374_6561_642e;

/// That a name succeeded from an address.
pub(super) struct Record {
    bucket: u64,
    limit: Limit,
    pair: Client<'static>,
}

impl Record {
    /// `None` where the rate limit is not one that a victim could be shut out by.
    pub(super) fn of(due: &Due<'_, '_>) -> Option<Self> {
        let (By::Field(_), Count::Failures | Count::When(_)) = (due.by, due.rate_limit.count) else { return None };
        let limit = Limit::new(PLACES, REMEMBERED)?;
        Some(Self { bucket: due.origin.as_ref()?.handler ^ RECORD, limit, pair: pair(due)? })
    }

    fn ask(&self) -> Ask<'static> {
        Ask {
            bucket: self.bucket,
            limit: self.limit,
            cost: 1,
            client: self.pair.clone(),
            binding: true,
            pending: false,
        }
    }

    async fn is_good(&self, place: Place<'_>) -> Result<bool, Unavailable> {
        Ok(place.standing(&self.ask()).await?.remaining < PLACES)
    }

    /// The last success is what counts, and the only one that is kept. A store that is out of reach makes none, which refuses
    /// nobody now.
    pub(super) async fn make(&self, place: Place<'_>) {
        let ask = self.ask();
        if place.reset(&ask).await.is_ok() {
            let _ = place.charge(&ask).await;
        }
    }
}

/// Where a name's refusal is all that stands against an address with a good record, what is asked becomes about the two
/// together. Whether anything did: not where that can't be found out.
pub(super) async fn stands_in(
    place: Place<'_>,
    dues: &[&Due<'_, '_>],
    decisions: &[Decision],
    asks: &mut Few<Ask<'_>>,
) -> bool {
    let mut changed = false;
    for ((due, decision), ask) in dues.iter().zip(decisions).zip(asks.iter_mut()) {
        if ask.binding
            && let Decision::Refused(_) = decision
            && let Some(record) = Record::of(due)
            && record.is_good(place).await == Ok(true)
        {
            ask.bucket = due.bucket ^ INSTEAD;
            ask.client = record.pair;
            changed = true;
        }
    }
    changed
}

/// A name as it was written and an address, as one client.
fn pair(due: &Due<'_, '_>) -> Option<Client<'static>> {
    let origin = due.origin.as_ref()?;
    let kind = Cow::Owned(format!("field from {}", origin.address));
    Some(Client::Named { kind, text: Cow::Owned(origin.spelt.to_owned()) })
}
