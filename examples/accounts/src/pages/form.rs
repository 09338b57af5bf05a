//! What a person has entered into a form, and what is wrong with it.
//!
//! The threat is a form that loses what was entered, so that people choose shorter texts and simpler passwords, and one that sends a
//! password back into a page (CWE-549). palisade rejects what no honest form sends, before the handler: that gets a page of its own. The
//! rest is checked by the same types as the input of the API, and the form is shown again with a sentence beside each field.

use std::{
    borrow::Cow,
    future::{Ready, ready},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use palisade::rate_limit::KeyText;
use palisade::session::BeginError;
use palisade::{Extractor, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use validator::Validate;

use crate::{app::AppCookies, email::Email};

/// In characters: the longest text of a field of one line that is shown again.
pub const LONGEST_LINE: u64 = 1_000;

/// The fields that are wrong, each with what to do about it.
#[derive(Default)]
pub struct Wrong(Vec<(&'static str, &'static str)>);

impl Wrong {
    /// Returns the fields of the value that break a rule.
    pub fn of(value: &impl Validate) -> Self {
        let mut wrong = Self::default();
        if let Err(errors) = value.validate() {
            // In the order of the forms, which is that of the sentences.
            let broken = SENTENCES.iter().filter(|(field, _)| errors.errors().contains_key(*field));
            wrong.0.extend(broken.copied());
            if wrong.0.is_empty() {
                wrong.0.push(("", "Something in the form cannot be accepted."));
            }
        }
        wrong
    }

    /// Sets the sentence of a field, which is then wrong.
    pub fn with(mut self, field: &'static str, sentence: &'static str) -> Self {
        match self.0.iter_mut().find(|(own, _)| *own == field) {
            Some((_, own)) => *own = sentence,
            None => self.0.push((field, sentence)),
        }
        self
    }

    /// Replaces the sentence of a field, if the field is wrong.
    pub fn reworded(self, field: &'static str, sentence: &'static str) -> Self {
        if self.about(field).is_some() { self.with(field, sentence) } else { self }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each field that is wrong, and its sentence.
    pub fn all(&self) -> &[(&'static str, &'static str)] {
        &self.0
    }

    /// The sentence for this field.
    pub fn about(&self, field: &str) -> Option<&'static str> {
        self.0.iter().find(|(own, _)| *own == field).map(|(_, sentence)| *sentence)
    }
}

/// That no page of another site has sent the form. As the first argument of a handler, it rejects the form before it is read, so that such
/// a page cannot use up the attempts of its visitor, and cannot create an account. It contains no client input.
#[derive(Extractor)]
pub struct OwnPage;

impl FromRequest for OwnPage {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let cookies = request.app_data::<Data<AppCookies>>();
        let checked = cookies.map_or(Err(BeginError::NotGuarded), |cookies| cookies.check_site(request));
        ready(checked.map(|()| Self).map_err(|error| Problem::from(error).into()))
    }
}

/// What to do about a field.
const SENTENCES: [(&str, &str); 6] = [
    ("name", "Enter a name of 1 to 100 characters, without control characters."),
    ("email", "Enter an email address, such as ada@example.com."),
    ("password", "Use a password of 8 to 128 characters."),
    ("expires_in_days", "Choose how long the key is valid: 1 to 365 days, or without an end."),
    ("title", "Enter a title of 1 to 200 characters, without control characters."),
    ("body", "Shorten the text to at most 10,000 characters."),
];

/// An email as it was entered, and its normalized form.
#[derive(Clone, Default, Serialize)]
pub struct EnteredEmail(pub String);

impl EnteredEmail {
    /// The normalized address. Validation rejects it if the text is not an address.
    pub fn address(&self) -> Email {
        Email::of_input(&self.0)
    }
}

impl<'de> Deserialize<'de> for EnteredEmail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// The key of the login rate limit of an account: the same as that of the API. A text that is not an address belongs to no account, and
/// is counted by itself.
impl KeyText for EnteredEmail {
    fn key_text(&self) -> Option<Cow<'_, str>> {
        let address = self.address();
        let text =
            if address.as_str().is_empty() { format!("no address: {}", self.0) } else { address.as_str().to_owned() };
        Some(Cow::Owned(text))
    }
}

impl validator::ValidateLength<u64> for EnteredEmail {
    fn length(&self) -> Option<u64> {
        self.0.length()
    }
}

/// Returns the lines of a text field of a form, which a browser ends with CR and LF, with a LF each.
pub fn with_plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
