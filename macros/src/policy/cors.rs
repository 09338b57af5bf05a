//! The rule for other origins of one route.

use syn::LitStr;

use crate::user_path::UserPath;

/// The rule of a route.
pub(crate) struct CorsTerms {
    pub(crate) origins: CorsOrigins,
    /// The origins whose subdomains are allowed too.
    pub(crate) subdomains: Vec<OriginName>,
    pub(crate) credentials: bool,
    pub(crate) exposed: Vec<LitStr>,
    pub(crate) request_headers: Vec<LitStr>,
    pub(crate) methods: Vec<LitStr>,
    /// In seconds.
    pub(crate) max_age: Option<u64>,
}

/// Which origins a rule allows.
pub(crate) enum CorsOrigins {
    Any,
    /// An empty list allows none.
    Listed(Vec<OriginName>),
}

/// An origin that was checked, or the constant that contains it.
pub(crate) enum OriginName {
    Text(LitStr),
    Constant(UserPath),
}

impl CorsTerms {
    pub(crate) fn has_user_path(&self) -> bool {
        let listed: &[OriginName] = match &self.origins {
            CorsOrigins::Any => &[],
            CorsOrigins::Listed(listed) => listed,
        };
        listed.iter().chain(&self.subdomains).any(|name| matches!(name, OriginName::Constant(_)))
    }
}
