//! An identity provider, as its metadata describes it (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! Threat: a document of another issuer, which brings keys of an attacker (mix-up); addresses in it that lead into this network (CWE-918);
//! a provider that is slow, down, or answers garbage, and takes this service down with it (CWE-400). Promise: the issuer of the document
//! is compared byte by byte with the configured one. Each address in it has `https`, and is not on the loopback interface unless the
//! issuer is. The document is bounded in size and time, fetched once for all who need it, and renewed before it expires. While the
//! provider is unavailable, the last document stays in use.

mod metadata;
mod renewal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use self::metadata::{ProviderEndpoint, ProviderMetadata};
use self::renewal::Renewal;
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::outgoing::{Address, Outgoing, OutgoingSettings};

/// How many bytes an issuer may have.
const LONGEST_ISSUER: usize = 512;

/// An identity provider (OpenID provider, authorization server), known by its issuer (feature `oauth`).
///
/// Its metadata says where its endpoints and keys are. They are fetched when they are needed first, from
/// `{issuer}/.well-known/openid-configuration`, and if that is 404, from `/.well-known/oauth-authorization-server` of the issuer's host,
/// followed by its path (RFC 8414 §3.1). They are kept for the `max-age` of `Cache-Control` (at least 5 minutes, at most 24 hours; 1 hour
/// without the header) and renewed in the background when a fifth of that time is left. While the provider is unavailable, the last
/// document stays in use, and each failed fetch is logged as a warning. A clone is cheap, and shares the metadata.
///
/// Each thread keeps the connections and the TLS settings of the sixteen providers that it called last (eight, if they are called both on the
/// loopback interface and elsewhere). An application that calls more of them in turn reads the certificates of the machine again for each call,
/// which takes some milliseconds.
///
/// The addresses in the metadata may be in a private network, such as `https://10.0.0.1`. Let the network forbid it, if the document of a
/// provider is not trusted that far.
///
/// ```
/// use palisade::Jwt;
/// use palisade::oauth::Provider;
///
/// # fn main() -> Result<(), palisade::ConfigError> {
/// let provider = Provider::discover("https://issuer.example")?;
/// let jwt = Jwt::builder()
///     .issuer(provider.issuer())
///     .audience("https://api.example")
///     .keys(provider) // shorter: `Jwt::discover("https://issuer.example")?.audience(..)`
///     .build()?;
/// # let _ = jwt;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Provider(Arc<Known>);

struct Known {
    issuer: Box<str>,
    address: Address,
    outgoing: Outgoing,
    clock: Clock,
    metadata: Source,
}

enum Source {
    /// The application has said it.
    Configured(Arc<ProviderMetadata>),
    Discovered(Mutex<Renewal>),
}

impl Provider {
    /// The provider with this issuer, exactly as its tokens carry it in `iss`. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// If the issuer is not a URL with `https` (or `http` on the loopback interface), has a user, a query or a fragment, or has more than
    /// 512 bytes; or if this machine has no trusted certificates.
    pub fn discover(issuer: impl Into<String>) -> Result<Self, ConfigError> {
        Self::builder(issuer).build()
    }

    /// The same with settings.
    pub fn builder(issuer: impl Into<String>) -> ProviderBuilder {
        ProviderBuilder {
            issuer: issuer.into(),
            settings: OutgoingSettings { keep_alive: true, ..OutgoingSettings::default() },
            shared: None,
            clock: Clock::system(),
            endpoints: Vec::new(),
        }
    }

    /// The issuer, as tokens of the provider carry it in `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Reports each of these endpoints that is missing among those that the application gave. What a provider publishes is not known yet.
    pub(crate) fn check_endpoints(&self, needed: &[ProviderEndpoint], mistakes: &mut Mistakes) {
        let Source::Configured(metadata) = &self.0.metadata else { return };
        for endpoint in needed.iter().filter(|endpoint| metadata.address(**endpoint).is_none()) {
            mistakes.report(
                "provider endpoint",
                format!("must be there: add `.endpoint(ProviderEndpoint::{endpoint:?}, ..)`, because no metadata are fetched"),
            );
        }
    }

    /// The bounds of calls to this provider.
    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.0.outgoing
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

/// Settings of a [`Provider`].
#[must_use]
pub struct ProviderBuilder {
    issuer: String,
    settings: OutgoingSettings,
    shared: Option<Outgoing>,
    clock: Clock,
    endpoints: Vec<(ProviderEndpoint, String)>,
}

impl ProviderBuilder {
    /// How long one call to the provider may take, from 100 milliseconds to 30 seconds. Default: 5 seconds.
    ///
    /// A request that needs keys of which none are known waits for them for at most 8 seconds, and then gets 503. The keys that come later
    /// are used for the next ones.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Trusts the certificate authorities in this PEM, besides those of the machine: for a provider inside of a company. Repeatable.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.settings.trusted.push(pem.into());
        self
    }

    /// An endpoint of a provider that publishes no metadata. Repeatable. With one endpoint, no metadata are fetched, so all that are
    /// needed must be given.
    pub fn endpoint(mut self, endpoint: ProviderEndpoint, url: impl Into<String>) -> Self {
        self.endpoints.push((endpoint, url.into()));
        self
    }

    /// Shares the bounds and the connections of other providers, in place of its own.
    pub(crate) fn sharing(mut self, outgoing: &Outgoing) -> Self {
        self.shared = Some(outgoing.clone());
        self
    }

    /// The clock by which the metadata are renewed. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The provider.
    ///
    /// # Errors
    ///
    /// All settings that cannot be used, as for [`Provider::discover`]; an endpoint that is not `https`; a timeout out of bounds; a PEM
    /// without certificates.
    pub fn build(self) -> Result<Provider, ConfigError> {
        let mut mistakes = Mistakes::default();
        let address = mistakes.note(issuer(&self.issuer));
        if !(Duration::from_millis(100)..=Duration::from_secs(30)).contains(&self.settings.timeout) {
            mistakes.report("provider timeout", "must be 100 milliseconds to 30 seconds");
        }
        let outgoing = mistakes.note(self.shared.map_or_else(|| Outgoing::new(&self.settings), Ok));
        let metadata = if self.endpoints.is_empty() {
            Ok(Source::Discovered(Mutex::default()))
        } else {
            ProviderMetadata::configured(&self.endpoints).map(|metadata| Source::Configured(Arc::new(metadata)))
        };
        let metadata = mistakes.note(metadata);
        let (address, outgoing, metadata) = mistakes
            .value_or_error(address.zip(outgoing).zip(metadata))
            .map(|((address, outgoing), metadata)| (address, outgoing, metadata))?;
        let issuer = self.issuer.into_boxed_str();
        Ok(Provider(Arc::new(Known { issuer, address, outgoing, clock: self.clock, metadata })))
    }
}

impl fmt::Debug for ProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// RFC 8414 §2: an issuer has no query and no fragment.
fn issuer(text: &str) -> Result<Address, ConfigError> {
    let address = Address::configured("issuer", text)?;
    if address.url().query().is_some() {
        return Err(ConfigError::new("issuer", "must not contain a query"));
    }
    if text.len() > LONGEST_ISSUER {
        return Err(ConfigError::new("issuer", "must have at most 512 bytes"));
    }
    Ok(address)
}
