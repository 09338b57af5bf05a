//! A rate limit, as `#[rate_limit]` defines it.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Index, LitStr, Member};

use crate::diagnostics::SourceRange;
use crate::user_path::UserPath;

/// A rate limit with its label, which clients see, and which differs from those of the handler's other rate limits.
pub(crate) struct RateLimit {
    pub(crate) label: String,
    pub(crate) terms: RateLimitTerms,
}

pub(crate) struct RateLimitTerms {
    pub(crate) numbers: Numbers,
    pub(crate) count: Count,
    /// At least one key.
    pub(crate) by: Vec<Key>,
    pub(crate) cost: Number,
    /// `None` leaves the choice to the runtime.
    pub(crate) on_outage: Option<OnStoreFailure>,
    pub(crate) observe: bool,
    pub(crate) name: Option<LitStr>,
}

/// How many requests in which window.
pub(crate) enum Numbers {
    Written {
        limit: Number,
        seconds: u64,
    },
    /// The application's configuration has the numbers of the rate limit's name.
    Configured,
}

/// A number of requests.
#[derive(Clone)]
pub(crate) enum Number {
    Literal(u32),
    /// The path of a constant.
    Constant(UserPath),
}

#[derive(Clone, Default)]
pub(crate) enum Count {
    #[default]
    All,
    Failures,
    Successes,
    /// The path of a function of the status.
    When(UserPath),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnStoreFailure {
    Deny,
    Allow,
    Local,
}

/// The keys of a rate limit, and their source location.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) by: By,
    pub(crate) range: SourceRange,
}

#[derive(Clone)]
pub(crate) enum By {
    Ip,
    Principal,
    ApiKey,
    /// Its name, in lower case.
    Header(String),
    Field(Field),
    /// The path of an asynchronous function.
    Function(UserPath),
}

/// `body.email`: an argument of the handler, and a field of it or of such a field.
///
/// If the path is empty, only a name was written. The handler's arguments decide whether it is an argument or a field.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) argument: Ident,
    pub(crate) path: Vec<Member>,
}

impl RateLimitTerms {
    /// Two rate limits with the same text are the same rate limit.
    pub(crate) fn text(&self) -> String {
        let Self { numbers, count, by, cost, on_outage, observe, name } = self;
        let mut by: Vec<String> = by.iter().map(|key| key.by.text()).collect();
        by.sort();
        let numbers = match numbers {
            Numbers::Written { limit, seconds } => format!("{} {seconds}", limit.text()),
            Numbers::Configured => "configured".to_owned(),
        };
        let (by, count, cost) = (by.join(", "), count.text(), cost.text());
        let (on_outage, name) = (on_outage.map(OnStoreFailure::keyword), name.as_ref().map(LitStr::value));
        format!("{numbers} {count} [{by}] {cost} {on_outage:?} {observe} {name:?}")
    }

    /// Whether it counts by address alone, which is the default.
    pub(crate) fn is_by_address(&self) -> bool {
        matches!(self.by.as_slice(), [Key { by: By::Ip, .. }])
    }

    /// Whether it contains a path that the user wrote, which a generated import could shadow.
    pub(crate) fn has_user_path(&self) -> bool {
        let constant = |number: &Number| matches!(number, Number::Constant(_));
        matches!(self.count, Count::When(_))
            || matches!(&self.numbers, Numbers::Written { limit, .. } if constant(limit))
            || constant(&self.cost)
            || self.by.iter().any(|key| matches!(key.by, By::Function(_)))
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.by.iter().filter_map(|key| if let By::Field(field) = &key.by { Some(field) } else { None })
    }
}

impl Number {
    /// The span of a constant's path.
    pub(crate) fn span(&self) -> Option<Span> {
        match self {
            Number::Literal(_) => None,
            Number::Constant(path) => Some(path.span()),
        }
    }

    fn text(&self) -> String {
        match self {
            Number::Literal(number) => number.to_string(),
            Number::Constant(path) => path.text(),
        }
    }
}

impl ToTokens for Number {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Number::Literal(number) => Literal::u32_unsuffixed(*number).to_tokens(tokens),
            Number::Constant(path) => path.to_tokens(tokens),
        }
    }
}

impl Count {
    fn text(&self) -> String {
        match self {
            Count::All => "all".to_owned(),
            Count::Failures => "failures".to_owned(),
            Count::Successes => "successes".to_owned(),
            Count::When(path) => format!("when({})", path.text()),
        }
    }
}

impl OnStoreFailure {
    pub(crate) const ALL: [Self; 3] = [OnStoreFailure::Deny, OnStoreFailure::Allow, OnStoreFailure::Local];

    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            OnStoreFailure::Deny => "deny",
            OnStoreFailure::Allow => "allow",
            OnStoreFailure::Local => "local",
        }
    }
}

impl By {
    /// The key in its syntax. Two keys with the same text are the same key.
    pub(crate) fn text(&self) -> String {
        match self {
            By::Ip => "ip".to_owned(),
            By::Principal => "principal".to_owned(),
            By::ApiKey => "api_key".to_owned(),
            By::Header(name) => format!("header({name:?})"),
            By::Field(field) => format!("field({})", field.text()),
            By::Function(path) => format!("key({})", path.text()),
        }
    }
}

impl Field {
    pub(crate) fn text(&self) -> String {
        self.path.iter().fold(self.argument.unraw().to_string(), |text, member| match member {
            Member::Named(name) => format!("{text}.{}", name.unraw()),
            Member::Unnamed(Index { index, .. }) => format!("{text}.{index}"),
        })
    }

    /// The span of its last name. A type that cannot be a key is reported there.
    pub(crate) fn span(&self) -> Span {
        self.path.last().map_or_else(|| self.argument.span(), span_of)
    }
}

fn span_of(member: &Member) -> Span {
    match member {
        Member::Named(name) => name.span(),
        Member::Unnamed(index) => index.span,
    }
}

/// The tokens behind the argument: `.email`.
impl ToTokens for Field {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for member in &self.path {
            syn::Token![.](span_of(member)).to_tokens(tokens);
            member.to_tokens(tokens);
        }
    }
}
