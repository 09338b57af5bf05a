//! What an application, a scope or a route changes in the security headers.
//!
//! Threat: a value that browsers ignore, such as a misspelt directive of a policy, so that a protection is off and nothing shows it
//! (CWE-693). Promise: each value is checked before the first request, by the same reader that checks attributes.

use std::borrow::Cow;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_FRAME_OPTIONS};
use palisade_grammar::security_headers::{
    CLEAR_SITE_DATA, HeaderValues, REMOVABLE, SETTABLE, reporting_endpoint, sent_value,
};

use super::content_security::{API, PAGES};
use crate::config_error::Mistakes;

/// One change of the security headers, as constant data: what [`#[headers(..)]`](macro@crate::headers) adds to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderChange {
    /// [`SecurityHeaders::api`].
    Api,
    /// [`SecurityHeaders::pages`].
    Pages,
    /// [`SecurityHeaders::with`]: a name and its value.
    Set(&'static str, &'static str),
    /// [`SecurityHeaders::danger_without`].
    Without(&'static str),
}

/// Changes of the security headers: of an application ([`PalisadeBuilder::security_headers`](crate::PalisadeBuilder::security_headers)),
/// or of a scope ([`Scope::headers`](crate::Scope::headers)). [`#[headers(..)]`](macro@crate::headers) is the same for a route.
///
/// Without changes, each response has `X-Content-Type-Options: nosniff`, `X-Frame-Options: DENY`, `Content-Security-Policy: default-src
/// 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'`, `Referrer-Policy: same-origin`, a
/// `Permissions-Policy` without camera, location and microphone, `Cross-Origin-Opener-Policy` and `-Resource-Policy: same-origin`,
/// and over TLS `Strict-Transport-Security` ([`Hsts`](super::Hsts)).
///
/// The values are checked when the application is built: one that browsers do not understand is a configuration error.
///
/// ```
/// use palisade::{Palisade, SecurityHeaders};
///
/// let frames = SecurityHeaders::new().frame("same-origin").permissions("camera=(self)");
/// Palisade::builder().security_headers(frames).build()?;
/// let misspelt = SecurityHeaders::new().csp("defualt-src 'self'");
/// assert!(Palisade::builder().security_headers(misspelt).build().is_err());
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SecurityHeaders {
    pub(super) changes: Vec<CheckedChange>,
    mistakes: Mistakes,
}

/// A change whose value was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CheckedChange {
    /// Another policy in place of the one so far: the keyword of the preset, and the policy.
    Preset(&'static str, &'static str),
    Set(HeaderName, Cow<'static, str>),
    Without(HeaderName),
}

impl SecurityHeaders {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// For responses that a browser never renders, such as those of a JSON API: `Content-Security-Policy: default-src 'none'; base-uri
    /// 'none'; frame-ancestors 'none'; form-action 'none'`, in place of the policy so far.
    pub fn api() -> Self {
        Self { changes: vec![CheckedChange::Preset("api", API)], mistakes: Mistakes::default() }
    }

    /// For pages with scripts and styles of their own: the default policy, and `script-src` and `style-src` with `'self'` and the
    /// nonce that a handler takes as [`CspNonce`](super::CspNonce), in place of the policy so far.
    pub fn pages() -> Self {
        Self { changes: vec![CheckedChange::Preset("pages", PAGES)], mistakes: Mistakes::default() }
    }

    /// The changes of an attribute.
    pub(crate) fn of(changes: &[HeaderChange]) -> Self {
        changes.iter().fold(Self::new(), |headers, change| match change {
            HeaderChange::Api => headers.and(Self::api()),
            HeaderChange::Pages => headers.and(Self::pages()),
            HeaderChange::Set(name, value) => headers.with(name, value),
            HeaderChange::Without(name) => headers.danger_without(name),
        })
    }

    fn and(mut self, later: Self) -> Self {
        self.changes.extend(later.changes);
        self
    }

