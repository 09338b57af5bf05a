//! How a caller must have been authenticated.

use std::fmt;
use std::time::Duration;

use palisade_grammar::names::is_scope;
use palisade_grammar::window;

/// How strongly and how recently a caller must have been authenticated (RFC 9470), by the claims `acr` and `auth_time` of the credential.
/// [`#[step_up]`](macro@crate::step_up) creates it, and [`Scope::step_up`](crate::Scope::step_up) takes it.
///
/// ```
/// use std::time::Duration;
/// use palisade::policy::StepUp;
///
/// const STRONG: StepUp = StepUp::new(&["phr", "phrh"]).max_age_seconds(300);
/// assert_eq!(STRONG.max_age(), Some(Duration::from_secs(300)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepUp {
    acr_values: &'static [&'static str],
    max_age_seconds: Option<u64>,
}

impl StepUp {
    /// A demand for one of these values of the claim `acr`. With an empty list each value is strong enough, also none.
    #[must_use]
    pub const fn new(acr_values: &'static [&'static str]) -> Self {
        Self { acr_values, max_age_seconds: None }
    }

    /// The same demand, and the login was at most so many seconds ago.
    #[must_use]
    pub const fn max_age_seconds(mut self, seconds: u64) -> Self {
        self.max_age_seconds = Some(seconds);
        self
    }

    /// The values of the claim `acr` that are strong enough. Empty: each.
    #[must_use]
    pub const fn acr_values(&self) -> &'static [&'static str] {
        self.acr_values
    }

    /// How long ago the login may have been. `None`: any time.
    #[must_use]
    pub const fn max_age(&self) -> Option<Duration> {
        match self.max_age_seconds {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => None,
        }
    }

    /// Why no caller can be told the demand, or each one meets it.
    pub(crate) fn mistake(&self) -> Option<String> {
        if self.acr_values.is_empty() && self.max_age_seconds.is_none() {
            return Some("`step_up` needs a value of `acr` or a `max_age`".to_owned());
        }
        // They are separated by spaces in a quoted string.
        let odd = self.acr_values.iter().find(|value| !is_scope(value))?;
        Some(format!("the value {odd:?} of `acr` must be one word without quotes"))
    }
}

/// The arguments of the attribute.
impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !self.acr_values.is_empty() {
            f.write_str("acr(")?;
            for (at, value) in self.acr_values.iter().enumerate() {
                write!(f, "{}{value:?}", if at > 0 { ", " } else { "" })?;
            }
            f.write_str(")")?;
            separator = ", ";
        }
        match self.max_age_seconds {
            Some(seconds) => write!(f, "{separator}max_age = \"{}\"", window::text(seconds)),
            None => Ok(()),
        }
    }
}
