//! What the application demands of the authentication of its user.
//!
//! Threat: a change of a password by whoever sits in front of an open session (CWE-306), and can delete the demand from the address of the
//! provider. Promise: a new login and the age of the authentication are checked in the ID token, by its `auth_time`. The other demands are wishes.

use std::time::Duration;

use actix_web::HttpRequest;
use palisade_grammar::names::is_scope;

use super::flow::LIFETIME;

/// The longest `acr_values` of a query, in bytes.
const LONGEST_VALUES: usize = 1_024;

/// The longest `max_age` of a query: 90 days, in seconds. A provider may refuse a number that it cannot hold.
const LONGEST_AGE: u64 = 90 * 24 * 60 * 60;

/// What one sign-in asks of the provider, for [`SignIn::begin_with`](crate::oauth::SignIn::begin_with) (OpenID Connect Core §3.1.2.1).
///
/// ```
/// use std::time::Duration;
/// use palisade::oauth::SignInDemands;
///
/// let again = SignInDemands::new().prompt("login");
/// let recent = SignInDemands::new().max_age(Duration::from_secs(300));
/// # let _ = (again, recent);
/// ```
///
/// Danger: the browser may come back with another user. Before a change of an account, compare the
/// [issuer](crate::oauth::UpstreamIdentity::issuer) and the [subject](crate::oauth::UpstreamIdentity::subject) with those of the account of the
/// open session.
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

    /// What the query of the request demands, with the parameters `acr_values` and `max_age`: for the route to which the
    /// [login page](crate::Scope::login_page) of pages with [`#[step_up]`](macro@crate::step_up) leads. That page must pass its query on.
    /// What is not there, or cannot be read, demands nothing, and neither does an age of more than 90 days.
    ///
    /// Everybody can write such a link. It can make the login stronger, but not weaker: the page checks its own demand.
    ///
    /// ```
    /// use actix_web::web::Data;
    /// use actix_web::{HttpRequest, HttpResponse};
    /// use palisade::oauth::{SignIn, SignInDemands};
    /// use palisade::session::ReturnPath;
    /// use palisade::{Problem, get, public};
    ///
    /// #[get("/sign-in")]
    /// #[public("leads to the provider")]
    /// async fn begin(request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    ///     let demands = SignInDemands::from_query(&request);
    ///     Ok(sign_in.begin_with(&request, &ReturnPath::new("/payments"), &demands).await?)
    /// }
    /// # let _ = palisade::scope("").service(begin);
    /// ```
    pub fn from_query(request: &HttpRequest) -> Self {
        let mut demands = Self::new();
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            match &*name {
                // The provider gets words that it may know (RFC 6749 §3.3), and no long text of a stranger.
                "acr_values" if value.len() <= LONGEST_VALUES && value.split(' ').all(is_scope) => {
                    demands.acr_values = Some(value.into_owned());
                }
                "max_age" => {
                    let age = value.parse().ok().filter(|age| *age <= LONGEST_AGE);
                    demands.max_age = age.map(Duration::from_secs);
                }
                _ => {}
            }
        }
        demands
    }

    /// `login`: the user must authenticate again. An authentication that was before the begin of the sign-in (with 30 seconds for
    /// clocks that differ), or an ID token that does not say its time, is rejected. Without [`max_age`](Self::max_age), the request then has a
    /// `max_age` of ten minutes, because a provider must say the time only if it is asked for an age (OpenID Connect Core §2).
    ///
    /// `consent`, `select_account`: the provider asks; this is not checked. `none`: no page is shown, and if one would be needed, the
    /// sign-in ends with 403. Several are separated by spaces.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// How long ago the user may have authenticated, in whole seconds. An authentication that is older or in the future (with 30 seconds
    /// for clocks that differ), or an ID token that does not say its time, is rejected.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether a new authentication is demanded.
    pub(super) fn is_again(&self) -> bool {
        self.prompt.as_deref().is_some_and(|prompt| prompt.split_ascii_whitespace().any(|word| word == "login"))
    }

    /// What is sent as `max_age`. An authentication during the sign-in is never older than the sign-in, so it is not asked for twice.
    pub(super) fn longest_age(&self) -> Option<Duration> {
        self.max_age.or_else(|| self.is_again().then_some(LIFETIME))
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn query_demands_only_what_can_be_read() {
        let of = |query: &str| {
            let request = TestRequest::default().uri(&format!("/sign-in{query}")).to_http_request();
            let SignInDemands { acr_values, max_age, prompt, login_hint, ui_locales } =
                SignInDemands::from_query(&request);
            assert_eq!((prompt, login_hint, ui_locales), (None, None, None), "{query}");
            (acr_values.unwrap_or_default(), max_age.map(|age| age.as_secs()))
        };
        assert_eq!(of("?return_to=%2Fpay&acr_values=phr%20phrh&max_age=300"), ("phr phrh".into(), Some(300)));
        assert_eq!(of("?acr_values=phr+phrh&max_age=0"), ("phr phrh".into(), Some(0)));
        for nothing in [
            "",
            "?max_age=",
            "?max_age=-1",
            "?max_age=5m",
            "?max_age=7776001",
            "?max_age=18446744073709551615",
            "?acr_values=",
            "?acr_values=a%0Ab",
            "?prompt=none&login_hint=x",
        ] {
            assert_eq!(of(nothing), (String::new(), None), "{nothing}");
        }
        assert_eq!(of(&format!("?acr_values={}", "a".repeat(2_000))).0, "");
    }
}
