//! Whom the rate limits of a stage count.
//!
//! Threat: no key taken for no limit (CWE-770), and a key that nobody verified.
//! Promise: a rate limit whose key is not there refuses the request, or says that the application is misconfigured.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpMessage as _;
use tokio::time::Instant;

use super::GuardedRequest;
use crate::audit;
use crate::authz;
use crate::denial::Denial;
use crate::dry_run;
use crate::problem::FieldError;
use crate::rate_limit::RateLimitMode;
use crate::rate_limit::{By, Count, FieldKeys, KeyAnswer, RateLimit, Stage};
use crate::rate_limit::{Client, Few};
use crate::reservations::{Due, Origin, Refusal, Reservations};
use crate::settings::RequestState;

impl GuardedRequest<'_, '_> {
    /// Takes a reservation from every rate limit of this stage, or from none. Where there is none, nothing is done and no room taken.
    #[inline]
    pub(super) async fn charge(&mut self, stage: Stage, fields: &FieldKeys) -> Result<(), Denial> {
        // What an exempt caller's address was charged is given back also where nothing else is counted.
        let lifts = stage == Stage::Caller
            && !self.reservations.is_empty()
            && !self.settings.exempt_from_rate_limits.rules.is_empty();
        if !lifts && !self.has_rate_limits(stage) || dry_run::is_dry_run(self.request) {
            return Ok(());
        }
        // On the heap: the state of it would be in every request's, with rate limits or without.
        Box::pin(self.charge_all(stage, fields)).await
    }

    fn has_rate_limits(&self, stage: Stage) -> bool {
        let of_stage = |rate_limit: &RateLimit| rate_limit.keys().iter().any(|by| by.stage() == stage);
        self.mounted.policy.rate_limits.iter().any(of_stage)
            || self.mounted.demands.rate_limits.iter().any(|own| of_stage(&own.rate_limit))
    }

    async fn charge_all(&mut self, stage: Stage, fields: &FieldKeys) -> Result<(), Denial> {
        if self.is_exempt(stage).await {
            return Ok(());
        }
        // Away while it is written: what a client is made of stands beside it.
        let mut reservations = std::mem::take(&mut self.reservations);
        let charged = self.write(&mut reservations, stage, fields).await;
        self.reservations = reservations;
        charged
    }

    async fn write(&self, reservations: &mut Reservations, stage: Stage, fields: &FieldKeys) -> Result<(), Denial> {
        let handler = self.mounted.policy.handler;
        let of_scope = self.mounted.demands.rate_limits.iter().map(|own| (&own.rate_limit, own.bucket));
        let of_handler =
            self.mounted.policy.rate_limits.iter().map(|rate_limit| (rate_limit, rate_limit.bucket(handler)));
        let mut dues: Few<Due<'_, '_>> = Few::new();
        for (rate_limit, bucket) in of_scope.chain(of_handler) {
            for by in rate_limit.keys().iter().filter(|by| by.stage() == stage) {
                let bucket = rate_limit.bucket_of(bucket, *by);
                // A scope and a handler may name the same shared bucket: a request is one request, by what is stricter.
                if let Some(due) = dues.iter_mut().find(|due| due.bucket == bucket && due.by == *by) {
                    if rate_limit.count == Count::All || due.rate_limit.count != Count::All {
                        due.rate_limit = rate_limit;
                    }
                    due.cost = due.cost.max(rate_limit.cost);
                    due.observed &= rate_limit.observe;
                    continue;
                }
                let client = self.counted(*by, fields).await?;
                let origin = self.origin(*by, fields);
                dues.push(Due {
                    rate_limit,
                    by: *by,
                    bucket,
                    client,
                    cost: rate_limit.cost,
                    observed: rate_limit.observe,
                    origin,
                });
            }
        }
        if dues.is_empty() {
            return Ok(());
        }
        let enforced = self.settings.rate_limit_mode == RateLimitMode::Enforce;
        match reservations.reserve(&self.settings.rate_limit_store, &dues, enforced, || self.waits_until()).await {
            Ok(observed) => {
                observed.iter().for_each(|rate_limit| self.note(rate_limit));
                Ok(())
            }
            Err(Refusal::RateLimited(retry_after)) => Err(Denial::too_many_requests(retry_after)),
            Err(Refusal::InFlight(_)) => Err(Denial::in_flight()),
            Err(Refusal::Crowded(retry_after)) => Err(Denial::crowded(retry_after)),
            Err(Refusal::Unavailable) => Err(Denial::unavailable("rate_limit_store_unavailable")),
        }
    }

    /// Until when the request waits for others that are at work: one moment for all that counts it, from when it first has to.
    fn waits_until(&self) -> Instant {
        let now = Instant::now();
        let until = WaitsUntil(now.checked_add(self.settings.rate_limit_wait).unwrap_or(now));
        let mut extensions = self.request.extensions_mut();
        if let Some(WaitsUntil(known)) = extensions.get() {
            return *known;
        }
        extensions.insert(until);
        until.0
    }

