//! Other spellings of a list of names: `"a" || "b"`, `["a", "b"]`, `any("a", "b")`.
//!
//! They are read for a help text only. The result never becomes a rule.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{Form, is_path};
use crate::gather::flat;
use crate::rule::NameKind;
use crate::text::text;

/// Names and the operators that combine them.
enum NameTree {
    Name(String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Which foreign syntax was found.
#[derive(Default)]
pub(super) struct Foreign {
    pub(super) operator: bool,
    pub(super) brackets: bool,
    pub(super) any: bool,
}

/// Returns the same rule in palisade's syntax, as an attribute or as a condition. `None` if the meaning is not clear.
pub(super) fn in_our_syntax(
    kind: NameKind,
    form: Form,
    keyword: &str,
    tokens: &[TokenTree],
    foreign: &mut Foreign,
) -> Option<String> {
    let tree = joined(list(kind, tokens, foreign)?, NameTree::Any);
    let names = |trees: &[NameTree]| -> Option<String> {
        let names: Option<Vec<&str>> =
            trees.iter().map(|tree| if let NameTree::Name(name) = tree { Some(name.as_str()) } else { None }).collect();
        Some(names?.join(", "))
    };
    let listed = match &tree {
        NameTree::Name(name) => Some(name.clone()),
        NameTree::Any(trees) => names(trees),
        NameTree::All(trees) => names(trees).map(|names| format!("all({names})")),
        NameTree::Not(_) => None,
    };
    Some(match (listed, form) {
        (Some(names), _) => form.of(format_args!("{keyword}({names})")),
        (None, Form::Attribute) => format!("`#[authorize({})]`", tree.expression(kind)),
        (None, Form::Expression) => format!("`({})`", tree.expression(kind)),
    })
}

impl NameTree {
    /// The names as an expression of `#[authorize(..)]`.
    fn expression(&self, kind: NameKind) -> String {
        let several = |trees: &[Self], operator: &str| {
            let terms = trees.iter().map(|tree| match tree {
                NameTree::Name(_) | NameTree::Not(_) => tree.expression(kind),
                NameTree::All(inner) if inner.iter().all(|tree| matches!(tree, NameTree::Name(_))) => {
                    let names: Vec<String> = inner
                        .iter()
                        .map(|tree| if let NameTree::Name(name) = tree { name.clone() } else { String::new() })
                        .collect();
                    format!("{}(all({}))", kind.noun(), names.join(", "))
                }
                _ => format!("({})", tree.expression(kind)),
            });
            terms.collect::<Vec<_>>().join(operator)
        };
        match self {
            NameTree::Name(name) => format!("{}({name})", kind.noun()),
            NameTree::Not(tree) if matches!(**tree, NameTree::Name(_)) => format!("!{}", tree.expression(kind)),
            NameTree::Not(tree) => format!("!({})", tree.expression(kind)),
            NameTree::All(trees) => several(trees, " && "),
            NameTree::Any(trees) => several(trees, " || "),
        }
    }
}

fn list(kind: NameKind, tokens: &[TokenTree], foreign: &mut Foreign) -> Option<Vec<NameTree>> {
    let mut parts: Vec<&[TokenTree]> = tokens.split(|token| is(token, ',')).collect();
    parts.pop_if(|last| last.is_empty());
    let trees: Option<Vec<NameTree>> = parts.into_iter().map(|part| argument(kind, part, foreign)).collect();
    trees.filter(|trees| !trees.is_empty())
}

fn argument(kind: NameKind, tokens: &[TokenTree], foreign: &mut Foreign) -> Option<NameTree> {
    match tokens {
        [TokenTree::Ident(key), equals, value @ ..] if is(equals, '=') => {
            let tree = or_expression(kind, value, foreign)?;
            let all = key.to_string().starts_with("all");
            Some(match tree {
                NameTree::Any(trees) if all => NameTree::All(trees),
                tree => tree,
            })
        }
        _ => or_expression(kind, tokens, foreign),
    }
}

fn or_expression(kind: NameKind, tokens: &[TokenTree], foreign: &mut Foreign) -> Option<NameTree> {
    chain(tokens, '|', "or", foreign, &mut |part, foreign| and_expression(kind, part, foreign))
        .map(|trees| joined(trees, NameTree::Any))
}

fn and_expression(kind: NameKind, tokens: &[TokenTree], foreign: &mut Foreign) -> Option<NameTree> {
    // A borrowed list.
    let tokens = match tokens {
        [borrow, list @ TokenTree::Group(_)] if is(borrow, '&') => std::slice::from_ref(list),
        tokens => tokens,
    };
    chain(tokens, '&', "and", foreign, &mut |part, foreign| operand(kind, part, foreign))
        .map(|trees| joined(trees, NameTree::All))
}

fn chain(
    tokens: &[TokenTree],
    operator: char,
    keyword: &str,
    foreign: &mut Foreign,
    operand: &mut dyn FnMut(&[TokenTree], &mut Foreign) -> Option<NameTree>,
) -> Option<Vec<NameTree>> {
    let splits = |token: &TokenTree| {
        is(token, operator)
            || operator == '&' && is(token, '+')
            || matches!(token, TokenTree::Ident(name) if name == keyword)
    };
    let parts: Vec<&[TokenTree]> = tokens.split(splits).collect();
    if parts.first()?.is_empty() || parts.last()?.is_empty() {
        return None;
    }
    foreign.operator |= parts.len() > 1;
    // The part between the two characters of `||` is empty.
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| operand(part, foreign)).collect()
}

fn operand(kind: NameKind, tokens: &[TokenTree], foreign: &mut Foreign) -> Option<NameTree> {
    match tokens {
        [bang, rest @ ..] if is(bang, '!') => {
            foreign.operator = true;
            operand(kind, rest, foreign).map(|tree| NameTree::Not(Box::new(tree)))
        }
        [TokenTree::Group(group)] => {
            foreign.brackets |= group.delimiter() == Delimiter::Bracket;
            list(kind, &flat(group.stream()), foreign).map(|trees| joined(trees, NameTree::Any))
        }
        [TokenTree::Ident(_), bang, TokenTree::Group(group)] if is(bang, '!') => {
            foreign.brackets = true;
            list(kind, &flat(group.stream()), foreign).map(|trees| joined(trees, NameTree::Any))
        }
        [TokenTree::Ident(called), TokenTree::Group(group)] => {
            let inside = flat(group.stream());
            let inside = match inside.as_slice() {
                // A list that contains only a list is that list.
                [.., TokenTree::Group(only)] if only.delimiter() == Delimiter::Bracket && inside.len() < 3 => {
                    foreign.brackets = true;
                    flat(only.stream())
                }
                _ => inside,
            };
            let trees = list(kind, &inside, foreign)?;
            match called.to_string().as_str() {
                "all" | "all_of" | "every" | "both" => Some(joined(trees, NameTree::All)),
                "any" | "any_of" | "one_of" | "either" | "some" => {
                    foreign.any = true;
                    Some(joined(trees, NameTree::Any))
                }
                "not" => {
                    foreign.operator = true;
                    Some(NameTree::Not(Box::new(joined(trees, NameTree::Any))))
                }
                name if name == kind.noun() => Some(joined(trees, NameTree::Any)),
                _ => None,
            }
        }
        [TokenTree::Literal(name)] if name.to_string().starts_with('"') => Some(NameTree::Name(name.to_string())),
        [TokenTree::Ident(name)] if name.to_string().starts_with(char::is_lowercase) => {
            Some(NameTree::Name(format!("\"{name}\"")))
        }
        path if is_path(path) || matches!(path, [TokenTree::Ident(_)]) => {
            Some(NameTree::Name(text(path.iter().cloned().collect::<TokenStream>())))
        }
        _ => None,
    }
}

/// Combines the trees. A single tree is returned unchanged. Nested trees with the same operator are flattened.
fn joined(mut trees: Vec<NameTree>, join: fn(Vec<NameTree>) -> NameTree) -> NameTree {
    if trees.len() == 1 {
        return trees.remove(0);
    }
    let is_any = matches!(join(Vec::new()), NameTree::Any(_));
    let mut flattened = Vec::new();
    for tree in trees {
        match tree {
            NameTree::Any(inner) if is_any => flattened.extend(inner),
            NameTree::All(inner) if !is_any => flattened.extend(inner),
            tree => flattened.push(tree),
        }
    }
    join(flattened)
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: NameKind, form: Form, keyword: &str, tokens: &str) -> Option<String> {
        let tokens = flat(tokens.parse().unwrap());
        in_our_syntax(kind, form, keyword, &tokens, &mut Foreign::default())
    }

