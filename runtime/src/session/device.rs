//! Where a session began, as its user recognizes it in a list.
//!
//! Threat: a text of the client that forges a line of a log or a page, or fills the store (CWE-117, CWE-770). Promise: each text has a
//! bounded number of characters, and no control characters.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use crate::settings::RequestState;

/// How many characters of a label are kept.
const LONGEST_LABEL: usize = 120;
/// How many characters of a place are kept.
const LONGEST_PLACE: usize = 60;

/// Where a session began: a label of the device, and a place. Both are for people to read, and decide nothing.
///
/// [`of`](Self::of) reads both from the request. To show better ones, such as the name of a city, change them:
///
/// ```
/// use actix_web::HttpRequest;
/// use palisade::session::Device;
///
/// fn device(request: &HttpRequest) -> Device {
///     let device = Device::of(request);
///     let city = if device.place().starts_with("192.0.2.") { "Ghent" } else { "unknown" };
///     device.with_place(city)
/// }
/// # let request = actix_web::test::TestRequest::default().insert_header(("user-agent", "curl/8")).to_http_request();
/// # assert_eq!((device(&request).label(), device(&request).place()), ("curl/8", "unknown"));
/// ```
///
/// Privacy: the place is the address of the client unless it is changed, which is personal data. It is kept as long as the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    label: String,
    place: String,
}

impl Device {
    /// A device with this label and place. Control characters are left out. At most 120 characters of the label are kept, and 60 of the
    /// place.
    #[must_use]
    pub fn new(label: impl AsRef<str>, place: impl AsRef<str>) -> Self {
        Self { label: shown(label.as_ref(), LONGEST_LABEL), place: shown(place.as_ref(), LONGEST_PLACE) }
    }

    /// The device of a request: its label is the `User-Agent`, and its place is the address of the client, as the
    /// [trusted proxies](crate::PalisadeBuilder::trusted_proxies) say it. Each is empty if it is not known.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let label = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let address = RequestState::of(request).and_then(|state| state.settings.proxies.client(request.head()));
        let place = address.map(|address| address.to_string());
        Self::new(label.unwrap_or_default(), place.unwrap_or_default())
    }

    /// The same device with another place.
    #[must_use]
    pub fn with_place(self, place: impl AsRef<str>) -> Self {
        Self { place: shown(place.as_ref(), LONGEST_PLACE), ..self }
    }

    /// The same device with another label.
    #[must_use]
    pub fn with_label(self, label: impl AsRef<str>) -> Self {
        Self { label: shown(label.as_ref(), LONGEST_LABEL), ..self }
    }

    /// The label. It is text of the client: escape it where it is shown.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The place.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// The first characters of a text, without those that are not for people: controls, and marks that change the direction of the text.
fn shown(text: &str, most: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFFD}')
    };
    let visible: String = text.chars().filter(|c| !hidden(*c)).take(most).collect();
    visible.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_have_no_controls() {
        let device = Device::new(format!(" a\r\nb\u{0}\u{61C}\u{202E}{} ", "x".repeat(1000)), "\u{1b}[2J1.2.3.4\n");
        assert_eq!(device.label().chars().count(), LONGEST_LABEL - 1, "{device:?}");
        assert!(device.label().starts_with("abxx"));
        assert_eq!(device.place(), "[2J1.2.3.4");
        assert_eq!(Device::new("ü".repeat(200), "").label().chars().count(), LONGEST_LABEL);
        assert_eq!(device.with_label("\t").with_place("\n"), Device::default());
    }
}
