//! What a database reads in a text outside of comments, token by token.
//!
//! Threat: a word inside of a comment that is taken for a keyword, and a decision that is true for one literal and not for the statement.
//! Promise: each decision about a place looks at tokens, which comments are not, and goes on from one literal to the next.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeToken {
    /// In upper case.
    Word(String),
    Mark(char),
    /// A text or a name between quotes.
    Quoted,
    /// `E'..'` of PostgreSQL.
    EscapeText,
    /// A parameter.
    Parameter,
}

/// The tokens until now.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    /// Each with its place in the text since the last parameter.
    tokens: Vec<(CodeToken, usize)>,
    depth: usize,
    /// The depth of the parentheses of `ORDER BY` or `GROUP BY`, inside of its terms.
    by: Option<usize>,
}

/// Words that end the terms of `ORDER BY` or `GROUP BY`.
const AFTER_TERMS: [&str; 16] = [
    "EXCEPT",
    "FETCH",
    "FOR",
    "FROM",
    "GROUPS",
    "HAVING",
    "INTERSECT",
    "LIMIT",
    "OFFSET",
    "RANGE",
    "RETURNING",
    "ROWS",
    "SELECT",
    "UNION",
    "WHERE",
    "WINDOW",
];
/// What may follow a whole term of `ORDER BY`.
const AFTER_TERM: [&str; 7] = ["ASC", "COLLATE", "DESC", "LIMIT", "NULLS", "OFFSET", "FETCH"];

/// Whether both databases read the character as a part of a word: each one outside of ASCII is.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

impl Code {
    pub(super) fn add(&mut self, token: CodeToken, at: usize) {
        match &token {
            CodeToken::Mark('(') => self.depth += 1,
            CodeToken::Mark(')') => {
                self.depth = self.depth.saturating_sub(1);
                self.by = self.by.filter(|depth| *depth <= self.depth);
            }
            CodeToken::Word(word) if word == "BY" => self.by = Some(self.depth),
            CodeToken::Word(word) if AFTER_TERMS.contains(&word.as_str()) => self.by = None,
            _ => {}
        }
        self.tokens.push((token, at));
    }

    pub(super) fn last(&self) -> Option<&CodeToken> {
        self.tokens.last().map(|(token, _)| token)
    }

    pub(super) fn ends_with_word(&self, words: &[&str]) -> bool {
        matches!(self.last(), Some(CodeToken::Word(last)) if words.contains(&last.as_str()))
    }

    /// Whether a parameter here is a whole term of `ORDER BY` or `GROUP BY`. `rest` is the text after it.
    pub(super) fn is_term(&self, rest: &str) -> bool {
        let begins =
            self.ends_with_word(&["BY"]) || (self.last() == Some(&CodeToken::Mark(',')) && self.by == Some(self.depth));
        let rest = rest.trim_start();
        let word: String = rest.chars().take_while(|c| is_word(*c)).collect();
        let ends = rest.is_empty()
            || rest.starts_with([',', ')', ';'])
            || ["--", "/*"].iter().any(|comment| rest.starts_with(comment))
            || AFTER_TERM.contains(&word.to_ascii_uppercase().as_str());
        begins && ends
    }

    /// The place of `IN (` or `NOT IN (` at the end, and whether it is negated. `None` if the end is another one, or if its keyword is
    /// not in the text since the last parameter, or if there is nothing to compare.
    pub(super) fn list(&self, text_since: usize) -> Option<(usize, bool)> {
        let is_word_of = |token: &CodeToken, word: &str| matches!(token, CodeToken::Word(found) if found == word);
        let [before @ .., (keyword, at), (CodeToken::Mark('('), _)] = self.tokens.as_slice() else { return None };
        if !is_word_of(keyword, "IN") || self.tokens.len() - text_since < 2 {
            return None;
        }
        match before {
            [left @ .., (not, not_at)] if is_word_of(not, "NOT") && self.tokens.len() - text_since >= 3 => {
                (!left.is_empty()).then_some((*not_at, true))
            }
            // `NOT` in an earlier literal would negate what follows it.
            [.., (not, _)] if is_word_of(not, "NOT") => None,
            [.., (CodeToken::Mark('.'), _)] | [] => None,
            _ => Some((*at, false)),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.tokens.len()
    }

    /// What may be true after one of several cases.
    pub(super) fn joined(cases: impl IntoIterator<Item = Self>) -> Self {
        cases
            .into_iter()
            .reduce(|one, other| {
                let by = one.by.or(other.by);
                let keep_one = one.last() == Some(&CodeToken::EscapeText);
                Self { by, ..if keep_one { one } else { other } }
            })
            .unwrap_or_default()
    }
}
