//! What a client sent, as a list of tokens, before it becomes a value of the application.
//!
//! Threat: an error that cannot say where the mistake is (ASVS V2.2.1), and a small body that becomes huge in memory (CWE-770).
//! Promise: each place of the input is one index, from which its JSON pointer is found (RFC 6901). A document is one allocation
//! that grows with the input, and texts stay in the buffer that was received, unless they contain an escape.

use std::borrow::Cow;
use std::cell::OnceCell;

/// How many bytes the pointer to a place in a body has at most.
const LONGEST_POINTER: usize = 1024;

/// One part of a document. An object is followed by its members, each a name and a value; a list is followed by its items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum InputToken {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// A text, or the name of a member, as it was sent.
    Text(Span),
    /// The same, if it had an escape.
    Unescaped(Span),
    /// The index after its last item.
    List(u32),
    /// The index after its last member.
    Object(u32),
}

/// A part of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    fn range(self) -> std::ops::Range<usize> {
        let start = index(self.start);
        start..start.saturating_add(index(self.len))
    }
}

/// Positions have 32 bits, so that a token is small. A longer input is rejected before it is parsed.
pub(super) fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Where the texts of a document come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, whose values have types.
    Json,
    /// Pairs of texts: a form, a query or a path. The reader decides what a text is.
    Pairs,
}

/// The input of one request, or of one part of it. The root is the token 0.
#[derive(Debug)]
pub(crate) struct Document<'b> {
    /// What was received.
    pub(super) text: &'b str,
    /// The texts that had escapes, one after the other.
    pub(super) unescaped: String,
    pub(super) tokens: Vec<InputToken>,
    pub(super) format: Format,
    /// Found when a type asks for one of them.
    pub(super) large_numbers: OnceCell<Vec<(usize, &'b str)>>,
}

impl Document<'_> {
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn token(&self, at: usize) -> Option<InputToken> {
        self.tokens.get(at).copied()
    }

    /// The text or the name at this index.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        match self.token(at)? {
            InputToken::Text(span) => self.text.get(span.range()),
            InputToken::Unescaped(span) => self.unescaped.get(span.range()),
            _ => None,
        }
    }

    /// The index after the last item or member of the container at this index.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        match self.token(at)? {
            InputToken::List(end) | InputToken::Object(end) => Some(index(end)),
            _ => None,
        }
    }

    /// The index after the value at this index.
    pub(crate) fn after(&self, at: usize) -> usize {
        self.end(at).unwrap_or(at.saturating_add(1))
    }

    pub(crate) fn is_object(&self, at: usize) -> bool {
        matches!(self.token(at), Some(InputToken::Object(_)))
    }

    pub(crate) fn is_list(&self, at: usize) -> bool {
        matches!(self.token(at), Some(InputToken::List(_)))
    }

    /// Adds a text that was not received as it is.
    pub(super) fn add_text(&mut self, text: &str) {
        let span = Span { start: position(self.unescaped.len()), len: position(text.len()) };
        self.unescaped.push_str(text);
        self.tokens.push(InputToken::Unescaped(span));
    }

    /// Ends the container at this index.
    pub(super) fn close(&mut self, at: usize) {
        let here = position(self.tokens.len());
        if let Some(InputToken::List(end) | InputToken::Object(end)) = self.tokens.get_mut(at) {
            *end = here;
        }
    }

    /// The members of the object at this index: the name and the index of the value. None if it is not an object.
    pub(crate) fn members(&self, at: usize) -> impl Iterator<Item = (&str, usize)> {
        let end = self.end(at).filter(|_| self.is_object(at)).unwrap_or(0);
        let mut next = at.saturating_add(1);
        std::iter::from_fn(move || {
            let name = self.text(next).filter(|_| next < end)?;
            let value = next.saturating_add(1);
            next = self.after(value);
            Some((name, value))
        })
    }

    /// The indexes of the items of the list at this index. None if it is not a list.
    pub(crate) fn items(&self, at: usize) -> impl Iterator<Item = usize> {
        let end = self.end(at).filter(|_| self.is_list(at)).unwrap_or(0);
        let mut next = at.saturating_add(1);
        std::iter::from_fn(move || {
            let item = Some(next).filter(|item| *item < end)?;
            next = self.after(item);
            Some(item)
        })
    }

    /// The steps from the root to the value, or to the name, at this index.
    pub(crate) fn path_to(&self, target: usize) -> Vec<Cow<'_, str>> {
        let (mut path, mut here) = (Vec::new(), 0);
        while here < target {
            let mut members = self.members(here);
            let mut items = self.items(here).enumerate();
            // The name of a member is before its value.
            let leads =
                |before: usize, value: usize| (value.saturating_sub(before)..self.after(value)).contains(&target);
            let member = members.find(|(_, value)| leads(1, *value)).map(|(name, value)| (Cow::Borrowed(name), value));
            let item = || items.find(|(_, item)| leads(0, *item)).map(|(index, item)| (index.to_string().into(), item));
            let Some((step, value)) = member.or_else(item) else { break };
            path.push(step);
            here = value;
        }
        path
    }

    /// The JSON pointer of the value, or of the name, at this index.
    ///
    /// If it would be too long, that of the nearest parent: names are as long as a client wants, and each of the errors has a pointer.
    pub(crate) fn pointer(&self, at: usize) -> String {
        let mut pointer = String::new();
        for step in self.path_to(at) {
            let escaped = step.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
            let length = [pointer.len(), 1, step.len(), escaped].into_iter().fold(0, usize::saturating_add);
            if length > LONGEST_POINTER {
                break;
            }
            push_step(&mut pointer, &step);
        }
        pointer
    }
}

