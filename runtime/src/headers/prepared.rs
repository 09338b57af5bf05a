//! The security headers after all changes, ready to be sent.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::changes::{CheckedChange, SecurityHeaders};
use super::content_security::{API, AroundNonce, ContentSecurity, DEFAULT};
use super::{CspNonce, Hsts, NO_STORE, Stays, insert, reporting};
use crate::config_error::Mistakes;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
const REPORT_ONLY: &str = "content-security-policy-report-only";
const CLEAR_SITE_DATA: &str = "clear-site-data";

/// The headers that every response has, beside HSTS and the Content Security Policy.
static FIXED: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (RESOURCE_POLICY, "same-origin"),
];

/// What decides about the headers of one response.
pub(crate) struct SentResponse<'r> {
    /// Whether the client uses TLS.
    pub(crate) secure: bool,
    /// `None` for the response to a preflight, which no handler makes.
    pub(crate) status: Option<StatusCode>,
    /// The nonce that the handler took.
    pub(crate) nonce: Option<&'r CspNonce>,
    /// Whether a page of another origin may read it.
    pub(crate) shared: bool,
}

/// The headers of an application, which its scopes and routes may change.
#[derive(Debug)]
pub(crate) struct ApplicationHeaders {
    pub(super) combined: Combined,
    pub(crate) prepared: PreparedHeaders,
}

impl ApplicationHeaders {
    pub(crate) fn new(headers: &SecurityHeaders, hsts: &Hsts, mistakes: &mut Mistakes) -> Arc<Self> {
        mistakes.extend(headers.mistakes());
        hsts.check(mistakes);
        let mut combined = Combined::new(hsts);
        combined.change(headers);
        for name in combined.unknown_endpoints() {
            mistakes.report("security headers", reporting::lacking(name));
        }
        let prepared = combined.prepare();
        Arc::new(Self { combined, prepared })
    }

    /// `Strict-Transport-Security`, unless the application removed it.
    pub(crate) fn hsts(&self) -> Option<&str> {
        self.combined.hsts.as_ref()?.to_str().ok()
    }
}

/// The headers while they are combined.
#[derive(Clone, Debug)]
pub(super) struct Combined {
    headers: Vec<(HeaderName, String)>,
    policy: Option<ContentSecurity>,
    report_only: Option<ContentSecurity>,
    hsts: Option<HeaderValue>,
    /// `Clear-Site-Data`.
    on_success: Option<String>,
}

impl Combined {
    fn new(hsts: &Hsts) -> Self {
        let headers = FIXED.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let policy = Some(ContentSecurity::of(DEFAULT));
        Self { headers, policy, report_only: None, hsts: hsts.value(), on_success: None }
    }

    pub(super) fn change(&mut self, headers: &SecurityHeaders) {
        for change in &headers.changes {
            match change {
                CheckedChange::Preset(_, policy) => self.policy = Some(self.framed(ContentSecurity::of(policy))),
                CheckedChange::Set(name, value) => self.set(name, value),
                CheckedChange::Without(name) if *name == CONTENT_SECURITY_POLICY => self.policy = None,
                CheckedChange::Without(name) if *name == STRICT_TRANSPORT_SECURITY => self.hsts = None,
                CheckedChange::Without(name) => self.headers.retain(|(own, _)| own != name),
            }
        }
    }

    /// A preset allows the frames that `frame` allowed before, so that the two headers do not contradict each other.
    fn framed(&self, mut preset: ContentSecurity) -> ContentSecurity {
        if self.headers.iter().any(|(name, value)| *name == X_FRAME_OPTIONS && value == "SAMEORIGIN") {
            preset.set("frame-ancestors", "'self'");
        }
        preset
    }

    fn set(&mut self, name: &HeaderName, value: &str) {
        match name.as_str() {
            "content-security-policy" => {
                let policy = ContentSecurity::of(value);
                self.policy = Some(match &self.policy {
                    Some(before) => policy.keeping(before),
                    None => policy,
                });
            }
            REPORT_ONLY => self.report_only = Some(ContentSecurity::of(value)),
            CLEAR_SITE_DATA => self.on_success = Some(value.to_owned()),
            _ => {
                if let (&X_FRAME_OPTIONS, Some(policy)) = (name, &mut self.policy) {
                    policy.set("frame-ancestors", if value == "DENY" { "'none'" } else { "'self'" });
                }
                match self.headers.iter_mut().find(|(own, _)| own == name) {
                    // Each endpoint is one member of a dictionary.
                    Some((_, own)) if name.as_str() == reporting::ENDPOINTS => reporting::add_endpoints(own, value),
                    Some((_, own)) => value.clone_into(own),
                    None => self.headers.push((name.clone(), value.to_owned())),
                }
            }
        }
    }

