//! The record of an API key.
//!
//! Threat: an attacker who reads the store can use all keys in it (CWE-256, CWE-522). Promise: a record contains the digest of the
//! key, and nothing from which the key can be computed.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use palisade_grammar::network::Network;
use secrecy::{ExposeSecret as _, SecretString};

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
