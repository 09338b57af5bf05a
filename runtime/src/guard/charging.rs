//! Charges the rate limits of one stage of the checks.
//!
//! Threat: a request whose key cannot be determined is let through unlimited (CWE-770); a key that was not verified. Promise: if
//! a rate limit finds no key, the request is rejected, or the application is reported as misconfigured.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::HttpMessage as _;
use tokio::time::Instant;

use super::{GuardedRequest, Outcome};
use crate::audit;
use crate::authz;
use crate::denial::Denial;
use crate::document::InputSource;
use crate::dry_run;
use crate::rate_limit::{
    By, ChargeRequest, Client, FieldKey, FieldKeys, KeyAnswer, MountedRateLimit, MountedRateLimits, Observed,
    PendingCharge, PendingCharges, RateLimit, RateLimitMode, RateLimitRejection, Stage, WrittenName,
};
use crate::validation::BrokenRule;

impl<'p> GuardedRequest<'p, '_> {
    /// Whether [`charge`](Self::charge) has anything to do at this stage. A stage without rate limits costs nothing.
    #[inline]
    pub(super) fn is_charged(&self, stage: Stage) -> bool {
        (!self.rate_limits().at(stage).is_empty() || self.may_refund(stage)) && !dry_run::is_dry_run(self.request)
    }

    #[inline]
    pub(super) fn rate_limits(&self) -> &'p MountedRateLimits {
        self.mounted.rate_limits(&self.state.settings)
    }

    /// Rejects a request if a rate limit has no numbers: a missing number must not mean a missing limit.
    #[inline]
    pub(super) fn check_numbers(&self) -> Result<(), Denial> {
        self.mounted.missing_numbers(&self.state.settings).map_or(Ok(()), |problem| Err(self.without_numbers(problem)))
    }

    #[cold]
    fn without_numbers(&self, problem: &str) -> Denial {
        audit::misconfigured(&self.mounted.policy.handler, problem);
        Denial::internal("rate_limit_not_configured")
    }

    /// Whether the charges of an exempt caller's address may be refunded, even if this stage has no rate limit.
    #[inline]
    fn may_refund(&self, stage: Stage) -> bool {
        stage == Stage::Caller && !self.reservations.is_empty() && self.settings.exempt_from_rate_limits.has_rules()
    }

    /// Charges the rate limits that count by fields of the input.
    pub(super) async fn charge_fields(&mut self, fields: FieldKeys) -> Result<(), Outcome> {
        if !self.mounted.input_fields.is_empty() {
            self.read_input_fields();
        }
        self.charge(Stage::Input, &fields).await.map_err(Outcome::Denied)
    }

    /// Charges all rate limits of this stage, or none of them.
    pub(super) async fn charge(&mut self, stage: Stage, fields: &FieldKeys) -> Result<(), Denial> {
        let exempt = &self.settings.exempt_from_rate_limits;
        let may_be_exempt = !exempt.addresses.is_empty() || !exempt.rules.is_empty();
        if may_be_exempt && Box::pin(self.is_exempt(stage)).await {
            return Ok(());
        }
        let rate_limits = self.rate_limits().at(stage);
        if rate_limits.is_empty() {
            return Ok(());
        }
        let has_key_functions = rate_limits.iter().any(|mounted| matches!(mounted.by, By::Key(_)));
        let keys = if has_key_functions { Box::pin(self.ask_key_functions(rate_limits)).await } else { Vec::new() };
        // Taken out, because the pending charges borrow the rest of `self`.
        let mut reservations = std::mem::take(&mut self.reservations);
        let store = &self.settings.rate_limit_store;
        let pending = self.pending(rate_limits, fields, keys);
        let decided = match pending.map(|pending| reservations.reserve_at_once(store, pending)) {
            Err(denial) => Err(denial),
            Ok(Ok(reserved)) => Ok(reserved),
            // On the heap: otherwise the future of each request would be larger, even without rate limits.
            Ok(Err(undecided)) => {
                Ok(Box::pin(reservations.reserve_later(store, undecided, || self.waits_until())).await)
            }
        };
        // Without a key the request is invalid, and no rate limit has rejected it: what was charged before stays.
        if matches!(decided, Ok(Err(_))) {
            reservations.reject(store).await;
        }
        self.reservations = reservations;
        decided.and_then(|reserved| self.noted(reserved))
    }

    /// Notes the rate limits that only observe.
    fn noted(&self, reserved: Result<Observed, RateLimitRejection>) -> Result<(), Denial> {
        reserved.map(|observed| observed.iter().for_each(|name| self.note(name))).map_err(denial)
    }

    /// What the store is asked for each rate limit. `keys` has the answers of the key functions, in their order.
    fn pending<'c>(
        &'c self,
        rate_limits: &'c [Rc<MountedRateLimit>],
        fields: &'c FieldKeys,
        keys: Vec<KeyAnswer>,
    ) -> Result<PendingCharges<'c>, Denial> {
        let enforced = self.settings.rate_limit_mode == RateLimitMode::Enforce;
        let mut keys = keys.into_iter();
        let mut pending = PendingCharges::default();
        for mounted in rate_limits {
            pending.requests.push(ChargeRequest {
                bucket: mounted.bucket,
                limit: mounted.rate_limit.numbers,
                cost: mounted.cost,
                client: self.client_by(mounted.by, fields, &mut keys)?,
                binding: enforced && !mounted.observed,
                settles_later: mounted.rate_limit.count.may_refund(),
            });
            let origin = match mounted.by {
                By::Field(name) => fields.find(name).flatten().and_then(|key| self.origin_of(key)),
                By::InputField(name) => self.field_of_scope(name).flatten().and_then(|key| self.origin_of(key)),
                _ => None,
            };
            pending.charges.push(PendingCharge { mounted, origin });
        }
        Ok(pending)
    }

    /// The answers of the key functions of these rate limits. After an answer that is not a key, no other function is asked.
    async fn ask_key_functions(&self, rate_limits: &[Rc<MountedRateLimit>]) -> Vec<KeyAnswer> {
        let principal = self.authenticated.as_ref().map(|known| known.principal());
        let mut answers = Vec::new();
        for mounted in rate_limits {
            if let By::Key(function) = mounted.by {
                answers.push(function.ask(self.request, principal).await);
                if !matches!(answers.last(), Some(KeyAnswer::Key(_))) {
                    break;
                }
            }
        }
        answers
    }

    /// Until when the request waits for requests in flight. All its rate limits share one deadline, which starts when the first
    /// of them has to wait.
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

    /// The address that a client-chosen name comes from, so that a known address is not locked out by other clients.
    fn origin_of<'f>(&self, key: &'f FieldKey) -> Option<WrittenName<'f>> {
        let handler = RateLimit::bucket_of_known_addresses(self.mounted.policy.handler);
        Some(WrittenName { name_as_written: &key.as_written, address: self.network()?, handler })
    }

    fn note(&self, name: &str) {
        audit::over_rate_limit_observed(name, &self.mounted.policy.handler, self.client());
    }

    /// Whether the request is exempt from all rate limits. An exemption by a rule is known only after authentication. Then the
    /// charges of the address are refunded.
    async fn is_exempt(&mut self, stage: Stage) -> bool {
        let exempt = &self.settings.exempt_from_rate_limits;
        // The address of a trusted proxy is never exempt: the proxy did not name its client in a readable way.
        let is_exempt = |address| exempt.addresses.contain(address) && !self.settings.proxies.hold(address);
        if self.client().is_some_and(is_exempt) {
            return true;
        }
        if stage == Stage::Connection || !self.meets_an_exemption() {
            return false;
        }
        self.reservations.forget_all(&self.settings.rate_limit_store).await;
        true
    }

    /// Whether a rule exempts the caller. Inside the route's own middleware the caller is known from the request state.
    fn meets_an_exemption(&self) -> bool {
        let (rules, admin) = (&self.settings.exempt_from_rate_limits.rules, &self.settings.admin);
        self.state.principal.get().is_some_and(|known| authz::meets_any(rules, known, admin))
    }

    /// The client that a rate limit by this key counts. `keys` has the next answer of a key function.
    fn client_by<'c>(
        &'c self,
        by: By,
        fields: &'c FieldKeys,
        keys: &mut impl Iterator<Item = KeyAnswer>,
    ) -> Result<Client<'c>, Denial> {
        match by {
            By::Ip => self.address(),
            By::Principal => self.principal(),
            By::ApiKey => self.api_key(),
            By::Header(name) => self.header(name),
            By::Field(name) => self.named(fields.find(name), name.split_once('.').map_or(name, |(_, path)| path)),
            By::InputField(name) => self.named(self.field_of_scope(name), name),
            By::Key(_) => match keys.next() {
                Some(KeyAnswer::Key(key)) => {
                    Ok(Client::Named { kind: Cow::Borrowed(by.label()), text: Cow::Owned(key) })
                }
                Some(KeyAnswer::Unknown) | None => Err(unknown("rate_limit_key_unknown")),
                Some(KeyAnswer::Unavailable) => Err(Denial::unavailable("rate_limit_key_unavailable")),
            },
        }
    }

    fn address(&self) -> Result<Client<'static>, Denial> {
        self.network().map(Client::Address).ok_or_else(|| {
            audit::misconfigured(&self.mounted.policy.handler, self.settings.proxies.help_without_address());
            Denial::internal("no_rate_limit_key")
        })
    }

    /// The client's address, or the network that counts as one client, such as an IPv6 /64.
    fn network(&self) -> Option<IpAddr> {
        Some(self.settings.group.client_of(self.client()?))
    }

    /// Counts the address if the route requires no principal: a missing key must not mean a missing limit.
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
        if !self.settings.proxies.set_headers_of(head) {
            return Err(unknown("rate_limit_header_untrusted"));
        }
        let mut values = head.headers().get_all(name);
        match (values.next().map(|value| value.to_str()), values.next()) {
            (Some(Ok(value)), None) if !value.is_empty() => {
                Ok(Client::Named { kind: Cow::Borrowed(name), text: Cow::Borrowed(value) })
            }
            _ => Err(unknown("rate_limit_header_missing")),
        }
    }

    /// The denial if a scope counts by a field that the handler does not have. A mistake of this kind is found when the scope is
    /// mounted.
    fn not_collected(&self) -> Denial {
        audit::misconfigured(&self.mounted.policy.handler, "a scope counts by a field that the handler does not have");
        Denial::internal("no_rate_limit_key")
    }

    /// The client that a field of the input names. `path` is the place of the field in the input.
    fn named<'c>(&'c self, found: Option<Option<&'c FieldKey>>, path: &str) -> Result<Client<'c>, Denial> {
        match found {
            Some(Some(key)) => Ok(Client::Named { kind: Cow::Borrowed("field"), text: Cow::Borrowed(&key.normal) }),
            Some(None) => {
                let pointer = format!("/{}", path.replace('.', "/"));
                let place =
                    self.mounted.input_fields.iter().find(|(name, _)| *name == path).map(|(_, place)| place.source);
                let is_parameter = place.map_or(self.reading.is_none(), |source| source == InputSource::Query);
                Err(self.invalid(vec![BrokenRule::required(pointer, is_parameter)]))
            }
            None => Err(self.not_collected()),
        }
    }
}

#[derive(Clone, Copy)]
struct WaitsUntil(Instant);

fn denial(rejection: RateLimitRejection) -> Denial {
    match rejection {
        RateLimitRejection::RateLimited(retry_after) => Denial::too_many_requests(retry_after),
        RateLimitRejection::InFlight(_) => Denial::in_flight(),
        RateLimitRejection::StoreFull(retry_after) => Denial::store_full(retry_after),
        RateLimitRejection::Unavailable => Denial::unavailable("rate_limit_store_unavailable"),
    }
}

fn unknown(reason: &'static str) -> Denial {
    Denial::bad_request(reason, "The rate limit cannot identify the client of this request.")
}
