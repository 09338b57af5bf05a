//! Other spellings of a limit and its window: `"15m", 5`, `5 / 15m`, `limit = 5, window = "15m"`.
//!
//! They are read for a help text only. The result never becomes a rate limit.

use palisade_grammar::window;
use proc_macro2::{Delimiter, TokenTree};
use syn::{Lit, LitStr};

use super::options::is_option;
use crate::arguments::{AttributeArgument, Value};
use crate::diagnostics::{Diagnostic, SourceRange};
use crate::gather::flat;
use crate::text::text;

/// Returns a diagnostic with the correct syntax, if both the limit and the window are present in another syntax.
pub(super) fn other_spelling(list: &[AttributeArgument]) -> Option<(SourceRange, Diagnostic)> {
    let mut found = Found::default();
    let mut rest = Vec::new();
    let mut odd: Vec<TokenTree> = Vec::new();
    // Whether each unusual argument is at its position, and only its syntax differs.
    let mut in_position = Vec::new();
    for (at, argument) in list.iter().enumerate() {
        let value = match (&argument.key, argument.tokens.as_slice()) {
            (Some(key), _) if is_option(key) => None,
            (Some(_), [_, _, value @ ..]) => Some(value),
            (_, [TokenTree::Ident(word)]) if is_option(word) => None,
            (_, value) => Some(value),
        };
        match value {
            None => rest.push(text(argument.tokens.iter().cloned().collect())),
            Some(value) => {
                // A fragment of a `macro_rules!` is inside an invisible group.
                let value = flat(value.iter().cloned().collect());
                let before = (found.limits.len(), found.windows.len());
                found.read(&value)?;
                let as_it_should = argument.key.is_none()
                    && match (at, before) {
                        (0, (0, 0)) => found.limits.len() == 1 && found.windows.is_empty() && is_number(&value),
                        (1, (1, 0)) => found.windows.len() == 1 && found.limits.len() == 1 && is_window(&value),
                        _ => false,
                    };
                if !as_it_should {
                    in_position
                        .push(argument.key.is_none() && found.limits.len() + found.windows.len() == at + 1 && at < 2);
                    odd.extend(argument.tokens.iter().cloned());
                }
            }
        }
    }
    let ([limit], [window]) = (found.limits.as_slice(), found.windows.as_slice()) else { return None };
    let first = odd.first()?.span();
    let rest: String = rest.iter().map(|option| format!(", {option}")).collect();
    let help = format!("write `#[rate_limit({limit}, \"{window}\"{rest})]`");
    let message = match (in_position.as_slice(), odd.as_slice()) {
        ([true], [TokenTree::Literal(text)]) if text.to_string() == format!("\"{limit}\"") => {
            "a rate limit is written without quotes"
        }
        ([true], _)
            if !list.first().is_some_and(|first| {
                first.tokens.first().map(ToString::to_string) == odd.first().map(ToString::to_string)
            }) =>
        {
            "a window must be a string literal with a unit"
        }
        _ => "`rate_limit` takes a number, then a window in quotes, then options",
    };
    Some((SourceRange::of(&odd, first), Diagnostic::new(message, help)))
}

/// `5`, or a constant.
fn is_number(value: &[TokenTree]) -> bool {
    matches!(value, [TokenTree::Literal(literal)] if matches!(Lit::new(literal.clone()), Lit::Int(_)))
        || matches!(value.last(), Some(TokenTree::Ident(_)))
}

/// `"15m"`
fn is_window(value: &[TokenTree]) -> bool {
    matches!(value, [TokenTree::Literal(literal)] if matches!(Lit::new(literal.clone()), Lit::Str(_)))
}

#[derive(Default)]
struct Found {
    limits: Vec<String>,
    windows: Vec<String>,
}

impl Found {
    /// Returns `None` if it is neither.
    fn read(&mut self, value: &[TokenTree]) -> Option<()> {
        match value {
            [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
                Lit::Str(text) => self.text(&text)?,
                Lit::Int(number) if number.suffix().is_empty() => self.limits.push(literal.to_string()),
                Lit::Int(number) => {
                    let written = format!("{}{}", number.base10_digits(), number.suffix());
                    self.windows.push(window::seconds(&written).ok().map(|_| written)?);
                }
                _ => return None,
            },
            // `15 m`
            [TokenTree::Literal(number), TokenTree::Ident(unit)] => {
                self.windows.push(joined(&number.to_string(), &unit.to_string())?);
            }
            // `5 / 15m`, `5 / minute`, `5 per "15m"`
            [rate_limit @ TokenTree::Literal(_), between, window @ ..] if is_between(between) => match window {
                [TokenTree::Ident(unit)] => {
                    self.read(std::slice::from_ref(rate_limit))?;
                    self.windows.push(joined("1", &unit.to_string())?);
                }
                window => {
                    self.read(std::slice::from_ref(rate_limit))?;
                    self.read(window)?;
                }
            },
            // `Duration::from_secs(900)`
            [.., TokenTree::Ident(function), TokenTree::Group(group)]
                if group.delimiter() == Delimiter::Parenthesis =>
            {
                let function = function.to_string();
                let unit = function.strip_prefix("from_").unwrap_or(&function);
                let number = text(group.stream());
                self.windows.push(joined(&number, unit)?);
            }
            path if Value::is_constant(path) => {
                self.limits.push(text(path.iter().cloned().collect()));
            }
            _ => return None,
        }
        Some(())
    }

