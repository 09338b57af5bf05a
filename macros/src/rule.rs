//! Rules: who may call a handler, as a tree of conditions.

use palisade_grammar::expression::for_each_leaf;
pub(crate) use palisade_grammar::names::Kind as NameKind;
use palisade_grammar::network::Network;
use proc_macro2::{Ident, Span, TokenTree};
use syn::LitStr;
use syn::ext::IdentExt;

use crate::diagnostics::SourceRange;
use crate::user_path::UserPath;

/// A requirement for an authenticated caller.
pub(crate) enum Rule {
    Authenticated,
    /// The caller is authenticated by a credential of one of these schemes, and no other credential is looked at.
    AuthenticatedBy(Vec<AuthScheme>),
    /// The credential of the caller has this scheme.
    Scheme(AuthScheme),
    /// The client's address is in one of these networks.
    Network(Networks),
    Named(NameKind, Name),
    /// The caller is an administrator of the application. Contains the span of the attribute.
    Admin(Span),
    Owner(Parameter),
    Tenant(Parameter),
    /// The credential is bound to a key that the caller has proved to hold.
    Bound,
    /// Another party acts on behalf of the subject.
    Delegated,
    /// The caller was authenticated strongly and recently enough.
    StepUp(StepUpTerms),
    Owns(Owns),
    /// An asynchronous function of the application.
    Check(Predicate),
    /// The path of a constant rule.
    Constant(UserPath),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

/// How strongly and how recently the caller must have been authenticated. At least one of both is there.
pub(crate) struct StepUpTerms {
    pub(crate) acr: Vec<LitStr>,
    /// In seconds.
    pub(crate) max_age: Option<u64>,
}

/// An authentication scheme.
pub(crate) enum AuthScheme {
    /// Any scheme of API keys. Contains the span of the keyword.
    ApiKeys(Span),
    /// The scheme with this name, such as `Bearer`.
    Named(LitStr),
}

/// The networks of one condition, at least one.
pub(crate) struct Networks {
    pub(crate) list: Vec<Network>,
    pub(crate) keyword: Span,
}

#[derive(Clone)]
pub(crate) enum Name {
    Text(LitStr),
    /// A constant, or a variant of an enum with `#[derive(Role)]`: the compiler knows which.
    Path(UserPath),
}

/// A parameter of the path.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) source: ParameterSource,
}

/// The template that contains the parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterSource {
    /// The template of this route.
    Route,
    /// The prefix of an outer scope.
    Scope,
}

/// A function of the application that decides, and its arguments behind the request and the principal.
pub(crate) struct Predicate {
    pub(crate) path: UserPath,
    pub(crate) arguments: Vec<PredicateArgument>,
}

pub(crate) enum PredicateArgument {
    /// The value of a path parameter, as `&str`.
    Parameter(Parameter),
    /// A literal or a constant. It is emitted unchanged.
    Value(Vec<TokenTree>),
}

/// A row that the caller must own, and the parameters that identify it.
pub(crate) struct Owns {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) of: UserPath,
    /// Whether a row of another owner is 403 instead of 404.
    pub(crate) reveals: bool,
}

impl Name {
    /// Two names with the same text are the same name.
    pub(crate) fn text(&self) -> String {
        match self {
            Name::Text(text) => format!("{:?}", text.value()),
            Name::Path(path) => path.text(),
        }
    }

    pub(crate) fn range(&self) -> SourceRange {
        match self {
            Name::Text(text) => text.span().into(),
            Name::Path(path) => path.range(),
        }
    }
}

impl AuthScheme {
    /// Two schemes with the same text are the same scheme. Names are compared without regard to case (RFC 9110 §11.1).
    pub(crate) fn text(&self) -> String {
        match self {
            AuthScheme::ApiKeys(_) => "api_key".to_owned(),
            AuthScheme::Named(name) => format!("{:?}", name.value().to_ascii_lowercase()),
        }
    }

    fn span(&self) -> Span {
        match self {
            AuthScheme::ApiKeys(keyword) => *keyword,
            AuthScheme::Named(name) => name.span(),
        }
    }
}

impl Networks {
    fn text(&self) -> String {
        let mut list: Vec<String> = self.list.iter().map(|network| format!("\"{network}\"")).collect();
        list.sort();
        list.join(", ")
    }
}

impl Parameter {
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }
}

