//! What somebody meant who wrote names otherwise than a list: `"a" || "b"`, `["a", "b"]`, `any("a", "b")`.
//!
//! Only for a cure: nothing that is read here is ever a rule.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::argument::{Form, is_path};
use crate::clause::flat;
use crate::model::Kind;
use crate::text::text;

/// The names, and how they are joined.
enum Tree {
    Name(String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// What was met that does not belong there.
#[derive(Default)]
pub(super) struct Met {
    pub(super) operator: bool,
    pub(super) brackets: bool,
    pub(super) any: bool,
}

/// The attribute, or the term, that says it; `None` where nobody can tell.
pub(super) fn meant(kind: Kind, form: Form, word: &str, tokens: &[TokenTree], met: &mut Met) -> Option<String> {
    let tree = joined(list(kind, tokens, met)?, Tree::Any);
    let names = |trees: &[Tree]| -> Option<String> {
        let names: Option<Vec<&str>> =
            trees.iter().map(|tree| if let Tree::Name(name) = tree { Some(name.as_str()) } else { None }).collect();
        Some(names?.join(", "))
    };
    let listed = match &tree {
        Tree::Name(name) => Some(name.clone()),
        Tree::Any(trees) => names(trees),
        Tree::All(trees) => names(trees).map(|names| format!("all({names})")),
        Tree::Not(_) => None,
    };
    Some(match (listed, form) {
        (Some(names), _) => form.of(format_args!("{word}({names})")),
        (None, Form::Attribute) => format!("`#[authorize({})]`", tree.expression(kind)),
        (None, Form::Term) => format!("`({})`", tree.expression(kind)),
    })
}

impl Tree {
    /// In the words of `authorize`.
    fn expression(&self, kind: Kind) -> String {
        let several = |trees: &[Self], operator: &str| {
            let terms = trees.iter().map(|tree| match tree {
                Tree::Name(_) | Tree::Not(_) => tree.expression(kind),
                Tree::All(inner) if inner.iter().all(|tree| matches!(tree, Tree::Name(_))) => {
                    let names: Vec<String> = inner
                        .iter()
                        .map(|tree| if let Tree::Name(name) = tree { name.clone() } else { String::new() })
                        .collect();
                    format!("{}(all({}))", kind.word(), names.join(", "))
                }
                _ => format!("({})", tree.expression(kind)),
            });
            terms.collect::<Vec<_>>().join(operator)
        };
        match self {
            Tree::Name(name) => format!("{}({name})", kind.word()),
            Tree::Not(tree) if matches!(**tree, Tree::Name(_)) => format!("!{}", tree.expression(kind)),
            Tree::Not(tree) => format!("!({})", tree.expression(kind)),
            Tree::All(trees) => several(trees, " && "),
            Tree::Any(trees) => several(trees, " || "),
        }
    }
}

fn list(kind: Kind, tokens: &[TokenTree], met: &mut Met) -> Option<Vec<Tree>> {
    let mut parts: Vec<&[TokenTree]> = tokens.split(|token| is(token, ',')).collect();
    parts.pop_if(|last| last.is_empty());
    let trees: Option<Vec<Tree>> = parts.into_iter().map(|part| argument(kind, part, met)).collect();
    trees.filter(|trees| !trees.is_empty())
}

fn argument(kind: Kind, tokens: &[TokenTree], met: &mut Met) -> Option<Tree> {
    match tokens {
        [TokenTree::Ident(key), equals, value @ ..] if is(equals, '=') => {
            let tree = either(kind, value, met)?;
            let all = key.to_string().starts_with("all");
            Some(match tree {
                Tree::Any(trees) if all => Tree::All(trees),
                tree => tree,
            })
        }
        _ => either(kind, tokens, met),
    }
}

fn either(kind: Kind, tokens: &[TokenTree], met: &mut Met) -> Option<Tree> {
    chain(tokens, '|', "or", met, &mut |part, met| both(kind, part, met)).map(|trees| joined(trees, Tree::Any))
}

fn both(kind: Kind, tokens: &[TokenTree], met: &mut Met) -> Option<Tree> {
    // A borrowed list.
    let tokens = match tokens {
        [borrow, list @ TokenTree::Group(_)] if is(borrow, '&') => std::slice::from_ref(list),
        tokens => tokens,
    };
    chain(tokens, '&', "and", met, &mut |part, met| one(kind, part, met)).map(|trees| joined(trees, Tree::All))
}

fn chain(
    tokens: &[TokenTree],
    operator: char,
    word: &str,
    met: &mut Met,
    operand: &mut dyn FnMut(&[TokenTree], &mut Met) -> Option<Tree>,
) -> Option<Vec<Tree>> {
    let splits = |token: &TokenTree| {
        is(token, operator)
            || operator == '&' && is(token, '+')
            || matches!(token, TokenTree::Ident(name) if name == word)
    };
    let parts: Vec<&[TokenTree]> = tokens.split(splits).collect();
    if parts.first()?.is_empty() || parts.last()?.is_empty() {
        return None;
    }
    met.operator |= parts.len() > 1;
    // Between the two halves of `||` there is nothing.
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| operand(part, met)).collect()
}

fn one(kind: Kind, tokens: &[TokenTree], met: &mut Met) -> Option<Tree> {
    match tokens {
        [bang, rest @ ..] if is(bang, '!') => {
            met.operator = true;
            one(kind, rest, met).map(|tree| Tree::Not(Box::new(tree)))
        }
        [TokenTree::Group(group)] => {
            met.brackets |= group.delimiter() == Delimiter::Bracket;
            list(kind, &flat(group.stream()), met).map(|trees| joined(trees, Tree::Any))
        }
        [TokenTree::Ident(_), bang, TokenTree::Group(group)] if is(bang, '!') => {
            met.brackets = true;
            list(kind, &flat(group.stream()), met).map(|trees| joined(trees, Tree::Any))
        }
        [TokenTree::Ident(word), TokenTree::Group(group)] => {
            let inside = flat(group.stream());
            let inside = match inside.as_slice() {
                // A list in a list is the list.
                [.., TokenTree::Group(only)] if only.delimiter() == Delimiter::Bracket && inside.len() < 3 => {
                    met.brackets = true;
                    flat(only.stream())
                }
                _ => inside,
            };
            let trees = list(kind, &inside, met)?;
            match word.to_string().as_str() {
                "all" | "all_of" | "every" | "both" => Some(joined(trees, Tree::All)),
                "any" | "any_of" | "one_of" | "either" | "some" => {
                    met.any = true;
                    Some(joined(trees, Tree::Any))
                }
                "not" => {
                    met.operator = true;
                    Some(Tree::Not(Box::new(joined(trees, Tree::Any))))
                }
                word if word == kind.word() => Some(joined(trees, Tree::Any)),
                _ => None,
            }
        }
        [TokenTree::Literal(name)] if name.to_string().starts_with('"') => Some(Tree::Name(name.to_string())),
        [TokenTree::Ident(word)] if word.to_string().starts_with(char::is_lowercase) => {
            Some(Tree::Name(format!("\"{word}\"")))
        }
        path if is_path(path) || matches!(path, [TokenTree::Ident(_)]) => {
            Some(Tree::Name(text(path.iter().cloned().collect::<TokenStream>())))
        }
        _ => None,
    }
}

/// One stands for itself, and a list of lists of the same kind is one list.
fn joined(mut trees: Vec<Tree>, join: fn(Vec<Tree>) -> Tree) -> Tree {
    if trees.len() == 1 {
        return trees.remove(0);
    }
    let is_any = matches!(join(Vec::new()), Tree::Any(_));
    let mut flattened = Vec::new();
    for tree in trees {
        match tree {
            Tree::Any(inner) if is_any => flattened.extend(inner),
            Tree::All(inner) if !is_any => flattened.extend(inner),
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

    fn read(kind: Kind, form: Form, word: &str, tokens: &str) -> Option<String> {
        let tokens = flat(tokens.parse().unwrap());
        meant(kind, form, word, &tokens, &mut Met::default())
    }

    #[test]
    fn names_joined_otherwise_are_the_list_that_was_meant() {
        for (written, cure) in [
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
            let expected = Some(format!("`#[{cure}]`"));
            assert_eq!(read(Kind::Role, Form::Attribute, "require_role", written), expected, "{written}");
        }
    }

    #[test]
    fn a_term_stays_a_term() {
        for (written, cure) in [
            (r#""a" || "b""#, r#"`scope("a", "b")`"#),
            (r#"["a", "b"]"#, r#"`scope("a", "b")`"#),
            (r#"all("a", !"b")"#, r#"`(scope("a") && !scope("b"))`"#),
        ] {
            assert_eq!(read(Kind::Scope, Form::Term, "scope", written).as_deref(), Some(cure), "{written}");
        }
    }

    #[test]
    fn what_nobody_can_tell_has_no_meaning() {
        for written in ["", "[]", "5", r#""a" ||"#, r#"|| "a""#, r#"f("a")"#, "|x| x", r#""a" "b""#, "{}"] {
            assert_eq!(read(Kind::Role, Form::Attribute, "require_role", written), None, "{written}");
        }
    }
}
