//! Rate limits whose numbers the application reads from its configuration.
//!
//! Threat: a limit that a file or the environment sets to nothing, to another unit, or under a misspelt name, so that nothing is
//! limited (CWE-1188). Promise: each name that an attribute uses has numbers when the application is built, by the same rules as
//! the numbers in attributes. Without numbers, a request is rejected.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_grammar::window;

use super::RateLimit;
use crate::config_error::ConfigError;
use crate::rate_limit::limit::Limit;

/// The numbers of rate limits by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfiguredRateLimits(BTreeMap<String, Limit>);

impl ConfiguredRateLimits {
    /// Adds the numbers of a name.
    pub(crate) fn add<T>(&mut self, name: &str, rate_limit: T) -> Result<(), ConfigError>
    where
        T: TryInto<RateLimit, Error: Into<ConfigError>>,
    {
        let setting = || format!("rate_limit {name:?}");
        let numbers = rate_limit.try_into().map_err(|error| {
            let error: ConfigError = error.into();
            let problem = error.mistakes().next().map(|mistake| mistake.message().to_owned()).unwrap_or_default();
            ConfigError::new(setting(), problem)
        });
        let numbers = numbers.and_then(|rate_limit| {
            if rate_limit.has_only_numbers() {
                return Ok(rate_limit.numbers);
            }
            let problem = "must have only a limit and a window: write the other options in the attribute, such as `#[rate_limit(\"login\", count = failures)]`";
            Err(ConfigError::new(setting(), problem))
        });
        // With a mistake the application is not built, and the name is not missing too.
        let known = numbers.as_ref().copied().unwrap_or(RateLimit::configured("placeholder").numbers);
        match self.0.insert(name.to_owned(), known) {
            Some(_) => Err(ConfigError::new(setting(), "must be given once")),
            None => numbers.map(drop),
        }
    }

    /// The names that have numbers, for a message.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl RateLimit {
    /// A rate limit whose numbers are given to [`PalisadeBuilder::rate_limit`](crate::PalisadeBuilder::rate_limit) under this name.
    /// `#[rate_limit("login")]` generates it. All rate limits with the name share one bucket.
    ///
    /// Until then its [`limit`](Self::limit) and [`window`](Self::window) are placeholders.
    ///
    /// # Panics
    ///
    /// If the name has a character that [`RateLimit::new`] does not accept. In a constant this is a compile error.
    ///
    /// ```
    /// use palisade::{Palisade, RateLimit};
    ///
    /// let routes = palisade::scope("/api").rate_limit(RateLimit::configured("api"));
    /// let palisade = Palisade::builder().rate_limit("api", "100 per 15m").routes(&routes).build()?;
    /// # let _ = palisade;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn configured(name: &'static str) -> Self {
        let mut rate_limit = Self::per_seconds(name, u32::MAX, 1).shared();
        rate_limit.is_configured = true;
        rate_limit
    }

    /// Whether its numbers are placeholders.
    pub(crate) const fn lacks_numbers(&self) -> bool {
        self.is_configured
    }

    /// The same rate limit with its numbers. Returns why it cannot have them.
    pub(crate) fn with_numbers(mut self, configured: &ConfiguredRateLimits) -> Result<Self, String> {
        if !self.is_configured {
            return Ok(self);
        }
        let Some(numbers) = configured.0.get(self.name) else {
            let known: Vec<String> = configured.names().map(|name| format!("{name:?}")).collect();
            let known = if known.is_empty() { String::new() } else { format!(" (known: {})", known.join(", ")) };
            return Err(format!("must be given with `.rate_limit({:?}, \"5 per 15m\")`{known}", self.name));
        };
        if self.cost > numbers.limit() {
            return Err(format!("must be at least {}, because one request costs that many units", self.cost));
        }
        (self.numbers, self.is_configured) = (*numbers, false);
        Ok(self)
    }

    fn has_only_numbers(&self) -> bool {
        let mut plain = Self::new(self.name, self.limit(), self.window());
        plain.shared = self.shared;
        plain == *self
    }
}

const FORM: &str = "write the number of requests and the window, such as \"5 per 15m\"";

/// `"5 per 15m"`: the window as in [`rate_limit`](macro@crate::rate_limit).
impl TryFrom<&str> for RateLimit {
    type Error = ConfigError;

    fn try_from(text: &str) -> Result<Self, ConfigError> {
        let mistake = || ConfigError::new("rate_limit", format!("cannot be {text:?}: {FORM}"));
        let (limit, window) = text.trim().split_once(" per ").ok_or_else(mistake)?;
        let limit = limit.trim().parse().map_err(|_| mistake())?;
        Self::try_from((limit, window.trim()))
    }
}

/// See [`TryFrom<&str>`](#impl-TryFrom%3C%26str%3E-for-RateLimit).
impl TryFrom<String> for RateLimit {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        Self::try_from(text.as_str())
    }
}

/// The number of requests, and the window as in [`rate_limit`](macro@crate::rate_limit), such as `(5, "15m")`.
impl TryFrom<(u32, &str)> for RateLimit {
    type Error = ConfigError;

    fn try_from((limit, window): (u32, &str)) -> Result<Self, ConfigError> {
        let seconds = window::seconds(window).map_err(|error| ConfigError::new("rate_limit", error.to_string()))?;
        Self::try_from((limit, Duration::from_secs(seconds)))
    }
}

/// The number of requests, and the window.
impl TryFrom<(u32, Duration)> for RateLimit {
    type Error = ConfigError;

    fn try_from((limit, window): (u32, Duration)) -> Result<Self, ConfigError> {
        if limit == 0 {
            return Err(ConfigError::new("rate_limit", "must not be zero, because it would reject every request"));
        }
        if window.subsec_nanos() != 0 || !window::is_length(window.as_secs()) {
            let problem = "must have a window of a whole number of seconds, from 1 second to 366 days";
            return Err(ConfigError::new("rate_limit", problem));
        }
        Ok(Self::new("configured", limit, window))
    }
}