impl StepUpTerms {
    fn text(&self) -> String {
        let values: Vec<String> = self.acr.iter().map(|value| format!("{:?}", value.value())).collect();
        format!("step_up(acr({}), {:?})", values.join(", "), self.max_age)
    }
}

impl Owns {
    pub(crate) fn names(&self) -> Vec<String> {
        self.parameters.iter().map(Parameter::text).collect()
    }
}

impl Predicate {
    /// `member_of(org)`, or `is_on_duty` if it has no arguments.
    pub(crate) fn text(&self) -> String {
        let path = self.path.text();
        if self.arguments.is_empty() {
            return path;
        }
        let arguments: Vec<String> = self.arguments.iter().map(PredicateArgument::text).collect();
        format!("{path}({})", arguments.join(", "))
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.arguments.iter().filter_map(|argument| match argument {
            PredicateArgument::Parameter(parameter) => Some(parameter),
            PredicateArgument::Value(_) => None,
        })
    }
}

impl PredicateArgument {
    fn text(&self) -> String {
        match self {
            Self::Parameter(parameter) => parameter.text(),
            Self::Value(tokens) => UserPath(tokens.iter().cloned().collect()).text(),
        }
    }
}

impl Rule {
    /// The rule as an expression. Two rules with the same text are the same rule.
    pub(crate) fn text(&self) -> String {
        let joined = |rules: &[Rule], operator: &str| {
            let mut texts: Vec<String> = rules.iter().map(Rule::text).collect();
            texts.sort();
            format!("({})", texts.join(operator))
        };
        match self {
            Rule::Authenticated => "authenticated".to_owned(),
            Rule::AuthenticatedBy(schemes) => {
                let mut schemes: Vec<String> = schemes.iter().map(AuthScheme::text).collect();
                schemes.sort();
                format!("authenticated(by = [{}])", schemes.join(", "))
            }
            Rule::Scheme(scheme) => format!("scheme({})", scheme.text()),
            Rule::Network(networks) => format!("network({})", networks.text()),
            Rule::Named(kind, name) => format!("{}({})", kind.noun(), name.text()),
            Rule::Admin(_) => "admin".to_owned(),
            Rule::Owner(parameter) => format!("owner({})", parameter.text()),
            Rule::Tenant(parameter) => format!("tenant({})", parameter.text()),
            Rule::Bound => "require_proof".to_owned(),
            Rule::Delegated => "delegated".to_owned(),
            Rule::StepUp(demand) => demand.text(),
            Rule::Owns(owns) => format!("owner({}, of = {})", owns.names().join(", "), owns.of.text()),
            Rule::Check(predicate) => format!("check({})", predicate.text()),
            Rule::Constant(path) => path.text(),
            Rule::Not(rule) => format!("!{}", rule.text()),
            Rule::All(rules) => joined(rules, " && "),
            Rule::Any(rules) => joined(rules, " || "),
        }
    }

    /// Adds each leaf, from left to right.
    pub(crate) fn leaves<'r>(&'r self, leaves: &mut Vec<&'r Rule>) {
        for_each_leaf(self, &mut |leaf| leaves.push(leaf));
    }

    /// Where its first leaf is written, if that is known.
    pub(crate) fn range(&self) -> Option<SourceRange> {
        let mut leaves = Vec::new();
        self.leaves(&mut leaves);
        match leaves.first()? {
            Rule::Named(_, name) => Some(name.range()),
            Rule::Scheme(scheme) => Some(scheme.span().into()),
            Rule::Network(networks) => Some(networks.keyword.into()),
            Rule::Admin(span) => Some((*span).into()),
            Rule::Owner(parameter) | Rule::Tenant(parameter) => Some(parameter.name.span().into()),
            Rule::Owns(owns) => owns.parameters.first().map(|parameter| parameter.name.span().into()),
            Rule::Check(Predicate { path, .. }) | Rule::Constant(path) => Some(path.range()),
            _ => None,
        }
    }

    /// Whether it contains a path that the user wrote, which a generated import could shadow.
    pub(crate) fn has_user_path(&self) -> bool {
        let mut leaves = Vec::new();
        self.leaves(&mut leaves);
        let is_path = |leaf: &&Rule| {
            matches!(leaf, Rule::Owns(_) | Rule::Check(_) | Rule::Constant(_) | Rule::Named(_, Name::Path(_)))
        };
        leaves.iter().any(is_path)
    }
}
