//! The headers of a response by which a browser lets pages of other origins read it.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName,
    HeaderValue, VARY,
};

use super::rules::{CorsRules, Origins, Share};

/// What allows a page to read a response.
const ALLOWANCES: [HeaderName; 2] = [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS];
const TRUE: HeaderValue = HeaderValue::from_static("true");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

impl CorsRules {
    /// Whether a configured rule overrides this header of a handler.
    pub(crate) fn overrides(name: &HeaderName) -> bool {
        ALLOWANCES.contains(name)
    }

    /// Removes what a handler allows, if a rule is configured.
    pub(crate) fn override_handler(&self, headers: &mut HeaderMap) {
        if self.is_set() {
            ALLOWANCES.iter().for_each(|name| _ = headers.remove(name));
        }
    }

    /// Adds the CORS headers to a response, including error responses, after [`override_handler`](Self::override_handler).
    pub(crate) fn apply(&self, share: &Share, headers: &mut HeaderMap) {
        if self.is_set() {
            self.apply_set(share, headers);
        }
    }

    fn apply_set(&self, share: &Share, headers: &mut HeaderMap) {
        // Also without an `Origin`, and for origins that are not allowed: a cache must not give one page the response to another.
        if matches!(self.origins, Origins::Listed { .. }) {
            add_once(headers, &VARY, VARY_ORIGIN);
        }
        let Share::With(origin) = share else { return };
        headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        add_once(headers, &ACCESS_CONTROL_EXPOSE_HEADERS, self.lines.exposed.clone());
        if self.credentials {
            headers.append(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }

    /// Adds the headers that only the response to a preflight has.
    pub(crate) fn apply_preflight(&self, headers: &mut HeaderMap, checks_proofs: bool) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.lines.methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.lines.request_headers.clone());
        if checks_proofs {
            add_once(headers, &ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("dpop"));
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.lines.max_age.clone());
    }
}

/// Adds what the response to any preflight varies by, also to one that is denied.
pub(crate) fn vary_as_preflight(headers: &mut HeaderMap) {
    add_once(headers, &VARY, VARY_PREFLIGHT);
}

/// Adds the names of a list to those that the response has under this header already.
///
/// Most responses have none. `append` shows by the number of names whether the header was new.
fn add_once(headers: &mut HeaderMap, name: &HeaderName, list: HeaderValue) {
    let names = headers.len_keys();
    headers.append(name.clone(), list);
    if headers.len_keys() == names {
        merge_last(headers, name);
    }
}

/// Merges the last value of a header into the others: one list, with each name once.
#[cold]
fn merge_last(headers: &mut HeaderMap, name: &HeaderName) {
    let values: Vec<HeaderValue> = headers.remove(name).collect();
    let mut list: Vec<&str> = Vec::new();
    for item in values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let item = item.trim();
        if !item.is_empty() && !list.iter().any(|known| known.eq_ignore_ascii_case(item)) {
            list.push(item);
        }
    }
    match HeaderValue::try_from(list.join(", ")) {
        Ok(merged) => _ = headers.insert(name.clone(), merged),
        // This cannot happen: the names were in header values. Then each line stays.
        Err(_) => values.into_iter().for_each(|value| headers.append(name.clone(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cors;

    fn applied(rules: impl Into<CorsRules>, own: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in own {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let shared = Share::With(HeaderValue::from_static("https://app.example"));
        let rules = rules.into();
        rules.override_handler(&mut headers);
        rules.apply(&shared, &mut headers);
        headers
    }

    fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
        headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn headers_of_a_handler_are_kept_and_ours_are_added() {
        let cors = || Cors::allow_origins(["https://app.example"]).expose_header("X-Total");
        let own = [("access-control-expose-headers", "ETag, retry-after"), ("access-control-expose-headers", "Link")];
        let headers = applied(cors(), &own);
        let [exposed] = values(&headers, "access-control-expose-headers")[..] else { panic!("{headers:?}") };
        assert!(exposed.starts_with("ETag, retry-after, Link, RateLimit, "), "{exposed}");
        assert!(exposed.ends_with(", x-total") && !exposed.contains("Retry-After"), "{exposed}");
        assert_eq!(values(&applied(cors(), &[("vary", "Accept, origin")]), "vary"), ["Accept, origin"]);
        assert_eq!(values(&applied(cors(), &[("vary", "Accept")]), "vary"), ["Accept, Origin"]);
        assert_eq!(values(&applied(cors(), &[]), "vary"), ["Origin"]);
    }

    #[test]
    fn what_a_handler_allows_is_replaced_by_the_rule() {
        let own =
            [("access-control-allow-origin", "https://evil.example"), ("access-control-allow-credentials", "true")];
        for rules in [CorsRules::from(Cors::allow_origins(["https://app.example"])), Cors::allow_any_origin().into()] {
            let headers = applied(rules, &own);
            assert_eq!(values(&headers, "access-control-allow-origin"), ["https://app.example"]);
            assert!(values(&headers, "access-control-allow-credentials").is_empty());
        }
        assert_eq!(values(&applied(CorsRules::none(), &own), "access-control-allow-credentials"), ["true"]);
    }
}
