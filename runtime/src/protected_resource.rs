//! A protected resource of OAuth 2.0, as data: its identifier, and where its metadata are (RFC 9728).
//!
//! Threat: a client that asks the wrong server for a token, because the address of the metadata came from the request (CWE-644); a token
//! for another resource of the same issuer that is accepted (CWE-863, RFC 8707). Promise: the identifier is configured, and every address
//! is made of it, never of `Host`. It is compared byte by byte.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config_error::ConfigError;
use crate::outgoing::Address;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A protected resource of OAuth 2.0 (feature `oauth`), such as an API or an MCP server: what a client asks a token for.
///
/// Give it to a scope with [`Scope::protected_resource`](crate::Scope::protected_resource), and mount its [`metadata`](Self::metadata). The
/// scope then admits only tokens whose `aud` names the identifier (RFC 8707), and each 401 tells a client where the metadata are, which
/// say where to get a token. This is what clients of the Model Context Protocol expect.
///
/// A clone is cheap, and means the same resource. The metadata and the scope need clones of one value, because the scope notes there
/// what its routes demand.
///
/// ```
/// use palisade::oauth::ProtectedResource;
/// use palisade::{Jwt, Palisade, authenticated, post};
///
/// #[post("")]
/// #[authenticated]
/// async fn messages() -> &'static str {
///     "{}"
/// }
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let mcp = ProtectedResource::new("https://api.example/mcp")?.name("Orders over MCP");
/// let jwt = Jwt::discover("https://issuer.example")?.audience(mcp.identifier()).build()?;
/// let protected = palisade::scope("/mcp").protected_resource(&mcp).require_scope("orders:read").service(messages);
/// let routes = palisade::scope("").service(mcp.metadata()).service(protected);
/// let palisade = Palisade::builder().authenticator(jwt).routes(&routes).build()?;
/// # let _ = palisade;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ProtectedResource(Arc<AboutResource>);

#[derive(Clone)]
struct AboutResource {
    identifier: Box<str>,
    number: u64,
    metadata_path: &'static str,
    metadata_url: Box<str>,
    name: Option<String>,
    documentation: Option<String>,
    authorization_servers: Vec<String>,
    /// The scopes that its routes name. Each route adds its own when it is mounted.
    scopes: Arc<Mutex<BTreeSet<&'static str>>>,
    /// Whether its routes that ask who calls admit only bound tokens. `None`: there is none.
    requires_proof: Arc<Mutex<Option<bool>>>,
}

impl ProtectedResource {
    /// The resource with this identifier: its URL, as clients call it and as tokens carry it in `aud`.
    ///
    /// Its metadata are at `/.well-known/oauth-protected-resource` of its host, followed by its path (RFC 9728 §3.1).
    ///
    /// # Errors
    ///
    /// If it is not a URL with `https` (or `http` on the loopback interface), is not written as browsers write it, or has a user, a query,
    /// a fragment, or a slash at the end of its path.
    pub fn new(identifier: impl Into<String>) -> Result<Self, ConfigError> {
        const SETTING: &str = "protected_resource";
        let identifier = identifier.into();
        let address = Address::configured(SETTING, &identifier)?;
        let url = address.url();
        let path = if url.path() == "/" { "" } else { url.path() };
        let is_usual = [url.as_str(), url.as_str().trim_end_matches('/')].contains(&identifier.as_str());
        if url.query().is_some() || path.ends_with('/') || !is_usual {
            let problem = format!("must have no query and no slash at its end, and be written as {:?}", url.as_str());
            return Err(ConfigError::new(SETTING, problem));
        }
        let (number, metadata_path) = known(&identifier, path);
        let described = AboutResource {
            number,
            metadata_path,
            metadata_url: format!("{}{metadata_path}", url.origin().ascii_serialization()).into(),
            identifier: identifier.into(),
            name: None,
            documentation: None,
            authorization_servers: Vec::new(),
            scopes: Arc::default(),
            requires_proof: Arc::default(),
        };
        Ok(Self(Arc::new(described)))
    }