    fn origin<'f>(&self, by: By, fields: &'f FieldKeys) -> Option<Origin<'f>> {
        let By::Field(name) = by else { return None };
        let spelt = fields.find(name)??.spelt.as_str();
        Some(Origin {
            spelt,
            address: self.network()?,
            handler: RateLimit::bucket_of_records(self.mounted.policy.handler),
        })
    }

    fn note(&self, rate_limit: &RateLimit) {
        audit::over_rate_limit_observed(rate_limit.name(), &self.mounted.policy.handler, self.client());
    }

    /// Whether no rate limit counts the request. What a rule says is known only after authentication: then it gives back what the
    /// address was charged.
    async fn is_exempt(&mut self, stage: Stage) -> bool {
        let exempt = &self.settings.exempt_from_rate_limits;
        if exempt.is_empty() {
            return false;
        }
        // An address that is a proxy's own is that of a client whom the proxy did not name in a way that can be read.
        let is_exempt = |address| exempt.addresses.contain(address) && !self.settings.proxies.hold(address);
        if self.client().is_some_and(is_exempt) {
            return true;
        }
        if stage == Stage::Connection || !self.meets_an_exemption() {
            return false;
        }
        self.reservations.release_all(&self.settings.rate_limit_store).await;
        true
    }

    /// Also inside of the route's own middleware, where the caller is known from before.
    fn meets_an_exemption(&self) -> bool {
        let extensions = self.request.extensions();
        let principal = extensions.get::<RequestState>().and_then(|state| state.principal.get());
        let (rules, admin) = (&self.settings.exempt_from_rate_limits.rules, &self.settings.admin);
        principal.is_some_and(|known| authz::meets_any(rules, known, admin))
    }

    async fn counted(&self, by: By, fields: &FieldKeys) -> Result<Client<'_>, Denial> {
        match by {
            By::Ip => self.address(),
            By::Principal => self.principal(),
            By::ApiKey => self.api_key(),
            By::Header(name) => self.header(name),
            By::Field(name) => match fields.find(name) {
                Some(Some(key)) => Ok(named("field", key.normal.clone())),
                Some(None) => Err(missing(name)),
                None => Err(self.not_collected()),
            },
            By::Key(function) => {
                let principal = self.authenticated.as_ref().map(|known| known.principal());
                match function.ask(self.request, principal).await {
                    KeyAnswer::Key(key) => Ok(named(by.word(), key)),
                    KeyAnswer::Unknown => Err(unknown("rate_limit_key_unknown")),
                    KeyAnswer::Unavailable => Err(Denial::unavailable("rate_limit_key_unavailable")),
                }
            }
        }
    }

    fn address(&self) -> Result<Client<'static>, Denial> {
        self.network().map(Client::Address).ok_or_else(|| {
            audit::misconfigured(&self.mounted.policy.handler, self.settings.proxies.cure_of_no_address());
            Denial::internal("no_rate_limit_key")
        })
    }

    /// The address as rate limits count it.
    fn network(&self) -> Option<IpAddr> {
        self.client().map(|address| self.settings.network(address))
    }

    /// Where a route of the scope demands no principal there is an address: no key must not mean no limit.
    fn principal(&self) -> Result<Client<'_>, Denial> {
        let Some(known) = &self.authenticated else { return self.address() };
        let principal = known.principal();
        let (issuer, subject) = (Cow::Borrowed(principal.issuer()), Cow::Borrowed(principal.subject()));
        Ok(Client::Principal { issuer, subject })
    }

    fn api_key(&self) -> Result<Client<'_>, Denial> {
        match self.authenticated.as_ref().and_then(|known| known.principal().api_key()) {
            Some(id) => Ok(Client::Named { kind: Cow::Borrowed("api_key"), text: Cow::Borrowed(id) }),
            None => self.principal(),
        }
    }

    fn header(&self, name: &'static str) -> Result<Client<'_>, Denial> {
        let head = self.request.head();
        if !self.settings.proxies.vouch_for(head) {
            return Err(unknown("rate_limit_header_of_a_stranger"));
        }
        let mut values = head.headers().get_all(name);
        match (values.next().map(|value| value.to_str()), values.next()) {
            (Some(Ok(value)), None) if !value.is_empty() => {
                Ok(Client::Named { kind: Cow::Borrowed(name), text: Cow::Borrowed(value) })
            }
            _ => Err(unknown("rate_limit_header_missing")),
        }
    }

    /// The rate limit stands where no field can be known: on a scope.
    fn not_collected(&self) -> Denial {
        audit::misconfigured(
            &self.mounted.policy.handler,
            "a rate limit by a field is written `by = field(..)` above a handler",
        );
        Denial::internal("no_rate_limit_key")
    }
}

#[derive(Clone, Copy)]
struct WaitsUntil(Instant);

fn missing(field: &str) -> Denial {
    let path = field.split_once('.').map_or(field, |(_, path)| path);
    let pointer = format!("/{}", path.replace('.', "/"));
    Denial::invalid(vec![FieldError::new(pointer, "required", "This field has to be there.")])
}

fn named(kind: &'static str, text: String) -> Client<'static> {
    Client::Named { kind: Cow::Borrowed(kind), text: Cow::Owned(text) }
}

fn unknown(reason: &'static str) -> Denial {
    Denial::bad_request(reason, "The request does not say, in a way that counts, whom it is to be counted for.")
}
