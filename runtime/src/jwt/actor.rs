//! The claim `act` (RFC 8693 §4.1): who acts on behalf of the subject.
//!
//! Threat: a delegation that is not seen, because the claim has an unexpected form (CWE-863), and a chain of actors that costs more to read
//! than to send (CWE-400). Promise: a claim that is no actor rejects the token. A chain has at most 8 actors.

use std::fmt;

use palisade_grammar::names::is_credential_text;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::json::{Reason, SeenNames, Text};
use crate::principal::Actor;

pub(super) const REASON: &str = "token_act";
const LONGEST_CHAIN: u8 = 8;

/// An actor whose issuer may be that of the token.
pub(super) struct ActorClaim<'de> {
    issuer: Option<Text<'de>>,
    subject: Text<'de>,
    behind: Option<Box<ActorClaim<'de>>>,
}

impl ActorClaim<'_> {
    pub(super) fn into_actor(self, issuer_of_token: &str) -> Actor {
        let actor = Actor::new(self.issuer.as_ref().map_or(issuer_of_token, |issuer| &*issuer.0), &*self.subject.0);
        match self.behind {
            Some(behind) => actor.with_behind(behind.into_actor(issuer_of_token)),
            None => actor,
        }
    }
}

/// Reads an actor from the value of the claim.
pub(super) struct ActorReader<'r> {
    reason: Reason<'r>,
    /// How many actors the chain may still have.
    most: u8,
}

impl<'r> ActorReader<'r> {
    pub(super) fn new(reason: Reason<'r>) -> Self {
        Self { reason, most: LONGEST_CHAIN }
    }
}

impl<'de> DeserializeSeed<'de> for ActorReader<'_> {
    type Value = ActorClaim<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ActorClaim<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ActorReader<'_> {
    type Value = ActorClaim<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an actor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ActorClaim<'de>, A::Error> {
        let Self { reason, most } = self;
        let Some(rest) = most.checked_sub(1) else { return reason.reject(REASON) };
        let (mut issuer, mut subject, mut behind) = (None, None, None);
        let mut others = SeenNames::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "iss" => {
                    let text = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut issuer, text)?;
                }
                "sub" => {
                    let text = map.next_value::<Text<'de>>()?;
                    reason.fill(&mut subject, text)?;
                }
                "act" => {
                    let actor = map.next_value_seed(ActorReader { reason, most: rest })?;
                    reason.fill(&mut behind, Box::new(actor))?;
                }
                _ => others.skip(name, &mut map, reason)?,
            }
            reason.set(REASON);
        }
        let is_valid = |text: &Text<'_>| is_credential_text(&text.0);
        match subject {
            Some(subject) if is_valid(&subject) && issuer.as_ref().is_none_or(is_valid) => {
                Ok(ActorClaim { issuer, subject, behind })
            }
            _ => reason.reject(REASON),
        }
    }
}

/// The claim as it is issued.
#[derive(Serialize)]
pub(super) struct IssuedActor<'a> {
    iss: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Box<IssuedActor<'a>>>,
}

impl<'a> IssuedActor<'a> {
    pub(super) fn of(actor: &'a Actor) -> Self {
        Self { iss: actor.issuer(), sub: actor.subject(), act: actor.behind().map(|behind| Box::new(Self::of(behind))) }
    }
}

/// Whether a verifier accepts the chain that begins with this actor.
pub(super) fn is_valid(actor: &Actor) -> bool {
    let chain = || std::iter::successors(Some(actor), |actor| actor.behind());
    chain().count() <= usize::from(LONGEST_CHAIN)
        && chain().all(|actor| is_credential_text(actor.issuer()) && is_credential_text(actor.subject()))
}
