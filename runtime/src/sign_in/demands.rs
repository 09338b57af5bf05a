//! What the application demands of the authentication of its user.
//!
//! Threat: a change of a password by whoever sits in front of an open session (CWE-306). Promise: what is demanded is checked in
//! the ID token, as far as the provider says it.

use std::time::Duration;

/// What one sign-in asks of the provider, for [`SignIn::begin_with`](crate::oauth::SignIn::begin_with) (OpenID Connect Core §3.1.2.1).
///
/// ```
/// use std::time::Duration;
/// use palisade::oauth::SignInDemands;
///
/// let again = SignInDemands::new().prompt("login").max_age(Duration::from_secs(60));
/// # let _ = again;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SignInDemands {
    pub(super) prompt: Option<String>,
    pub(super) max_age: Option<Duration>,
    pub(super) acr_values: Option<String>,
    pub(super) login_hint: Option<String>,
    pub(super) ui_locales: Option<String>,
}

impl SignInDemands {
    /// No demands.
    pub fn new() -> Self {
        Self::default()
    }

    /// `login`: the user must authenticate again. `consent`, `select_account`: the provider asks. `none`: no page is shown, and if one would
    /// be needed, the sign-in ends with 403.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// How long ago the user may have authenticated, in whole seconds. An older authentication, or an ID token that does not say its
    /// time, is rejected.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The ways of authentication to prefer, in this order, separated by spaces. Compare [`UpstreamIdentity::acr`](crate::oauth::UpstreamIdentity::acr): the
    /// provider may choose another one.
    pub fn acr_values(mut self, values: impl Into<String>) -> Self {
        self.acr_values = Some(values.into());
        self
    }

    /// The name by which the user is known to the provider, which fills its login form.
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.login_hint = Some(hint.into());
        self
    }

    /// The languages of the provider's pages, such as `de en`.
    pub fn ui_locales(mut self, locales: impl Into<String>) -> Self {
        self.ui_locales = Some(locales.into());
        self
    }
}
