//! Networks: `network("10.0.0.0/8", "fd00::/8")`.

use palisade_grammar::network::{FORMS, Network};

use super::{Arguments, AttributeArgument, Value};
use crate::diagnostics::Diagnostics;
use crate::rule::{Networks, Rule};

/// The rule of `network(..)`: the client's address is in one of them. Returns `None` if any could not be read.
pub(crate) fn rule(arguments: Arguments<'_>, diagnostics: &mut Diagnostics) -> Option<Rule> {
    let keyword = arguments.keyword;
    if arguments.is_empty() {
        diagnostics.error(keyword.span(), format!("`{keyword}` needs a network"), "write `network(\"10.0.0.0/8\")`");
        return None;
    }
    let (mut list, mut is_clear): (Vec<Network>, bool) = (Vec::new(), true);
    for argument in arguments {
        let AttributeArgument { key: None, value: Value::Text(text), .. } = argument else {
            diagnostics.error(argument.range, "a network must be in quotes", FORMS);
            is_clear = false;
            continue;
        };
        let written = text.value();
        match Network::parse(&written) {
            Ok(network) if list.contains(&network) => {
                let message = format!("duplicate network {network}");
                diagnostics.error(text.span(), message, "remove one of the two");
                is_clear = false;
            }
            Ok(network) => list.push(network),
            Err(error) => {
                diagnostics.error(text.span(), error.message(&written), error.help(&written));
                is_clear = false;
            }
        }
    }
    is_clear.then(|| Rule::Network(Networks { list, keyword: keyword.span() }))
}
