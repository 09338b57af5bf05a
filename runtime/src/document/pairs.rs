//! A document from pairs of names and texts: a form, a query, or the parameters of a path.
//!
//! Threat: a parameter that is there twice, and of which two programs read different values (CWE-235, CWE-436). Promise: each name
//! is there once. Its values are a list if there are several, and only a type that reads a list accepts it.

use std::borrow::Cow;
use std::cell::OnceCell;

use percent_encoding::percent_decode;
use url::form_urlencoded;

use super::faults::FaultKind;
use super::limits::InputLimits;
use super::tokens::{Document, Format, InputToken};

impl<'b> Document<'b> {
    /// Parses `a=1&b=2` (WHATWG URL, `application/x-www-form-urlencoded`). On failure, the name of the field that is over a limit,
    /// and the limit, or that of the field that is not UTF-8.
    pub(crate) fn from_form(form: &'b [u8], limits: &InputLimits) -> Result<Self, (String, FaultKind)> {
        let pairs = form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let name = decoded(name).ok_or_else(|| (String::new(), FaultKind::Format))?;
            let value = decoded(value).ok_or_else(|| (bounded(&name, limits), FaultKind::Format))?;
            Ok((name, value))
        });
        Self::of_pairs(pairs, limits)
    }

    /// A form that an extractor has accepted, whatever it did with what is not UTF-8.
    pub(crate) fn from_accepted_form(form: &'b [u8]) -> Option<Self> {
        Self::from_pairs(form_urlencoded::parse(form), &InputLimits::NONE).ok()
    }

    /// A document of these pairs.
    pub(crate) fn from_pairs(
        pairs: impl Iterator<Item = (Cow<'b, str>, Cow<'b, str>)>,
        limits: &InputLimits,
    ) -> Result<Self, (String, FaultKind)> {
        Self::of_pairs(pairs.map(Ok), limits)
    }

    #[allow(clippy::type_complexity, reason = "a pair, or its fault")]
    fn of_pairs(
        pairs: impl Iterator<Item = Result<(Cow<'b, str>, Cow<'b, str>), (String, FaultKind)>>,
        limits: &InputLimits,
    ) -> Result<Self, (String, FaultKind)> {
        let mut fields: Vec<(Cow<'b, str>, Cow<'b, str>)> = Vec::new();
        for pair in pairs {
            if fields.len() == limits.fields {
                return Err((String::new(), FaultKind::TooManyFields(limits.fields)));
            }
            let (name, value) = pair?;
            if name.len() > limits.text || value.len() > limits.text {
                return Err((bounded(&name, limits), FaultKind::TooLong(limits.text)));
            }
            fields.push((name, value));
        }
        Ok(Self::of_fields(fields))
    }

    /// A document of the parameters of a path, in their order.
    pub(crate) fn from_path<'p>(parameters: impl Iterator<Item = (&'p str, Cow<'p, str>)>) -> Self {
        let mut document = Self::empty_object();
        for (name, value) in parameters {
            document.add_text(name);
            document.add_text(&value);
        }
        document.close(0);
        document
    }

    fn of_fields(mut fields: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Self {
        // The sort is stable: the values of one name stay in their order.
        if fields.len() > 1 {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let mut document = Self::empty_object();
        for same in fields.chunk_by(|(a, _), (b, _)| a == b) {
            if let [(name, value)] = same {
                document.add_text(name);
                document.add_text(value);
            } else if let [(name, _), ..] = same {
                document.add_text(name);
                let list = document.len();
                document.tokens.push(InputToken::List(0));
                same.iter().for_each(|(_, value)| document.add_text(value));
                document.close(list);
            }
        }
        document.close(0);
        document
    }

    fn empty_object() -> Self {
        let tokens = vec![InputToken::Object(0)];
        Self { text: "", unescaped: String::new(), tokens, format: Format::Pairs, large_numbers: OnceCell::new() }
    }
}

/// A name or a value of a form. Bytes that are not UTF-8 would all become the same character, so they are not accepted.
fn decoded(text: &[u8]) -> Option<Cow<'_, str>> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

/// A name that may be shown in an error.
fn bounded(name: &str, limits: &InputLimits) -> String {
    if name.len() > limits.text { String::new() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_name_are_a_list_in_their_order() {
        let document = Document::from_form(b"b=2&a=1&b=3&c=&b=%31+x", &InputLimits::new()).unwrap();
        let texts: Vec<String> = document
            .members(0)
            .map(|(name, value)| match document.text(value) {
                Some(text) => format!("{name}={text}"),
                None => document
                    .items(value)
                    .fold(name.to_owned(), |all, item| format!("{all} {}", document.text(item).unwrap())),
            })
            .collect();
        assert_eq!(texts, ["a=1", "b 2 3 1 x", "c="]);
    }

    #[test]
    fn form_over_a_limit_is_rejected() {
        let limits = InputLimits::new().fields(2).text(3);
        let fault = |form: &'static str| Document::from_form(form.as_bytes(), &limits).map(|_| ()).unwrap_err();
        assert_eq!(fault("a=1&b=2&c=3"), (String::new(), FaultKind::TooManyFields(2)));
        assert_eq!(fault("a=1234"), ("a".to_owned(), FaultKind::TooLong(3)));
        assert_eq!(fault("abcd=1"), (String::new(), FaultKind::TooLong(3)));
        assert!(Document::from_form(b"a=1&b=123", &limits).is_ok());
    }

    #[test]
    fn form_that_is_not_utf8_is_rejected() {
        let fault = |form: &'static [u8]| Document::from_form(form, &InputLimits::new()).map(|_| ()).unwrap_err();
        assert_eq!(fault(b"b=1&a=%ff"), ("a".to_owned(), FaultKind::Format));
        assert_eq!(fault(b"a=\xff"), ("a".to_owned(), FaultKind::Format));
        assert_eq!(fault(b"a=+%C3"), ("a".to_owned(), FaultKind::Format));
        assert_eq!(fault(b"%ff=1"), (String::new(), FaultKind::Format));
        assert!(Document::from_accepted_form(b"a=%ff").is_some());
    }

    #[test]
    fn form_is_split_and_decoded_as_by_the_url_standard() {
        for form in [
            "",
            "&",
            "a",
            "=",
            "=a&a",
            "a==b=",
            "a=1&&b=2&",
            "a=%",
            "a=%4&b=%zz",
            "+a+=+%2B+",
            "a=1;b=2",
            "%C3%A9=%C3%A9",
            "a=%EF%BF%BD",
        ] {
            let ours = Document::from_form(form.as_bytes(), &InputLimits::new()).unwrap();
            let theirs = Document::from_pairs(form_urlencoded::parse(form.as_bytes()), &InputLimits::new()).unwrap();
            let texts = |document: &Document<'_>| -> Vec<_> {
                (0..document.len()).map(|at| document.text(at).map(str::to_owned)).collect()
            };
            assert_eq!(texts(&ours), texts(&theirs), "{form}");
        }
    }
}
