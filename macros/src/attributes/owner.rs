//! `#[owner(id)]`, `#[owner(order, item, of = Item, deny = 403, from_scope)]`.

use super::{Attribute, Clause};
use crate::arguments::Arguments;
use crate::arguments::path_parameters;
use crate::diagnostics::Diagnostics;
use crate::policy::AccessPolicy;
use crate::rule::{Owns, Parameter, Rule};

pub(super) struct Owner;

impl Attribute for Owner {
    fn keyword(&self) -> &'static str {
        "owner"
    }

    fn parse(&self, arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Clause {
        Clause::Access(rule(arguments, diagnostics).map(AccessPolicy::Rule))
    }
}

/// The rule of `owner(..)`, which is a condition of an expression too.
pub(super) fn rule(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    let (keyword, form) = (arguments.keyword, arguments.form);
    let written = path_parameters::parse(arguments, &["of", "deny", "from_scope"], diagnostics)?;
    let Some(of) = written.of else {
        if let Some((key, _)) = written.deny {
            let help = "remove it: without `of = ..`, the response is always 403";
            diagnostics.error(key.span(), "`deny` needs `of = ..`, because it is about a row that is loaded", help);
            return None;
        }
        let row = form.of(format_args!("{keyword}({}, of = Item)", written.list()));
        let alternative = format!("or load the row that they identify together: {row}");
        return written.one(keyword, &alternative, diagnostics).map(Rule::Owner);
    };
    let source = written.source;
    let parameters = written.names.into_iter().map(|name| Parameter { name, source }).collect();
    Some(Rule::Owns(Owns { parameters, of, reveals: written.deny.is_some_and(|(_, reveals)| reveals) }))
}
