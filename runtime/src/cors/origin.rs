//! Origins that were checked, and the subdomains of one.

use std::fmt;

use palisade_grammar::origin::{self, OriginParts};

use crate::config_error::ConfigError;

/// An origin of web pages that was checked while the application was compiled. [`origin!`](macro@crate::origin) makes it.
///
/// ```
/// use palisade::cors::Origin;
/// use palisade::{Cors, origin};
///
/// const PARTNER: Origin = origin!("https://partner.example");
///
/// assert_eq!(PARTNER.as_str(), "https://partner.example");
/// let cors = Cors::allow_origins([PARTNER]);
/// # let _ = cors;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(&'static str);

impl Origin {
    /// The origin as browsers send it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl AsRef<str> for Origin {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Only `origin!` and `#[cors(..)]` call it, with a text that they have checked. It is checked again when the application is built.
#[must_use]
pub const fn origin(text: &'static str) -> Origin {
    Origin(text)
}

/// The subdomains of an origin, at any depth, with its scheme and port: for [`Cors::allow_subdomains`](crate::Cors::allow_subdomains).
///
/// `Subdomains::of("https://example.com")` contains `https://app.example.com` and `https://a.b.example.com`. It does not contain
/// `https://example.com` itself, and not `http://app.example.com`.
///
/// Danger: whoever controls any name below the domain can make pages there: a forgotten DNS entry, a host of customers' pages, an old
/// server with an injection (CWE-942). Never name a domain under which others register names, such as `https://co.uk` or
/// `https://github.io`: only names of one label, such as `https://com`, are known to be such domains, and are a configuration error.
#[derive(Clone, Debug)]
#[must_use]
pub struct Subdomains(String);

impl Subdomains {
    /// The subdomains of this origin. It is checked when the application is built: an address, or a name of one label, is a
    /// configuration error.
    pub fn of(origin: impl AsRef<str>) -> Self {
        Self(origin.as_ref().to_owned())
    }

    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let problem = match origin::parts(&self.0) {
            Err(error) => format!("{error}"),
            Ok(parts) if !parts.has_name() => "an address has no subdomains".to_owned(),
            Ok(parts) if !parts.host.contains('.') => {
                "the name must have at least two labels, because everyone can register names below it".to_owned()
            }
            Ok(_) => return Ok(self),
        };
        Err(ConfigError::new("cors subdomains", format!("{problem}: {:?}", self.0)))
    }

    pub(super) fn contain(&self, origin: &str) -> bool {
        self.parts().is_some_and(|base| origin::is_subdomain(origin, &base))
    }

    /// The origin whose subdomains they are.
    pub(super) fn base(&self) -> &str {
        &self.0
    }

    /// Such as `https://*.example.com`, for the list of origins.
    pub(super) fn pattern(&self) -> String {
        match self.parts() {
            Some(OriginParts { scheme, host, port }) => format!("{scheme}*.{host}{port}"),
            None => self.0.clone(),
        }
    }

    fn parts(&self) -> Option<OriginParts<'_>> {
        origin::parts(&self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// Hosts and ports that a reader may take for others, beside any text.
    fn texts() -> impl Strategy<Value = String> {
        let scheme =
            prop_oneof![Just("https://"), Just("http://"), Just("HTTPS://"), Just("ftp://"), Just("//"), Just("")];
        let host = prop_oneof![
            "[a-z0-9-]{1,8}(\\.[a-z0-9-]{1,8}){0,3}",
            "[0-9a-fx]{1,4}(\\.[0-9a-fx]{1,4}){0,3}\\.?",
            "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
            any::<[u16; 8]>().prop_map(|segments| format!("[{}]", std::net::Ipv6Addr::from(segments))),
            "\\[(0|1|ffff|:){1,12}\\]",
            "[a-zA-Z0-9.:@_%\\[\\]\u{e9}-]{0,16}",
        ];
        let port = prop_oneof![Just(String::new()), "(:[0-9]{0,6})?", Just(":443".to_owned()), Just(":80".to_owned())];
        let after = prop_oneof![8 => Just(""), 1 => Just("/"), 1 => Just("?"), 1 => Just("#"), 1 => Just("\\")];
        (scheme, host, port, after).prop_map(|(scheme, host, port, after)| format!("{scheme}{host}{port}{after}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        /// RFC 6454 §6.2. A label that begins with `xn--` may be one that no browser has. It is then a list entry without effect.
        #[test]
        fn an_accepted_origin_is_what_browsers_serialize(text in prop_oneof![4 => texts(), 1 => ".{0,24}".boxed()]) {
            if origin::check(&text).is_ok() {
                match Url::parse(&text) {
                    Ok(url) => prop_assert_eq!(url.origin().ascii_serialization(), text),
                    Err(_) => prop_assert!(text.contains("xn--"), "{text}"),
                }
            }
        }

        /// What a browser serializes is accepted, except for names that are not made of letters, digits and hyphens.
        #[test]
        fn a_serialized_origin_is_accepted(text in texts()) {
            let Ok(url) = Url::parse(&text) else { return Ok(()) };
            let serialized = url.origin().ascii_serialization();
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".:/[]-".contains(&byte);
            let is_plain = serialized.bytes().all(is_of_name)
                && ![".-", "-.", "/-", "..", "/."].iter().any(|part| serialized.contains(part));
            let host = url.host_str().unwrap_or_default();
            if matches!(url.scheme(), "http" | "https") && is_plain && url.port() != Some(0) && !host.ends_with(['.', '-']) {
                prop_assert!(origin::check(&serialized).is_ok(), "{serialized}");
            }
        }
    }
}
