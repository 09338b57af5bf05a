//! The record of an API key.
//!
//! Threat: an attacker who reads the store can use all keys in it (CWE-256, CWE-522). Promise: a record contains the digest of the
//! key, and nothing from which the key can be computed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use palisade_grammar::names::{is_credential_text, is_scope};
use palisade_grammar::network::Network;
use secrecy::{ExposeSecret as _, SecretString};

use crate::principal::Principal;

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

const MOST_ROLES_OR_SCOPES: usize = 64;

/// The record of a key, without the key itself. A clone is cheap. `Debug` does not show the digest.
///
/// A store of your own writes the values of the accessors into a row, and recreates the record from the row:
///
/// ```
/// use std::time::SystemTime;
/// use palisade::api_key::ApiKey;
///
/// # let (id, digest, now) = ("00112233445566778899aabbccddeeff", [7; 32], SystemTime::now());
/// let key = ApiKey::from_row(id, "u-1", digest, now).with_name("nightly export").with_scopes(["orders:read"]);
/// assert_eq!((key.owner(), key.expires(), key.last_used()), ("u-1", None, None));
/// ```
#[derive(Clone)]
pub struct ApiKey(Arc<ApiKeyRecord>);

#[derive(Clone)]
struct ApiKeyRecord {
    id: Box<str>,
    owner: Box<str>,
    name: Box<str>,
    scopes: Box<[String]>,
    roles: Box<[String]>,
    tenant: Option<Box<str>>,
    networks: Box<[Network]>,
    created: SystemTime,
    expires: Option<SystemTime>,
    last_used: Option<SystemTime>,
    digest: [u8; 32],
}

impl ApiKey {
    /// Creates the record of a row. It has no name, scopes, roles or tenant, was never used and never expires, until the `with_`
    /// methods set these.
    ///
    /// `digest` is the value of [`digest`](Self::digest) when the row was written.
    #[must_use]
    pub fn from_row(
        id: impl Into<Box<str>>,
        owner: impl Into<Box<str>>,
        digest: [u8; 32],
        created: SystemTime,
    ) -> Self {
        Self(Arc::new(ApiKeyRecord {
            id: id.into(),
            owner: owner.into(),
            name: Box::default(),
            scopes: Box::default(),
            roles: Box::default(),
            tenant: None,
            networks: Box::default(),
            created,
            expires: None,
            last_used: None,
            digest,
        }))
    }

    /// The same record with this name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).name = name.into();
        self
    }

    /// The same record with these scopes.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The same record with only those of its scopes for which `keep` returns `true`: for a store that takes away what the owner
    /// no longer may.
    ///
    /// ```
    /// use palisade::api_key::ApiKey;
    ///
    /// # let (id, now) = ("00112233445566778899aabbccddeeff", std::time::SystemTime::now());
    /// let key = ApiKey::from_row(id, "u-1", [7; 32], now).with_scopes(["orders:read", "orders:write"]);
    /// assert_eq!(key.retain_scopes(|scope| scope == "orders:read").scopes(), ["orders:read"]);
    /// ```
    #[must_use]
    pub fn retain_scopes(mut self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let record = Arc::make_mut(&mut self.0);
        record.scopes = std::mem::take(&mut record.scopes).into_iter().filter(|scope| keep(scope)).collect();
        self
    }

    /// The same record with only those of its roles for which `keep` returns `true`: for a store that takes away what the owner
    /// no longer is.
    #[must_use]
    pub fn retain_roles(mut self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let record = Arc::make_mut(&mut self.0);
        record.roles = std::mem::take(&mut record.roles).into_iter().filter(|role| keep(role)).collect();
        self
    }

    /// The same record with these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The same record with this tenant, or without one.
    #[must_use]
    pub fn with_tenant(mut self, tenant: Option<impl Into<Box<str>>>) -> Self {
        Arc::make_mut(&mut self.0).tenant = tenant.map(Into::into);
        self
    }

    /// The same record with this expiry, or without one.
    #[must_use]
    pub fn with_expires(mut self, expires: Option<SystemTime>) -> Self {
        Arc::make_mut(&mut self.0).expires = expires;
        self
    }

    /// The same record with this time of its last use, or without one.
    #[must_use]
    pub fn with_last_used(mut self, last_used: Option<SystemTime>) -> Self {
        Arc::make_mut(&mut self.0).last_used = last_used;
        self
    }

    /// The identifier of the key: 32 hexadecimal digits. It is part of the key but not secret, so it may be shown to the owner.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The subject that the key authenticates.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// The name that the owner gave the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The scopes that a request with the key has.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// The roles that a request with the key has.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.roles
    }

    /// The tenant to which the key is restricted.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// The same record with these networks. Default: none, so that the key may be used from everywhere.
    #[must_use]
    pub fn with_networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        Arc::make_mut(&mut self.0).networks = networks.into_iter().collect();
        self
    }

    /// The networks from which the key may be used. Empty: from everywhere.
    ///
    /// Danger: a store that does not keep them gives the key to every network.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.0.networks
    }

    /// When the key was created.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.0.created
    }

    /// When the key expires. `None` means never. The key is invalid from this time on.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.0.expires
    }

    /// When the key was last used, with a precision of one minute. `None` means never.
    #[must_use]
    pub fn last_used(&self) -> Option<SystemTime> {
        self.0.last_used
    }

    /// Returns whether the key has not expired at that time.
    #[must_use]
    pub fn is_active(&self, at: SystemTime) -> bool {
        self.0.expires.is_none_or(|expires| at < expires)
    }

    /// The SHA-256 digest of the text of the key before its checksum. A store keeps it instead of the key. It cannot be used as
    /// a credential.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.0.id)
            .field("owner", &self.0.owner)
            .field("name", &self.0.name)
            .field("scopes", &self.0.scopes)
            .field("roles", &self.0.roles)
            .field("tenant", &self.0.tenant)
            .field("networks", &self.0.networks)
            .field("created", &self.0.created)
            .field("expires", &self.0.expires)
            .field("last_used", &self.0.last_used)
            .finish_non_exhaustive()
    }
}

/// A new key with its text. The text is not stored and cannot be shown again.
///
/// The text is zeroed when this value is dropped. `Debug` does not show it.
#[derive(Debug)]
pub struct CreatedApiKey {
    pub(super) text: SecretString,
    pub(super) record: ApiKey,
}

impl CreatedApiKey {
    /// The text of the key. Show it to the owner once, over TLS, in a response that is not cached.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The record of the key.
    #[must_use]
    pub fn record(&self) -> &ApiKey {
        &self.record
    }
}