    /// The value of one of the headers, without the policies.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.as_str() == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = &ContentSecurity> {
        self.policy.iter().chain(&self.report_only)
    }

    pub(super) fn prepare(&self) -> PreparedHeaders {
        let policies =
            [(CONTENT_SECURITY_POLICY, &self.policy), (HeaderName::from_static(REPORT_ONLY), &self.report_only)];
        let (mut fixed, mut around_nonce, mut resource_policy) = (Vec::new(), Vec::new(), None);
        for (name, text) in &self.headers {
            if *name == RESOURCE_POLICY {
                resource_policy = prepared_value(text);
                continue;
            }
            let stays = if *name == X_CONTENT_TYPE_OPTIONS { Stays::New } else { Stays::Safe };
            fixed.extend(prepared_value(text).map(|value| (name.clone(), value, stays)));
        }
        for (name, policy) in policies {
            let Some(policy) = policy else { continue };
            fixed.extend(prepared_value(&policy.without_nonce()).map(|value| (name.clone(), value, Stays::Safe)));
            around_nonce.extend(policy.around_nonce().map(|policy| (name, policy)));
        }
        let on_success = self.on_success.as_deref().and_then(prepared_value);
        let rare = !around_nonce.is_empty() || on_success.is_some();
        let rare = rare.then(|| Box::new(RareHeaders { around_nonce, on_success }));
        PreparedHeaders { fixed: fixed.into_boxed_slice(), resource_policy, hsts: self.hsts.clone(), rare }
    }
}

/// Removes what a handler may not send: HSTS over plain HTTP (RFC 6797 §7.2).
pub(crate) fn override_handler(headers: &mut HeaderMap, secure: bool) {
    if !secure {
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }
}

/// A value as it is sent. The values of the default are constants, which cost nothing to copy into each response.
pub(super) fn prepared_value(text: &str) -> Option<HeaderValue> {
    let mut constants = FIXED.iter().map(|(_, value)| *value).chain([DEFAULT, API, Hsts::DEFAULT]);
    constants
        .find(|constant| *constant == text)
        .map(HeaderValue::from_static)
        .or_else(|| HeaderValue::try_from(text).ok())
}

/// The headers in the form in which they are sent.
#[derive(Debug)]
pub(crate) struct PreparedHeaders {
    fixed: Box<[(HeaderName, HeaderValue, Stays)]>,
    /// For a response that no page of another origin may read.
    resource_policy: Option<HeaderValue>,
    hsts: Option<HeaderValue>,
    rare: Option<Box<RareHeaders>>,
}

/// Headers that depend on the response.
#[derive(Debug)]
struct RareHeaders {
    around_nonce: Vec<(HeaderName, AroundNonce)>,
    on_success: Option<HeaderValue>,
}

impl PreparedHeaders {
    /// Whether a handler may take a nonce.
    pub(crate) fn has_nonce(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.around_nonce.is_empty())
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap, response: &SentResponse<'_>) {
        headers.reserve(self.fixed.len().saturating_add(4));
        for (name, value, stays) in &self.fixed {
            // A response may vary by several headers, such as `Origin` for CORS.
            if *name == VARY {
                headers.append(VARY, value.clone());
            } else {
                insert(headers, name, value.clone(), *stays);
            }
        }
        if let Some(own) = &self.resource_policy {
            // `same-origin` would contradict the rule for other origins.
            let value = if response.shared { CROSS_ORIGIN } else { own.clone() };
            insert(headers, &RESOURCE_POLICY, value, Stays::Safe);
        }
        if let (true, Some(hsts)) = (response.secure, &self.hsts) {
            insert(headers, &STRICT_TRANSPORT_SECURITY, hsts.clone(), Stays::Safe);
        }
        if let Some(rare) = &self.rare {
            self.apply_rare(rare, headers, response);
        }
    }

    #[cold]
    fn apply_rare(&self, rare: &RareHeaders, headers: &mut HeaderMap, response: &SentResponse<'_>) {
        if let Some(nonce) = response.nonce {
            for (name, around) in &rare.around_nonce {
                let ours = self.fixed.iter().find(|(own, ..)| own == name).map(|(_, value, _)| value);
                if headers.get(name) != ours {
                    continue;
                }
                // RFC 9111 §4.3.4: a cache updates the stored response by a 304, and its page has the nonce of another response.
                headers.remove(name);
                if response.status != Some(StatusCode::NOT_MODIFIED) {
                    around.with(nonce).into_iter().for_each(|policy| headers.append(name.clone(), policy));
                }
                insert(headers, &CACHE_CONTROL, NO_STORE, Stays::Present);
            }
        }
        if let (Some(value), Some(true)) = (&rare.on_success, response.status.map(|status| status.is_success())) {
            insert(headers, &HeaderName::from_static(CLEAR_SITE_DATA), value.clone(), Stays::Safe);
        }
    }
}