/// A JSON pointer: each step after a slash, in which `~` is `~0` and `/` is `~1` (RFC 6901 §3).
pub(crate) fn pointer_of<S: AsRef<str>>(steps: &[S]) -> String {
    let mut pointer = String::new();
    steps.iter().for_each(|step| push_step(&mut pointer, step.as_ref()));
    pointer
}

fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    for letter in step.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            letter => pointer.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::InputLimits;

    #[test]
    fn each_place_has_a_pointer_that_resolves() {
        let body = br#"{"a/b":[{"~":1},[2,{"c":[]}]],"":{"d":null,"e":"\u0066"}}"#;
        let sent: serde_json::Value = serde_json::from_slice(body).unwrap();
        let document = Document::from_json(body, &InputLimits::new()).unwrap();
        let mut pointers = Vec::new();
        for at in 0..document.len() {
            let pointer = document.pointer(at);
            assert!(sent.pointer(&pointer).is_some(), "{pointer}");
            pointers.push(pointer);
        }
        pointers.dedup();
        let expected = [
            "",
            "/a~1b",
            "/a~1b/0",
            "/a~1b/0/~0",
            "/a~1b/1",
            "/a~1b/1/0",
            "/a~1b/1/1",
            "/a~1b/1/1/c",
            "/",
            "//d",
            "//e",
        ];
        assert_eq!(pointers, expected);
        assert_eq!(document.text(document.len() - 1), Some("f"));
    }

    #[test]
    fn pointer_that_would_be_too_long_leads_to_the_nearest_parent() {
        let (short, long) = ("s".repeat(LONGEST_POINTER - 5), "~".repeat(LONGEST_POINTER));
        let body = format!(r#"{{"{short}":{{"a":{{"{long}":{{"b":1}}}}}}}}"#);
        let document = Document::from_json(body.as_bytes(), &InputLimits::new()).unwrap();
        let pointers: Vec<String> = (1..document.len()).map(|at| document.pointer(at)).collect();
        assert_eq!(pointers.iter().max_by_key(|pointer| pointer.len()), Some(&format!("/{short}/a")));
        assert!(pointers.iter().all(|pointer| document.text.len() > LONGEST_POINTER && !pointer.contains('~')));
    }
}
