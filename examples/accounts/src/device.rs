//! What a person reads about the device of a session.
//!
//! The threat is a session that its owner does not recognize, and therefore does not end (OWASP ASVS V7.5.2). A `User-Agent` names
//! three other browsers and says little to most people, so the list shows the browser and the system that it stands for. It decides
//! nothing: anyone can send any `User-Agent`.

use actix_web::{HttpRequest, http::header::USER_AGENT};
use palisade::session::Device;

/// The parts of a `User-Agent`, and what they mean. The first that matches counts: most browsers also name Chrome and Safari.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Returns the device of the request, such as `Firefox on Linux`, and its address.
pub fn of(request: &HttpRequest) -> Device {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Device::of(request).with_label(label(agent.unwrap_or_default()))
}

/// Returns a short label, or the whole text if it names no known browser.
fn label(agent: &str) -> String {
    let known =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_named() {
        let mozilla = "Mozilla/5.0 (X11; Linux x86_64";
        for (agent, expected) in [
            (format!("{mozilla}; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux"),
            (
                format!("{mozilla}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"),
                "Chrome on Linux",
            ),
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36 Edg/140.0".to_owned(), "Edge on Windows"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1".to_owned(),
                "Safari on iPhone",
            ),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36".to_owned(), "Chrome on Android"),
            ("curl/8.5.0".to_owned(), "curl"),
            ("a program of Ada".to_owned(), "a program of Ada"),
            (String::new(), ""),
        ] {
            assert_eq!(label(&agent), expected, "{agent}");
        }
    }
}