    #[test]
    fn other_spellings_are_understood() {
        for (written, expected) in [
            (r#""a" || "b""#, r#"require_role("a", "b")"#),
            (r#""a" | "b" || "c""#, r#"require_role("a", "b", "c")"#),
            (r#""a" or "b""#, r#"require_role("a", "b")"#),
            (r#""a" && "b""#, r#"require_role(all("a", "b"))"#),
            (r#""a" and "b" & "c""#, r#"require_role(all("a", "b", "c"))"#),
            (r#""a" + "b""#, r#"require_role(all("a", "b"))"#),
            (r#"["a", "b"]"#, r#"require_role("a", "b")"#),
            (r#"&["a", "b",]"#, r#"require_role("a", "b")"#),
            (r#"vec!["a", "b"]"#, r#"require_role("a", "b")"#),
            (r#"("a", "b")"#, r#"require_role("a", "b")"#),
            (r#"any("a", "b")"#, r#"require_role("a", "b")"#),
            (r#"any_of(["a", "b"])"#, r#"require_role("a", "b")"#),
            (r#"all(["a", "b"])"#, r#"require_role(all("a", "b"))"#),
            (r#"all("a" && "b")"#, r#"require_role(all("a", "b"))"#),
            (r#"role = "a""#, r#"require_role("a")"#),
            (r#"roles = ["a", "b"]"#, r#"require_role("a", "b")"#),
            (r#"all = ["a", "b"]"#, r#"require_role(all("a", "b"))"#),
            (r#"role("a") || role("b")"#, r#"require_role("a", "b")"#),
            ("Role::A || b || C", r#"require_role(Role::A, "b", C)"#),
            (r#"["a", "b"], "c""#, r#"require_role("a", "b", "c")"#),
            (r#""a" || "b" && "c""#, r#"authorize(role("a") || role(all("b", "c")))"#),
            (r#"("a" || "b") && "c""#, r#"authorize((role("a") || role("b")) && role("c"))"#),
            (r#""a", all("b", "c")"#, r#"authorize(role("a") || role(all("b", "c")))"#),
            (r#"all("a", any("b", "c"))"#, r#"authorize(role("a") && (role("b") || role("c")))"#),
            (r#"!"a""#, r#"authorize(!role("a"))"#),
            (r#"not("a", "b")"#, r#"authorize(!(role("a") || role("b")))"#),
            (r#""a" && !"b""#, r#"authorize(role("a") && !role("b"))"#),
        ] {
            let expected = Some(format!("`#[{expected}]`"));
            assert_eq!(read(NameKind::Role, Form::Attribute, "require_role", written), expected, "{written}");
        }
    }

    #[test]
    fn a_condition_stays_a_condition() {
        for (written, expected) in [
            (r#""a" || "b""#, r#"`scope("a", "b")`"#),
            (r#"["a", "b"]"#, r#"`scope("a", "b")`"#),
            (r#"all("a", !"b")"#, r#"`(scope("a") && !scope("b"))`"#),
        ] {
            assert_eq!(
                read(NameKind::Scope, Form::Expression, "scope", written).as_deref(),
                Some(expected),
                "{written}"
            );
        }
    }

    #[test]
    fn unclear_spellings_are_not_guessed() {
        for written in ["", "[]", "5", r#""a" ||"#, r#"|| "a""#, r#"f("a")"#, "|x| x", r#""a" "b""#, "{}"] {
            assert_eq!(read(NameKind::Role, Form::Attribute, "require_role", written), None, "{written}");
        }
    }
}
