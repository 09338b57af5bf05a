//! What is kept of a key.
//!
//! Threat: whoever reads the store can call as everybody in it (CWE-256, CWE-522). Promise: a record has the digest of
//! the key and nothing from which the key could be made.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};

use crate::authn::names::{is_name, is_scope};
use crate::principal::Principal;

/// What a new key is to be: whose, for what, how long.
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
    /// Who vouches for the owner, where that is known.
    pub(super) issuer: Option<String>,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) tenant: Option<String>,
    pub(super) lifetime: Option<Duration>,
}

impl NewApiKey {
    /// A key of this owner, without name, scopes and roles, that never expires.
    ///
    /// `owner` is the subject of the principal that the key speaks for, 1 to 255 bytes without control characters; it is what
    /// `#[owner(id)]` compares.
    ///
    /// Danger: the subject of a principal of another issuer is somebody else here; for a caller, use [`of`](Self::of).
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            issuer: None,
            name: String::new(),
            scopes: Vec::new(),
            roles: Vec::new(),
            tenant: None,
            lifetime: None,
        }
    }

    /// A key of this caller's. Making it is refused if the caller is of another issuer than the keys speak for: what a subject of
    /// one issuer asks for must not be a key of another's (ASVS V6.8.1).
    pub fn of(principal: &Principal) -> Self {
        Self { issuer: Some(principal.issuer().to_owned()), ..Self::new(principal.subject()) }
    }

    /// What the owner calls it: up to 255 bytes without control characters. Default: the empty name. It may be that of another key.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The scopes, in place of earlier ones: each of visible ASCII without `"` and `\` (RFC 6749 §3.3), at most 64. Default: none.
    ///
    /// Danger: nobody checks that the owner has them. Grant no more than whoever asks for the key may do.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The roles, in place of earlier ones: each 1 to 255 bytes without control characters, at most 64. Default: none.
    ///
    /// Danger: the key keeps them when the owner loses them; remove the owner's keys then. Nobody checks that the owner has them.
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The tenant that the key is confined to: 1 to 255 bytes without control characters. Default: none.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// How long the key is good, from its creation on. Default: for ever.
    ///
    /// Danger: a key without expiry that leaks works until somebody notices.
    pub fn expires_after(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The first thing that can't be kept so.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let names = |texts: &[String]| texts.len() <= MOST && texts.iter().all(|text| is_name(text));
        let scopes = self.scopes.len() <= MOST && self.scopes.iter().all(|scope| is_scope(scope));
        match self {
            Self { owner, .. } if !is_name(owner) => Some("the owner is 1 to 255 bytes without control characters"),
            Self { name, .. } if !(name.is_empty() || is_name(name)) => {
                Some("the name is up to 255 bytes without control characters")
            }
            Self { roles, .. } if !names(roles) => {
                Some("there are at most 64 roles, each 1 to 255 bytes without control characters")
            }
            Self { tenant: Some(tenant), .. } if !is_name(tenant) => {
                Some("the tenant is 1 to 255 bytes without control characters")
            }
            _ if !scopes => Some("there are at most 64 scopes, of visible ASCII without quotes and backslashes"),
            Self { lifetime: Some(Duration::ZERO), .. } => Some("the key would expire at once"),
            _ => None,
        }
    }
}

const MOST: usize = 64;

/// A key as it is kept: everything but the key itself. Cheap to clone; `Debug` shows no digest.
///
/// A store of your own writes what the accessors say into a row, and makes the record of a row again:
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
    created: SystemTime,
    expires: Option<SystemTime>,
    last_used: Option<SystemTime>,
    digest: [u8; 32],
}

impl ApiKey {
    /// The record of a row: without name, scopes, roles and tenant, never used, never expiring, until `with_` says so.
    ///
    /// `digest` is what [`digest`](Self::digest) gave when the row was written.
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

    /// The same record with these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// The same record, of this tenant or of none.
    #[must_use]
    pub fn with_tenant(mut self, tenant: Option<impl Into<Box<str>>>) -> Self {
        Arc::make_mut(&mut self.0).tenant = tenant.map(Into::into);
        self
    }

    /// The same record with this end, or none.
    #[must_use]
    pub fn with_expires(mut self, expires: Option<SystemTime>) -> Self {
        Arc::make_mut(&mut self.0).expires = expires;
        self
    }

    /// The same record, last used then, or never.
    #[must_use]
    pub fn with_last_used(mut self, last_used: Option<SystemTime>) -> Self {
        Arc::make_mut(&mut self.0).last_used = last_used;
        self
    }

    /// Its identifier: 32 hexadecimal digits. No secret; it may be shown to the owner and stands in the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The subject that the key speaks for.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// What the owner calls it.
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

    /// The tenant that the key is confined to.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// When it was made.
    #[must_use]
    pub fn created(&self) -> SystemTime {
        self.0.created
    }

    /// The first moment at which it is no longer good; `None` is never.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.0.expires
    }

    /// When it was last used, to a minute; `None` is never.
    #[must_use]
    pub fn last_used(&self) -> Option<SystemTime> {
        self.0.last_used
    }

    /// Whether it is still good at that time.
    #[must_use]
    pub fn is_active(&self, at: SystemTime) -> bool {
        self.0.expires.is_none_or(|expires| at < expires)
    }

    /// SHA-256 of the key's text before its checksum: what a store keeps in place of the key. It opens nothing.
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
            .field("created", &self.0.created)
            .field("expires", &self.0.expires)
            .field("last_used", &self.0.last_used)
            .finish_non_exhaustive()
    }
}

/// A key right after it was made: the only time that its text exists on this side.
///
/// The text is wiped when this is dropped, and `Debug` does not show it.
#[derive(Debug)]
pub struct CreatedApiKey {
    pub(super) text: SecretString,
    pub(super) record: ApiKey,
}

impl CreatedApiKey {
    /// The key itself, to be shown to its owner once, over TLS, in an answer that no cache keeps.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What is kept of it.
    #[must_use]
    pub fn record(&self) -> &ApiKey {
        &self.record
    }
}
