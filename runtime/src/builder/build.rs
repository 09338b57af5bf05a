//! Builds the middleware from the settings. All configuration errors are reported together.

use std::sync::Arc;

use super::{Palisade, PalisadeBuilder, bodies, config_checks, credential_checks, limits, rate_limits};
use crate::authz::Owners;
use crate::concurrency::{ConcurrencyCounter, ConcurrencyCounters};
use crate::config_error::ConfigError;
use crate::headers::ApplicationHeaders;
use crate::policy_table::TransportSettings;
use crate::proxy::TrustedProxies;
use crate::rate_limit::{RateLimitMode, RateLimitStore};
use crate::scope;
use crate::settings::{Exempt, PreparedChallenges, Settings};

impl PalisadeBuilder {
    /// The configured middleware.
    ///
    /// # Errors
    ///
    /// All settings that cannot be used, each with its name and what to change.
    pub fn build(mut self) -> Result<Palisade, ConfigError> {
        if self.rate_limit_mode == RateLimitMode::Observe {
            tracing::warn!("rate limits are only observed: no request is rejected by a rate limit");
        }
        if self.reveal {
            tracing::warn!("reveal_internal_errors: clients can read the texts of internal errors");
        }
        let principal_lookup = self.take_principal_lookup();
        let sender = self.take_sender();
        let mut mistakes = self.mistakes;
        mistakes.extend(self.cors.mistakes().clone());
        let headers = ApplicationHeaders::new(&self.headers, &self.hsts, &mut mistakes);
        limits::check_calls(self.timeout, self.concurrency, &mut mistakes);
        limits::check_admissions(self.admission_interval, &mut mistakes);
        limits::check_head(self.head_limit, &mut mistakes);
        self.body_timeouts.check(&mut mistakes);
        self.input_limits.check(&mut mistakes);
        bodies::check_limit(self.body_limit, &mut mistakes);
        mistakes.note(config_checks::is_valid_admin_role(&self.admin));
        let has_routes = self.routes.is_some();
        let mut policies =
            self.routes.unwrap_or_default().with_admin_role(self.admin.clone()).with_headers(self.headers.clone());
        policies.add_application_limits(self.timeout, self.concurrency);
        let unused = policies.add_numbers(&self.rate_limits, &mut mistakes);
        for name in unused.filter(|_| has_routes) {
            tracing::warn!(name, "no route has the rate limit of this name, so its numbers limit nothing");
        }
        if !mistakes.is_reported("routes") {
            mistakes.note(scope::check_policy_table(&policies));
        }
        mistakes.note(config_checks::each_issuer_has_one_jwt(&self.jwt_issuers));
        policies.share_by(self.cors.clone());
        policies.note_transport(TransportSettings::new(&headers, &self.hosts));
        let owners = config_checks::owners(self.owners, &self.authenticators);
        let owners = mistakes.note(owners).unwrap_or(Owners::Unset { tenants_are_assigned: false });
        let known = config_checks::Configured {
            authenticators: &self.authenticators,
            roles: self.roles.as_ref(),
            owners: &owners,
            strict_input: self.strict_input,
        };
        config_checks::check_requirements(&policies, &known, &mut mistakes);
        credential_checks::check(&policies, &self.authenticators, sender.as_deref(), &mut mistakes);
        let proxies = TrustedProxies::new(self.proxies, self.forwarded_by);
        // If the proxies are already reported, the error about the missing proxies of a header would only repeat them.
        let proxies = if mistakes.is_reported("trusted_proxies") { proxies.ok() } else { mistakes.note(proxies) };
        if let Some(proxies) = &proxies {
            config_checks::check_rate_limit_keys(&policies, &self.authenticators, proxies, &mut mistakes);
            config_checks::check_headers_of_proxies(&self.authenticators, proxies, &mut mistakes);
        }
        #[cfg(feature = "oauth")]
        {
            let is_proxied = proxies.as_ref().is_none_or(|proxies| !proxies.is_empty());
            super::resources::check(&policies, &self.authenticators, is_proxied, &mut mistakes);
        }
        config_checks::check_reports(&policies, &headers, &mut mistakes);
        config_checks::check_exempting_rules(&self.exempt_clients.rules, &mut mistakes);
        for Exempt { prefix, reason } in &self.exempt {
            config_checks::check_unguarded_prefix(prefix, reason, &mut mistakes);
            policies.exempt(prefix.clone(), reason.clone());
        }
        mistakes.note(config_checks::is_valid_realm(&self.realm));
        let challenges = mistakes
            .note(PreparedChallenges::new(
                &self.authenticators,
                &self.realm,
                sender.as_ref().and_then(|sender| sender.dpop_algorithms()),
            ))
            .unwrap_or_default();
        mistakes.note(rate_limits::checked(self.rate_limit_wait));
        let proxies = mistakes.value_or_error(proxies)?;
        for Exempt { prefix, reason } in &self.exempt {
            tracing::warn!(
                prefix,
                reason,
                "services mounted at this prefix are open to everyone: no policy protects them"
            );
        }
        Ok(Palisade(Arc::new(Settings {
            owners,
            roles: self.roles,
            admin: self.admin,
            realm: self.realm,
            exempt: self.exempt,
            policies,
            authenticators: self.authenticators,
            principal_lookup,
            sender,
            challenges,
            rate_limit_store: self.rate_limit_store.unwrap_or_else(RateLimitStore::of_this_process),
            rate_limits: self.rate_limits,
            exempt_from_rate_limits: self.exempt_clients,
            rate_limit_mode: self.rate_limit_mode,
            rate_limit_wait: self.rate_limit_wait,
            rate_limit_headers: self.rate_limit_headers,
            headers,
            cors: self.cors,
            hosts: self.hosts,
            proxies,
            group: self.group,
            restyle: self.restyle,
            input_messages: self.input_messages,
            timeout: self.timeout,
            limits_calls: self.timeout.is_some() || self.concurrency.is_some(),
            process_concurrency: self.concurrency.map(ConcurrencyCounter::new),
            concurrency: ConcurrencyCounters::default(),
            admission_interval: self.admission_interval,
            head_limit: self.head_limit,
            body_timeouts: self.body_timeouts,
            input_limits: self.input_limits,
            body_limit: self.body_limit,
            strict_input: self.strict_input,
            compressed: self.compressed,
            reveal: self.reveal,
        })))
    }
}