    /// Another `Content-Security-Policy`. `'nonce-{nonce}'` stands for the [nonce](super::CspNonce) of the response. If
    /// no handler took it, its directives lose the nonce and `'unsafe-inline'`, which browsers obey only without a nonce.
    ///
    /// The directives `object-src`, `base-uri`, `frame-ancestors` and `form-action` stay as they were if the policy does not name them,
    /// because `default-src` does not apply to them or is too wide (ASVS V3.4.3, V3.4.6).
    ///
    /// Danger: `'unsafe-inline'` in `script-src` allows injected scripts. The policy table shows it.
    pub fn csp(self, policy: &str) -> Self {
        self.with(CONTENT_SECURITY_POLICY.as_str(), policy)
    }

    /// A policy whose violations browsers only report (`Content-Security-Policy-Report-Only`). Default: none. It is sent as it is
    /// written. `report-to` names an endpoint of [`reporting`](Self::reporting); a name that no endpoint has is a configuration error.
    pub fn csp_report_only(self, policy: &str) -> Self {
        self.with("content-security-policy-report-only", policy)
    }

    /// Where browsers send reports (`Reporting-Endpoints`), for `report-to` in a policy (ASVS V3.4.7). Repeatable. Default: none.
    ///
    /// The name has lower-case letters, digits, `_`, `-` and `.`. The URL must be `https`.
    pub fn reporting(mut self, name: &str, url: &str) -> Self {
        match reporting_endpoint(name, url) {
            Some(endpoint) => self.with("reporting-endpoints", &endpoint),
            None => {
                let problem = "must have a name of lower-case letters and an `https` URL, such as (\"csp\", \
                               \"https://reports.example/csp\")";
                self.mistakes.report(format!("reporting endpoint {name:?}"), problem);
                self
            }
        }
    }

    /// Who may frame the responses: `"deny"` (default) or `"same-origin"`. It changes `X-Frame-Options`, and `frame-ancestors` of the
    /// policy so far. A preset after it keeps it.
    pub fn frame(self, by: &str) -> Self {
        self.with(X_FRAME_OPTIONS.as_str(), by)
    }

    /// `Referrer-Policy`. Default: `same-origin`, so other origins learn no address (ASVS V3.4.5).
    ///
    /// Danger: with `no-referrer`, browsers send `Origin: null` with the forms of the application itself. Over plain HTTP they send no
    /// `Sec-Fetch-Site` either, so the check of cross-site requests rejects these forms if the credential is a cookie.
    pub fn referrer(self, policy: &str) -> Self {
        self.with("referrer-policy", policy)
    }

    /// `Permissions-Policy`. Default: `camera=(), geolocation=(), microphone=()`.
    pub fn permissions(self, features: &str) -> Self {
        self.with("permissions-policy", features)
    }

    /// `Cross-Origin-Embedder-Policy`: `require-corp`, `credentialless` or `unsafe-none`. Default: the header is not sent.
    ///
    /// With `require-corp`, a page loads only what allows it. Together with the opener policy `same-origin` the page is isolated from
    /// other origins.
    pub fn embedder(self, policy: &str) -> Self {
        self.with("cross-origin-embedder-policy", policy)
    }

    /// `Cross-Origin-Opener-Policy`. Default: `same-origin` (ASVS V3.4.8).
    pub fn opener(self, policy: &str) -> Self {
        self.with("cross-origin-opener-policy", policy)
    }

    /// `Cross-Origin-Resource-Policy`: `same-origin` (default), `same-site` or `cross-origin`.
    pub fn resource(self, policy: &str) -> Self {
        self.with("cross-origin-resource-policy", policy)
    }

    /// `Clear-Site-Data: "cache", "cookies", "storage"` on responses with a status of 200 to 299: for a logout.
    ///
    /// Browsers obey it over HTTPS only. Danger: it deletes the cookies of the registrable domain with all its hosts, and the storage
    /// of the whole origin.
    pub fn clear_site_data(self) -> Self {
        self.with("clear-site-data", CLEAR_SITE_DATA)
    }

