//! What a written rule says: its words, its place, its leaves.

use palisade_grammar::expression::for_each_leaf;
use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

use crate::errors::Place;
use crate::model::{Name, Owns, Parameter, Rule, UserPath};

impl UserPath {
    /// As one writes it: without spaces.
    pub(crate) fn text(&self) -> String {
        self.0.to_string().replace(' ', "")
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(&self.0.clone().into_iter().collect::<Vec<TokenTree>>(), Span::call_site())
    }

    pub(crate) fn span(&self) -> Span {
        self.0.clone().into_iter().last().map_or_else(Span::call_site, |last| last.span())
    }
}

impl ToTokens for UserPath {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        tokens.extend(self.0.clone());
    }
}

impl Name {
    /// What tells it from every other name.
    pub(crate) fn text(&self) -> String {
        match self {
            Name::Text(text) => format!("{:?}", text.value()),
            Name::Path(path) => path.text(),
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Name::Text(text) => text.span().into(),
            Name::Path(path) => path.place(),
        }
    }
}

impl Parameter {
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }
}

impl Owns {
    pub(crate) fn names(&self) -> Vec<String> {
        self.parameters.iter().map(Parameter::text).collect()
    }
}

impl Rule {
    /// In the words of an expression. Two rules of one text are one rule.
    pub(crate) fn text(&self) -> String {
        let joined = |rules: &[Rule], operator: &str| {
            let mut texts: Vec<String> = rules.iter().map(Rule::text).collect();
            texts.sort();
            format!("({})", texts.join(operator))
        };
        match self {
            Rule::Public => "public".to_owned(),
            Rule::OptionalAuth => "optional_auth".to_owned(),
            Rule::Authenticated => "authenticated".to_owned(),
            Rule::Nobody => "nobody".to_owned(),
            Rule::Admin(_) => "admin".to_owned(),
            Rule::Named(kind, name) => format!("{}({})", kind.word(), name.text()),
            Rule::Owner(parameter) => format!("owner({})", parameter.text()),
            Rule::Tenant(parameter) => format!("tenant({})", parameter.text()),
            Rule::Owns(owns) => format!("owner({}, of = {})", owns.names().join(", "), owns.of.text()),
            Rule::Check(path) => format!("check({})", path.text()),
            Rule::Not(rule) => format!("!{}", rule.text()),
            Rule::All(rules) => joined(rules, " && "),
            Rule::Any(rules) => joined(rules, " || "),
        }
    }

    /// Every leaf, from left to right.
    pub(crate) fn leaves<'r>(&'r self, leaves: &mut Vec<&'r Rule>) {
        for_each_leaf(self, &mut |leaf| leaves.push(leaf));
    }

    /// Where it stands, as far as its first leaf tells.
    pub(crate) fn place(&self) -> Option<Place> {
        let mut leaves = Vec::new();
        self.leaves(&mut leaves);
        match leaves.first()? {
            Rule::Named(_, name) => Some(name.place()),
            Rule::Admin(span) => Some((*span).into()),
            Rule::Owner(parameter) | Rule::Tenant(parameter) => Some(parameter.name.span().into()),
            Rule::Owns(owns) => owns.parameters.first().map(|parameter| parameter.name.span().into()),
            Rule::Check(path) => Some(path.place()),
            _ => None,
        }
    }

    /// Whether something of the user's stands in it, which a `use` of ours could shadow.
    pub(crate) fn is_users(&self) -> bool {
        let mut leaves = Vec::new();
        self.leaves(&mut leaves);
        leaves.iter().any(|leaf| matches!(leaf, Rule::Owns(_) | Rule::Check(_) | Rule::Named(_, Name::Path(_))))
    }
}
