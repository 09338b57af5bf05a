//! The metadata of a provider, read strictly.

use std::fmt;

use serde_json::{Map, Value};

use crate::config_error::{ConfigError, Mistakes};
use crate::outgoing::{Address, object};

/// An endpoint of a provider, by its name in the metadata (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderEndpoint {
    /// `authorization_endpoint`: where a sign-in begins.
    Authorization,
    /// `token_endpoint`.
    Token,
    /// `jwks_uri`: the keys that sign tokens.
    Keys,
    /// `introspection_endpoint` (RFC 7662).
    Introspection,
    /// `userinfo_endpoint`.
    UserInfo,
    /// `end_session_endpoint`: where a logout at the provider begins.
    EndSession,
    /// `pushed_authorization_request_endpoint` (RFC 9126).
    PushedAuthorization,
    /// `revocation_endpoint` (RFC 7009).
    Revocation,
}

impl ProviderEndpoint {
    const ALL: [Self; 8] = [
        Self::Authorization,
        Self::Token,
        Self::Keys,
        Self::Introspection,
        Self::UserInfo,
        Self::EndSession,
        Self::PushedAuthorization,
        Self::Revocation,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::Keys => "jwks_uri",
            Self::Introspection => "introspection_endpoint",
            Self::UserInfo => "userinfo_endpoint",
            Self::EndSession => "end_session_endpoint",
            Self::PushedAuthorization => "pushed_authorization_request_endpoint",
            Self::Revocation => "revocation_endpoint",
        }
    }
}

/// What a provider says about itself.
#[derive(Clone)]
pub struct ProviderMetadata {
    endpoints: Vec<(ProviderEndpoint, Address)>,
    members: Map<String, Value>,
}

impl ProviderMetadata {
    /// The endpoints that the application gives, without any other member.
    pub(super) fn configured(given: &[(ProviderEndpoint, String)]) -> Result<Self, ConfigError> {
        let (mut mistakes, mut endpoints) = (Mistakes::default(), Vec::new());
        for (endpoint, url) in given {
            let address = mistakes.note(Address::configured(endpoint.name(), url));
            endpoints.extend(address.map(|address| (*endpoint, address)));
        }
        mistakes.value_or_error(Some(Self { endpoints, members: Map::new() }))
    }

    /// Reads the document of this issuer. The error is for the log, and contains no part of the document.
    pub(super) fn read(document: &[u8], issuer: &str, address: &Address) -> Result<Self, String> {
        let members = object(document)?;
        match members.get("issuer") {
            // RFC 8414 §3.3, OpenID Connect Discovery 1.0 §4.3.
            Some(Value::String(named)) if named == issuer => {}
            Some(Value::String(_)) => return Err("is that of another issuer (metadata_foreign_issuer)".to_owned()),
            _ => return Err("has no issuer".to_owned()),
        }
        let mut endpoints = Vec::new();
        for endpoint in ProviderEndpoint::ALL {
            match members.get(endpoint.name()) {
                None | Some(Value::Null) => {}
                Some(Value::String(url)) => match address.named_here(url) {
                    Ok(address) => endpoints.push((endpoint, address)),
                    Err(problem) => return Err(format!("has a {} that {problem}", endpoint.name())),
                },
                Some(_) => return Err(format!("has a {} that is no text", endpoint.name())),
            }
        }
        Ok(Self { endpoints, members })
    }

    /// Whether the application gave the endpoints, so that nothing else is known.
    pub(crate) fn is_configured(&self) -> bool {
        // A document has at least its issuer.
        self.members.is_empty()
    }

    pub(crate) fn address(&self, endpoint: ProviderEndpoint) -> Option<&Address> {
        self.endpoints.iter().find(|(known, _)| *known == endpoint).map(|(_, address)| address)
    }

    /// The URL of an endpoint, if the provider has it.
    #[must_use]
    pub fn endpoint(&self, endpoint: ProviderEndpoint) -> Option<&str> {
        self.address(endpoint).map(|address| address.url().as_str())
    }

    /// Whether the member of this name is the JSON value `true`, such as `require_pushed_authorization_requests`.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        matches!(self.members.get(name), Some(Value::Bool(true)))
    }

    /// The texts of the member of this name, such as `code_challenge_methods_supported`. `None` if it is missing, and an empty list if it
    /// is not a list. What is in the list and no text is left out.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        let values = match self.members.get(name)? {
            Value::Array(values) => values.as_slice(),
            _ => &[],
        };
        Some(values.iter().filter_map(Value::as_str).collect())
    }
}

impl fmt::Debug for ProviderMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.endpoints.iter().map(|(endpoint, address)| (endpoint, address.to_string()));
        f.debug_map().entries(endpoints).finish()
    }
}
