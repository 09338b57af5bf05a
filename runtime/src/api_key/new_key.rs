//! What a new API key is to be.
//!
//! Threat: a key whose rights no request can use, or that is bound to a network that nobody meant (CWE-1188). Promise: a property that
//! no record can have is an error when the key is created.

use std::time::Duration;

use palisade_grammar::names::{is_credential_text, is_scope};
use palisade_grammar::network::Network;

use crate::principal::Principal;

const MOST_ROLES_OR_SCOPES: usize = 64;

/// The properties of a new key: its owner, its rights and its lifetime.
///
/// ```
/// use std::time::Duration;
/// use palisade::api_key::NewApiKey;
///
/// let wanted = NewApiKey::new("u-1")
///     .name("nightly export")
///     .scopes(["orders:read"])
///     .expires_after(Duration::from_secs(90 * 24 * 60 * 60));
/// # let _ = wanted;
/// ```
#[derive(Clone, Debug)]
#[must_use = "no key exists until `ApiKeys::create` is called with it"]
pub struct NewApiKey {
    pub(super) owner: String,
    /// The issuer of the owner, if it is known.
    pub(super) issuer: Option<String>,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) tenant: Option<String>,
    /// As they were written.
    pub(super) networks: Vec<String>,
    pub(super) lifetime: Option<Duration>,
}

impl NewApiKey {
    /// Describes a key of this owner that has no name, no scopes and no roles, and never expires.
    ///
    /// `owner` is the subject of the principal that the key authenticates, 1 to 255 bytes without control characters.
    /// `#[owner(id)]` compares it.
    ///
    /// Danger: the same subject of another issuer is another user. To create a key for the caller, use [`of`](Self::of).
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            issuer: None,
            name: String::new(),
            scopes: Vec::new(),
            roles: Vec::new(),
            tenant: None,
            networks: Vec::new(),
            lifetime: None,
        }
    }

    /// Describes a key of this caller. [`ApiKeys::create`](super::ApiKeys::create) fails if the caller has another issuer than
    /// the keys, because the same subject of two issuers is two users (ASVS V6.8.1).
    pub fn of(principal: &Principal) -> Self {
        Self { issuer: Some(principal.issuer().to_owned()), ..Self::new(principal.subject()) }
    }

    /// A name by which the owner recognises the key: up to 255 bytes without control characters. Two keys may have the same
    /// name. Default: empty.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the scopes and replaces earlier ones: each of visible ASCII without `"` and `\` (RFC 6749 §3.3), at most 64. Default: none.
    ///
    /// Danger: palisade does not check whether the owner has these scopes. Grant only scopes that the caller who requests the
    /// key has.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the roles and replaces earlier ones: each 1 to 255 bytes without control characters, at most 64. Default: none.
    ///
    /// Danger: the key keeps its roles when the owner loses them, so remove the keys of that owner. palisade does not check
    /// whether the owner has these roles.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant to which the key is restricted: 1 to 255 bytes without control characters. Default: none.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The networks from which the key may be used, such as `"10.0.0.0/8"` or `"192.0.2.7"`, at most 64. Default: from everywhere. It
    /// replaces earlier ones.
    ///
    /// The address is that of the client behind [trusted proxies](crate::PalisadeBuilder::trusted_proxies). A request from another
    /// address, or from none, gets the response of each wrong key: 401. The audit log has the reason `api_key_network`.
    ///
    /// Danger: behind a proxy that is not configured as trusted, each client has the address of the proxy.
    pub fn networks(mut self, networks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.networks = networks.into_iter().map(Into::into).collect();
        self
    }

    /// The lifetime of the key after its creation. Default: the key never expires.
    ///
    /// Danger: a leaked key that never expires works until it is removed.
    pub fn expires_after(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// `None` if one of them is not a network.
    pub(super) fn read_networks(&self) -> Option<Vec<Network>> {
        self.networks.iter().map(|network| Network::parse(network).ok()).collect()
    }

    /// Returns the first invalid property.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let names =
            |texts: &[String]| texts.len() <= MOST_ROLES_OR_SCOPES && texts.iter().all(|text| is_credential_text(text));
        let scopes = self.scopes.len() <= MOST_ROLES_OR_SCOPES && self.scopes.iter().all(|scope| is_scope(scope));
        match self {
            Self { owner, .. } if !is_credential_text(owner) => {
                Some("the owner must be 1 to 255 bytes without control characters")
            }
            Self { name, .. } if !(name.is_empty() || is_credential_text(name)) => {
                Some("the name must be at most 255 bytes without control characters")
            }
            Self { roles, .. } if !names(roles) => {
                Some("there must be at most 64 roles, each 1 to 255 bytes without control characters")
            }
            Self { tenant: Some(tenant), .. } if !is_credential_text(tenant) => {
                Some("the tenant must be 1 to 255 bytes without control characters")
            }
            _ if !scopes => {
                Some("there must be at most 64 scopes, each of visible ASCII without quotes and backslashes")
            }
            Self { networks, .. } if networks.len() > MOST_ROLES_OR_SCOPES || self.read_networks().is_none() => {
                Some("there must be at most 64 networks, each like 10.0.0.0/8, fd00::/8 or 192.0.2.7")
            }
            Self { lifetime: Some(Duration::ZERO), .. } => Some("the lifetime must not be zero"),
            _ => None,
        }
    }
}