    /// Changes the value of any of these headers, or adds a header.
    ///
    /// An invalid header name or value is a configuration error. `X-Content-Type-Options` has no other value.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let setting = || format!("security header {name:?}");
        let Ok(header) = HeaderName::try_from(name) else {
            self.mistakes.report(setting(), "must be a header name, such as \"content-security-policy\"");
            return self;
        };
        if header.as_str().starts_with("access-control-") {
            self.mistakes.report(setting(), "must not be a CORS header: use `.cors(..)`");
        } else if header == actix_web::http::header::STRICT_TRANSPORT_SECURITY {
            self.mistakes.report(setting(), "belongs to the application: use `Palisade::builder().hsts(..)`");
        } else {
            match sent_value(header.as_str(), value) {
                Ok(sent) if HeaderValue::try_from(sent).is_ok() => {
                    self.changes.push(CheckedChange::Set(header, Cow::Owned(sent.to_owned())));
                }
                Ok(_) => self.mistakes.report(setting(), "has characters that a header field cannot contain"),
                Err(error) => self.mistakes.report(setting(), format!("{}; {}", error.message(), error.help())),
            }
        }
        self
    }

    /// Removes a header that every response has. The policy table shows it. To set the header in the same list is a configuration error.
    ///
    /// Danger: the header protects against an attack. A value that fits is better: see the other methods.
    pub fn danger_without(mut self, name: &str) -> Self {
        match HeaderName::try_from(name) {
            Ok(header) if REMOVABLE.contains(&header.as_str()) => self.changes.push(CheckedChange::Without(header)),
            _ => {
                let problem = format!("cannot be removed: the headers that can are {}", REMOVABLE.join(", "));
                self.mistakes.report(format!("security header {name:?}"), problem);
            }
        }
        self
    }

    /// The errors that the setters stored, and each header that is both set and removed.
    pub(crate) fn mistakes(&self) -> Mistakes {
        let mut mistakes = self.mistakes.clone();
        for change in &self.changes {
            let CheckedChange::Without(removed) = change else { continue };
            for keyword in self.changes.iter().filter_map(|change| change.sets(removed)) {
                let problem =
                    format!("is set and removed: `{keyword}` sets the header, so remove that or the `danger_without`");
                mistakes.report(format!("security header {removed:?}"), problem);
            }
        }
        mistakes
    }

    /// The changes for the policy table: `headers: pages, csp, frame SAMEORIGIN; without referrer-policy`. `None` without changes.
    pub(crate) fn summary(&self) -> Option<String> {
        let (mut set, mut without) = (Vec::new(), Vec::new());
        for change in &self.changes {
            match change {
                CheckedChange::Preset(keyword, _) => set.push((*keyword).to_owned()),
                CheckedChange::Set(name, value) => set.push(words(name, value)),
                CheckedChange::Without(name) => without.push(format!("without {name}")),
            }
        }
        let set = (!set.is_empty()).then(|| format!("headers: {}", set.join(", ")));
        let parts: Vec<String> = set.into_iter().chain(without).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The presets, and the names and values of the changes, for programs. A removed header has no value.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.changes.iter().map(|change| match change {
            CheckedChange::Preset(keyword, policy) => (*keyword, Some(*policy)),
            CheckedChange::Set(name, value) => (name.as_str(), Some(&**value)),
            CheckedChange::Without(name) => (name.as_str(), None),
        })
    }
}

impl CheckedChange {
    /// The keyword of this change, if it sets the header.
    fn sets<'c>(&'c self, header: &HeaderName) -> Option<&'c str> {
        match self {
            Self::Preset(keyword, _) => (*header == CONTENT_SECURITY_POLICY).then_some(*keyword),
            Self::Set(name, _) if name == header => {
                let known = SETTABLE.iter().find(|known| known.header == name.as_str());
                Some(known.map_or(name.as_str(), |known| known.keyword))
            }
            Self::Set(..) | Self::Without(_) => None,
        }
    }
}

/// The keyword of a header, with its value if that is short.
fn words(name: &HeaderName, value: &str) -> String {
    match SETTABLE.iter().find(|known| known.header == name.as_str()) {
        Some(known) => match known.values {
            HeaderValues::OneOf(_) => format!("{} {value}", known.keyword),
            HeaderValues::Csp if value.to_ascii_lowercase().contains("'unsafe-") => {
                format!("{} with 'unsafe-..'", known.keyword)
            }
            _ => known.keyword.to_owned(),
        },
        None => name.as_str().to_owned(),
    }
}
