//! Which paths may be those of the API.
//!
//! Threat: a spelling of the path that this check and a router read differently (CWE-22, CWE-178). Promise: a path counts as one of the API
//! if a server that decodes, normalizes or folds the case of it could route it there, and if it cannot be decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Prefixes of paths, as their segments in lower case.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Vec<Vec<String>>);

impl Prefixes {
    /// Adds a prefix. Returns what is wrong with it.
    pub(super) fn add(&mut self, prefix: &str) -> Result<(), String> {
        let is_plain = prefix.starts_with('/') && !prefix.contains(['%', '{', '}', ';', '\\', '?', '#', '*']);
        let segments: Vec<String> = segments(prefix).map(str::to_lowercase).collect();
        if !is_plain || segments.iter().any(|segment| segment == "..") {
            return Err(format!("must be the beginning of a path, such as \"/api\", but is {prefix:?}"));
        }
        self.0.push(segments);
        Ok(())
    }

    pub(super) fn may_contain(&self, path: &str) -> bool {
        let Some(decoded) = decoded(path) else { return true };
        // Some servers treat `;x=y` as a parameter of the segment.
        let names: Vec<String> =
            segments(&decoded).map(|segment| segment.split(';').next().unwrap_or_default().to_lowercase()).collect();
        !path.starts_with('/')
            || names.iter().any(|name| name == "..")
            || self.0.iter().any(|prefix| names.starts_with(prefix))
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "."))
}

/// Percent-decodes the path once. `None` if an escape is malformed, or the result is still encoded or is not UTF-8.
fn decoded(path: &str) -> Option<Cow<'_, str>> {
    let is_escape = |after: &str| {
        let digits = after.get(..2);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let text = percent_decode_str(path).decode_utf8().ok()?;
    let is_clean = path.split('%').skip(1).all(is_escape)
        && !text.contains(|character: char| character == '%' || character.is_control());
    is_clean.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Prefixes {
        let mut prefixes = Prefixes::default();
        texts.iter().for_each(|text| prefixes.add(text).unwrap());
        prefixes
    }

    #[test]
    fn protected_paths_are_recognized_in_every_spelling() {
        let api = prefixes(&["/api", "/auth/", "/v1/admin"]);
        for path in [
            "/api",
            "/api/",
            "/API/me",
            "//api/me",
            "/./api",
            "/%61pi/me",
            "/api%2fme",
            "/auth/login",
            "/api;v=1/me",
            "/v1//ADMIN;x/a",
        ] {
            assert!(api.may_contain(path), "{path}");
        }
        for path in [
            "/x/../api",
            "/%2e%2e/api",
            "/..",
            "/..;/api",
            "/%2561pi",
            "/%zz",
            "/%f",
            "/%ff",
            "/a%00b",
            "/a%0d%0ab",
            "*",
            "",
        ] {
            assert!(api.may_contain(path), "{path} must be treated as protected");
        }
        for path in ["/", "/health", "/apiary", "/docs/api", "/authors", "/a%20b", "/v1", "/v1/adminx", "/v1/x/admin"] {
            assert!(!api.may_contain(path), "{path}");
        }
        assert!(prefixes(&["/"]).may_contain("/health") && !prefixes(&[]).may_contain("/api"));
    }

    #[test]
    fn other_prefixes_are_mistakes() {
        for prefix in ["", "api", "/api/{id}", "/a%70i", "/api/..", "/api?x", "/*", "https://a/api"] {
            assert!(Prefixes::default().add(prefix).is_err(), "{prefix}");
        }
    }
}
