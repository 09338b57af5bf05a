//! The sign-ins of an application at several providers.
//!
//! Threat: the answer of one provider is taken for that of another one (mix-up, RFC 9700 §4.4). Promise: the redirect URIs of all sign-ins lead
//! to different places, so the route of an answer tells at which provider it must have begun. A cookie of one sign-in cannot be opened by
//! another one.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::SignIn;
use crate::config_error::{ConfigError, Mistakes};

/// The sign-ins of an application that has several providers, each by a name of the application (RFC 9700 §4.4.2).
///
/// Put the name into the path of both routes, and complete an answer with the sign-in that its path names. Cheap to clone.
///
/// ```no_run
/// use actix_web::http::StatusCode;
/// use actix_web::web::{Data, Path};
/// use actix_web::{HttpRequest, HttpResponse};
/// use palisade::oauth::{OAuthClient, Provider, SignIn, SignIns};
/// use palisade::session::ReturnPath;
/// use palisade::{ConfigError, Problem, get, public, rate_limit};
///
/// #[get("/sign-in/{provider}")]
/// #[public("begins the sign-in")]
/// #[rate_limit(60, "1m")]
/// async fn begin(provider: Path<String>, request: HttpRequest, all: Data<SignIns>) -> Result<HttpResponse, Problem> {
///     let sign_in = all.named(&provider).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND))?;
///     Ok(sign_in.begin(&request, &ReturnPath::default()).await?)
/// }
///
/// # fn key() -> [u8; 32] { [7; 32] }
/// fn configure(home: OAuthClient, staff: OAuthClient) -> Result<SignIns, ConfigError> {
///     let at = |issuer, client, uri| SignIn::builder(&Provider::discover(issuer)?, client, uri, key()).build();
///     SignIns::new([
///         ("home", at("https://home.example", home, "https://app.example/sign-in/home/callback")?),
///         ("staff", at("https://staff.example", staff, "https://app.example/sign-in/staff/callback")?),
///     ])
/// }
/// # let _ = palisade::scope("").service(begin);
/// ```
#[derive(Clone)]
pub struct SignIns(Arc<[(String, SignIn)]>);

impl SignIns {
    /// The sign-ins with their names.
    ///
    /// # Errors
    ///
    /// A name that is empty or repeated, or two redirect URIs that differ in their query only, or not at all.
    pub fn new(all: impl IntoIterator<Item = (impl Into<String>, SignIn)>) -> Result<Self, ConfigError> {
        let all: Vec<(String, SignIn)> = all.into_iter().map(|(name, sign_in)| (name.into(), sign_in)).collect();
        let mut mistakes = Mistakes::default();
        for (index, (name, sign_in)) in all.iter().enumerate() {
            let before = all.iter().take(index);
            if name.is_empty() || before.clone().any(|(other, _)| other == name) {
                mistakes.report("name", "must be there, and must be another one for each provider");
            }
            if before.clone().any(|(_, other)| other.place_of_answers() == sign_in.place_of_answers()) {
                mistakes.report(
                    "redirect_uri",
                    "must have another path for each provider, so that one cannot answer for another one (RFC 9700 §4.4.2)",
                );
            }
        }
        mistakes.into_result()?;
        Ok(Self(all.into()))
    }

    /// The sign-in with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&SignIn> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, sign_in)| sign_in)
    }

    /// The names in their order, for the links of a page.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl SignIn {
    /// The redirect URI without its query, as a browser understands it. It can be read, because it was checked when the value was built.
    fn place_of_answers(&self) -> Option<Url> {
        let mut place = Url::parse(&self.0.redirect_uri).ok()?;
        place.set_query(None);
        Some(place)
    }
}

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, sign_in)| (name, sign_in))).finish()
    }
}