    /// A name for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).name = Some(name.into());
        self
    }

    /// The URL of a page for developers.
    #[must_use]
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).documentation = Some(url.into());
        self
    }

    /// The issuers of the authorization servers whose tokens the resource accepts. Default: those of the authenticators of the
    /// application ([`authorization_server`](crate::Authenticator::authorization_server)) that accept the identifier as the audience.
    #[must_use]
    pub fn authorization_servers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arc::make_mut(&mut self.0).authorization_servers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// The path of the identifier, at which its scope is mounted. Empty for a whole host.
    pub(crate) fn path(&self) -> &'static str {
        self.metadata_path().strip_prefix(WELL_KNOWN).unwrap_or_default()
    }

    /// The identifier, for the `audience` of the verifier.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.0.identifier
    }

    /// Identifies the identifier in this process.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// The path of the metadata.
    pub(crate) fn metadata_path(&self) -> &'static str {
        self.0.metadata_path
    }

    /// The address of the metadata.
    pub(crate) fn metadata_url(&self) -> &str {
        &self.0.metadata_url
    }

    /// What the application says about it: name, documentation and authorization servers.
    pub(crate) fn described(&self) -> (Option<&str>, Option<&str>, &[String]) {
        let AboutResource { name, documentation, authorization_servers, .. } = &*self.0;
        (name.as_deref(), documentation.as_deref(), authorization_servers)
    }

    pub(crate) fn note_scope(&self, scope: &'static str) {
        self.0.scopes.lock().insert(scope);
    }

    /// Notes a route that asks who calls.
    pub(crate) fn note_route(&self, requires_proof: bool) {
        let mut all = self.0.requires_proof.lock();
        *all = Some(requires_proof && all.unwrap_or(true));
    }

    /// Whether both are clones of one value, so that the metadata of one have the scopes of the other.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.scopes, &other.0.scopes)
    }

    /// Whether each of its routes that ask who calls admits only bound tokens.
    pub(crate) fn requires_proof(&self) -> bool {
        self.0.requires_proof.lock().unwrap_or(false)
    }

    /// The scopes that its routes name, in alphabetical order.
    pub(crate) fn scopes(&self) -> Vec<&'static str> {
        self.0.scopes.lock().iter().copied().collect()
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource").field("identifier", &self.0.identifier).finish_non_exhaustive()
    }
}

/// The number of an identifier, and the path of its metadata. Both are kept until the process ends, because each worker makes the same
/// resources. Zero is no number.
fn known(identifier: &str, path: &str) -> (u64, &'static str) {
    static KNOWN: Mutex<Vec<(Box<str>, &'static str)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock();
    let index = known.iter().position(|(own, _)| **own == *identifier).unwrap_or_else(|| {
        known.push((identifier.into(), format!("{WELL_KNOWN}{path}").leak()));
        known.len().saturating_sub(1)
    });
    let metadata_path = known.get(index).map_or(WELL_KNOWN, |(_, metadata_path)| metadata_path);
    (u64::try_from(index).unwrap_or_default().saturating_add(1), metadata_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_between_host_and_path() {
        for (identifier, path) in [
            ("https://a.example", ""),
            ("https://a.example/", ""),
            ("https://a.example/mcp", "/mcp"),
            ("https://a.example:8443/v1/mcp", "/v1/mcp"),
            ("http://127.0.0.1:8080/mcp", "/mcp"),
        ] {
            let resource = ProtectedResource::new(identifier).unwrap();
            let origin = identifier.strip_suffix(path).unwrap().trim_end_matches('/');
            assert_eq!(resource.identifier(), identifier);
            assert_eq!(resource.metadata_path(), format!("{WELL_KNOWN}{path}"));
            assert_eq!(resource.metadata_url(), format!("{origin}{WELL_KNOWN}{path}"));
        }
    }

    #[test]
    fn identifier_that_clients_could_write_otherwise_is_rejected() {
        for bad in [
            "",
            "mcp",
            "/mcp",
            "http://a.example/mcp",
            "https://a.example/mcp/",
            "https://a.example//",
            "https://a.example/mcp?x",
            "https://a.example/mcp?",
            "https://a.example/mcp#x",
            "https://u@a.example/mcp",
            "https://A.example/mcp",
            "https://a.example:443/mcp",
            "https://a.example/a/../mcp",
            "https://a.example/{id}",
            " https://a.example/mcp",
        ] {
            let mistake = ProtectedResource::new(bad).unwrap_err().to_string();
            assert!(mistake.starts_with("protected_resource: "), "{bad}: {mistake}");
        }
    }

    #[test]
    fn one_identifier_has_one_number() {
        let number = |identifier: &str| ProtectedResource::new(identifier).unwrap().number();
        assert_eq!(number("https://b.example/x"), number("https://b.example/x"));
        assert_ne!(number("https://b.example/x"), number("https://b.example/y"));
        assert_ne!(number("https://b.example/x"), 0);
    }
}
