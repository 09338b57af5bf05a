//! The rules as text and as data, for the policy table.

use palisade_grammar::window;
use serde_json::{Value, json};

use super::rules::{CorsRules, Origins};

impl CorsRules {
    /// Each origin that may read responses: `*` for every origin, and `https://*.example.com` for subdomains.
    pub(crate) fn origins(&self) -> Vec<String> {
        match &self.origins {
            Origins::Unset => Vec::new(),
            Origins::Any => vec!["*".to_owned()],
            Origins::Listed { exact, subdomains } => {
                let exact = exact.iter().map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned());
                exact.chain(subdomains.iter().map(|of| of.pattern())).collect()
            }
        }
    }

    /// As an attribute: `cors("https://app.example.com", credentials)`. What is the default is omitted.
    pub(crate) fn as_attribute(&self) -> String {
        let quoted = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| format!("{text:?}")).collect::<Vec<_>>();
        let mut parts = match &self.origins {
            Origins::Any => vec!["any".to_owned()],
            Origins::Listed { exact, subdomains } => {
                let mut parts = quoted(&mut exact.iter().filter_map(|origin| origin.to_str().ok()));
                if !subdomains.is_empty() {
                    let of = quoted(&mut subdomains.iter().map(|of| of.base()));
                    parts.push(format!("subdomains({})", of.join(", ")));
                }
                parts
            }
            Origins::Unset => Vec::new(),
        };
        if parts.is_empty() {
            return "cors(none)".to_owned();
        }
        if self.credentials {
            parts.push("credentials".to_owned());
        }
        let default = Self::none();
        let mut list = |name: &str, own: Vec<String>| {
            if !own.is_empty() {
                parts.push(format!("{name}({})", own.join(", ")));
            }
        };
        list("expose", quoted(&mut self.exposed.iter().map(|name| name.as_str())));
        list("request_headers", quoted(&mut self.request_headers.iter().map(|name| name.as_str())));
        if self.methods != default.methods {
            list("methods", quoted(&mut self.methods.iter().map(String::as_str)));
        }
        if self.max_age != default.max_age {
            parts.push(format!("max_age = \"{}\"", window::text(self.max_age.as_secs())));
        }
        format!("cors({})", parts.join(", "))
    }

    /// `null` if nothing is configured.
    pub(crate) fn as_json(&self) -> Value {
        if !self.is_set() {
            return Value::Null;
        }
        let names = |own: &[actix_web::http::header::HeaderName]| {
            own.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        json!({
            "origins": self.origins(),
            "credentials": self.credentials,
            "methods": self.methods,
            "request_headers": names(&self.request_headers),
            "exposed_headers": names(&self.exposed),
            "max_age_seconds": self.max_age.as_secs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Cors;
    use crate::cors::Subdomains;

    #[test]
    fn rules_are_shown_as_the_attribute() {
        let text = |rules: CorsRules| rules.as_attribute();
        assert_eq!(text(Cors::allow_any_origin().into()), "cors(any)");
        assert_eq!(text(Cors::allow_origins([""; 0]).into()), "cors(none)");
        let cors = Cors::allow_origins(["https://a.example"]).allow_subdomains(Subdomains::of("https://b.example"));
        assert_eq!(CorsRules::from(cors.clone()).origins(), ["https://a.example", "https://*.b.example"]);
        let cors = cors.allow_credentials().methods(["GET"]).allow_header("X-A").expose_header("X-B");
        let shown = r#"cors("https://a.example", subdomains("https://b.example"), credentials, expose("x-b"), request_headers("x-a"), methods("GET"), max_age = "2h")"#;
        assert_eq!(text(cors.max_age(Duration::from_secs(7200)).into()), shown);
    }
}
