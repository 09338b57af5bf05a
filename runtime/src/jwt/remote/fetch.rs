//! The HTTP request for the keys: at most 512 KiB, and 5 seconds or as long as one call to the provider may take.

use std::fmt;
use std::time::Duration;

use crate::config_error::ConfigError;
use crate::jwt::key_set::KeySet;
use crate::outgoing::{Address, Freshness, Outgoing, OutgoingCall, OutgoingSettings, freshness};
#[cfg(feature = "oauth")]
use crate::provider::{Provider, ProviderEndpoint};

/// Longer than the timeout of the request for the keys.
const LONGEST_FETCH: Duration = Duration::from_secs(8);
const MAX_DOCUMENT: usize = 512 * 1024;
const ACCEPT: &str = "application/jwk-set+json, application/json";
const FRESHNESS: Freshness = Freshness {
    shortest: Duration::from_secs(15),
    otherwise: Duration::from_secs(300),
    longest: Duration::from_secs(24 * 60 * 60),
};

/// Where the keys are.
#[derive(Clone)]
pub(super) enum Fetcher {
    At(Address, Outgoing),
    /// Where the metadata of the provider say.
    #[cfg(feature = "oauth")]
    Of(Provider),
}

/// The keys, and how long they may be kept.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    pub(super) fresh_for: Duration,
}

impl Fetcher {
    pub(super) fn new(url: &str) -> Result<Self, ConfigError> {
        let address = Address::configured("jwks url", url)?;
        Ok(Self::At(address, Outgoing::new(&OutgoingSettings::default())?))
    }

    /// Longer than a fetch may take. If one takes longer, the thread that ran it has ended.
    pub(super) fn longest_fetch(&self) -> Duration {
        match self {
            Self::At(..) => LONGEST_FETCH,
            // The metadata may be fetched first.
            #[cfg(feature = "oauth")]
            Self::Of(provider) => provider.longest_fetch().saturating_add(provider.outgoing().longest_call()),
        }
    }

    /// Fetches the keys. The error text is for the log and contains no part of the response.
    pub(super) async fn fetch(&self) -> Result<Fetched, String> {
        match self {
            Self::At(address, outgoing) => fetch_from(address, outgoing).await,
            #[cfg(feature = "oauth")]
            Self::Of(provider) => {
                let metadata = provider.metadata().await;
                let metadata = metadata.map_err(|_| "the metadata of the provider are not available".to_owned())?;
                let address =
                    metadata.address(ProviderEndpoint::Keys).ok_or("the metadata of the provider have no jwks_uri")?;
                let fetched = fetch_from(address, provider.outgoing()).await;
                if fetched.is_err() {
                    // The keys may have moved.
                    provider.doubt_metadata();
                }
                fetched
            }
        }
    }
}

async fn fetch_from(address: &Address, outgoing: &Outgoing) -> Result<Fetched, String> {
    let answer =
        outgoing.call(OutgoingCall::get(address, ACCEPT, MAX_DOCUMENT)).await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("the response has the status {}", answer.status));
    }
    let keys = KeySet::read(&answer.body).map_err(|problem| format!("the response {problem}"))?;
    let keys = keys.public_only().ok_or("the response must contain public keys, but contains only secrets")?;
    Ok(Fetched { keys, fresh_for: freshness(&answer.headers, &FRESHNESS) })
}

impl fmt::Display for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address, _) => address.fmt(f),
            #[cfg(feature = "oauth")]
            Self::Of(provider) => f.write_str(provider.issuer()),
        }
    }
}