    /// `"5"`, `"15m"`, or both: `"5/15m"`, `"5 per minute"`.
    fn text(&mut self, written: &LitStr) -> Option<()> {
        let written = written.value();
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if number(&written) {
            self.limits.push(written);
            return Some(());
        }
        if window::seconds(&written).is_ok() {
            self.windows.push(written);
            return Some(());
        }
        let end = written.find(|c: char| !c.is_ascii_digit())?;
        let (rate_limit, rest) = written.split_at(end);
        let rest = rest.trim();
        let rest = ["/", "per ", "in ", "every ", "each "].iter().find_map(|word| rest.strip_prefix(word))?.trim();
        let window = if window::seconds(rest).is_ok() { rest.to_owned() } else { joined("1", rest)? };
        if !number(rate_limit) {
            return None;
        }
        self.limits.push(rate_limit.to_owned());
        self.windows.push(window);
        Some(())
    }
}

fn is_between(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == '/',
        TokenTree::Ident(word) => ["per", "every", "each"].iter().any(|between| word == between),
        _ => false,
    }
}

/// Returns the window for a number and a unit in any spelling: `mins`, `MINUTES`, `secs`.
fn joined(number: &str, unit: &str) -> Option<String> {
    let unit = unit.to_lowercase();
    let unit = match unit.as_str() {
        "s" | "secs" | "sec" | "second" | "seconds" => "s",
        "m" | "mins" | "min" | "minute" | "minutes" => "m",
        "h" | "hrs" | "hr" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let window = format!("{}{unit}", number.replace('_', ""));
    window::seconds(&window).ok().map(|_| window)
}

#[cfg(test)]
mod tests {
    use proc_macro2::Group;

    use super::*;
    use crate::arguments::Arguments;
    use crate::gather::keyword;

    fn help(written: &str) -> Option<String> {
        let keyword = keyword("rate_limit");
        other_spelling(Arguments::new(&keyword, written.parse().unwrap()).rest()).map(|(_, diagnostic)| diagnostic.help)
    }

    #[test]
    fn other_spellings_keep_every_option() {
        for (written, meant) in [
            ("\"15m\", 5", "5, \"15m\""),
            ("\"15m\", LIMIT", "LIMIT, \"15m\""),
            (
                "\"15 minutes\", 5, by = [ip, field(body.email)], observe",
                "5, \"15 minutes\", by = [ip, field(body.email)], observe",
            ),
            ("count = failures, 5, \"15m\"", "5, \"15m\", count = failures"),
            ("5, count = failures, \"15m\"", "5, \"15m\", count = failures"),
            ("observe, 5, \"15m\"", "5, \"15m\", observe"),
            ("\"5\", \"15m\", cost = 2", "5, \"15m\", cost = 2"),
            ("limit = 5, window = \"15m\"", "5, \"15m\""),
            ("5, per = \"15m\"", "5, \"15m\""),
            ("max = crate::limits::LOGIN, window = \"15m\"", "crate::limits::LOGIN, \"15m\""),
            ("5 / 15m", "5, \"15m\""),
            ("5/minute", "5, \"1m\""),
            ("5 per \"15m\", count = failures", "5, \"15m\", count = failures"),
            ("\"5/15m\"", "5, \"15m\""),
            ("\"5 per minute\", observe", "5, \"1m\", observe"),
            ("\"5 in 15 minutes\"", "5, \"15 minutes\""),
            ("5, 15m", "5, \"15m\""),
            ("5, 15 m", "5, \"15m\""),
            ("5, Duration::from_secs(900)", "5, \"900s\""),
            ("5, std::time::Duration::from_mins(15), count = failures", "5, \"15m\", count = failures"),
            ("5, hours(2)", "5, \"2h\""),
        ] {
            let meant = format!("write `#[rate_limit({meant})]`");
            assert_eq!(help(written).as_deref(), Some(meant.as_str()), "{written}");
        }
    }

    #[test]
    fn fragments_of_macro_rules_are_read() {
        let group = |text: &str| TokenTree::from(Group::new(Delimiter::None, text.parse().unwrap()));
        let (five, window) = (group("5"), group("\"15m\""));
        let keyword = keyword("rate_limit");
        let right = quote::quote!(#five, #window);
        assert!(other_spelling(Arguments::new(&keyword, right).rest()).is_none());
        let swapped = other_spelling(Arguments::new(&keyword, quote::quote!(#window, #five)).rest());
        assert_eq!(swapped.unwrap().1.help, "write `#[rate_limit(5, \"15m\")]`");
    }

    #[test]
    fn correct_or_unclear_spellings_are_left_alone() {
        for written in [
            "",
            "5, \"15m\"",
            "LIMIT, \"15m\", count = failures",
            "5",
            "\"15m\"",
            "5, 900",
            "\"5\", \"6\"",
            "5, \"15m\", \"1h\"",
            "5, 10, \"15m\"",
            "5 + 1, \"15m\"",
            "\"5 apples\"",
            "5, Duration::from_millis(1)",
            "5, Duration::from_secs(15 * 60)",
        ] {
            assert_eq!(help(written), None, "{written}");
        }
    }
}
