//! `Forwarded` (RFC 7239), strictly and from the right.
//!
//! Threat: a client that sends `for="` turns what the proxy appends, `, for=198.51.100.1`, into part of a quoted string, if the
//! line is parsed from the left (CWE-436). Promise: the last element is parsed from the right end, so nothing to its left can
//! change its meaning.
//!
//! ```text
//! RFC 7239 §4   element = [ pair ] *( ";" [ pair ] )     pair = token "=" ( token / quoted-string )
//! RFC 7239 §6   node    = ( IPv4 / "[" IPv6 "]" / "unknown" / "_" name ) [ ":" ( 1*5DIGIT / "_" name ) ]
//! ```

use std::net::IpAddr;

use palisade_grammar::names::is_token_byte;

/// See [`LastHop`](super::LastHop). `None` if the element does not match this grammar, does not have exactly one `for`, or
/// names no address.
pub(super) fn last_hop(line: &[u8]) -> Option<(IpAddr, Option<&[u8]>)> {
    last_element(line).map(|element| (element.address, element.left))
}

/// One element of the list.
pub(super) struct Element<'l> {
    pub(super) address: IpAddr,
    /// The scheme that this hop used.
    pub(super) proto: Option<&'l [u8]>,
    /// The text to the left of its comma, if there is one.
    pub(super) left: Option<&'l [u8]>,
}

pub(super) fn last_element(line: &[u8]) -> Option<Element<'_>> {
    let mut rest = line.trim_ascii_end();
    let (mut node, mut proto) = (None, None);
    loop {
        if let Some((before, name, value)) = split_pair(rest) {
            rest = before;
            // A parameter must occur once (RFC 7239 §4); the second may come from a `host` that was not quoted.
            if name.eq_ignore_ascii_case(b"for") && node.replace(value).is_some() {
                return None;
            }
            if name.eq_ignore_ascii_case(b"proto") && proto.replace(value).is_some() {
                return None;
            }
        }
        // A pair may be absent between two `;`. Any other text does not match the grammar and is rejected below.
        match rest.strip_suffix(b";") {
            Some(before) => rest = before,
            None => break,
        }
    }
    let rest = rest.trim_ascii_end();
    let left = if rest.is_empty() { None } else { Some(rest.strip_suffix(b",")?) };
    Some(Element { address: address(node?)?, proto, left })
}

/// Splits off the last pair: the text before it, its name and its value.
fn split_pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (before, value) = if text.ends_with(b"\"") { split_quoted(text)? } else { split_token(text)? };
    let (before, name) = split_token(before.strip_suffix(b"=")?)?;
    Some((before, name, value))
}

fn split_token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = text.iter().rev().take_while(|byte| is_token_byte(**byte)).count();
    text.split_at_checked(text.len().checked_sub(length)?).filter(|(_, token)| !token.is_empty())
}

/// Splits off the last quoted string: the text before it, and its content. Escapes are not resolved, because no address needs a
/// `\`.
fn split_quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_suffix(b"\"").filter(|inside| !escapes(inside))?;
    let mut left = inside;
    loop {
        let (before, string) = inside.split_at_checked(left.iter().rposition(|byte| *byte == b'"')?)?;
        if !escapes(before) {
            return Some((before, string.strip_prefix(b"\"")?));
        }
        left = before;
    }
}

/// Whether the byte after these is escaped: the number of backslashes before it is odd.
fn escapes(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() & 1 == 1
}

fn address(node: &[u8]) -> Option<IpAddr> {
    let node = str::from_utf8(node).ok()?;
    let (address, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (v6, port) = rest.split_once(']')?;
            (IpAddr::V6(v6.parse().ok()?), port)
        }
        None => {
            let (v4, port) = node.split_at_checked(node.find(':').unwrap_or(node.len()))?;
            (IpAddr::V4(v4.parse().ok()?), port)
        }
    };
    (port.is_empty() || is_port(port.strip_prefix(':')?)).then(|| address.to_canonical())
}

fn is_port(port: &str) -> bool {
    match port.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of the last hop and the text to its left, or `-` if there is no hop.
    fn read(line: &str) -> String {
        last_hop(line.as_bytes()).map_or_else(
            || "-".to_owned(),
            |(hop, left)| {
                left.map_or(hop.to_string(), |left| format!("{hop} < {}", str::from_utf8(left).unwrap().trim()))
            },
        )
    }

    #[test]
    fn valid_rfc_7239_elements_are_read() {
        for (line, hop) in [
            // The examples of RFC 7239 §4 and §7.5.
            (r#"For="[2001:db8:cafe::17]:4711""#, "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17 < for=192.0.2.43"),
            (
                "for=192.0.2.43,for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com",
                "198.51.100.17 < for=192.0.2.43",
            ),
            (r#"by="[2001:db8::1]";FOR="192.0.2.1:80""#, "192.0.2.1"),
            (r#"for="192.0.2.1:_hidden.0-_""#, "192.0.2.1"),
            (r#"for="192.0.2.1""#, "192.0.2.1"),
            (r#"for="[::ffff:192.0.2.1]""#, "192.0.2.1"),
            ("for=192.0.2.1;", "192.0.2.1"),
            (";;for=192.0.2.1;;proto=http", "192.0.2.1"),
            ("a=b \t,\t for=192.0.2.1 \t", "192.0.2.1 < a=b"),
            (r#"for=192.0.2.1;host="a,b;for=6.6.6.6""#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="a\",for=6.6.6.6;b=\"""#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="\\""#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="\\\"""#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="""#, "192.0.2.1"),
        ] {
            assert_eq!(read(line), hop, "{line}");
        }
    }

    #[test]
    fn element_without_an_address_is_not_read() {
        for line in [
            "",
            " ",
            ",",
            ";",
            "for",
            "for=",
            "=192.0.2.1",
            "for==192.0.2.1",
            "192.0.2.1",
            "proto=http",
            "for=unknown",
            "for=_hidden",
            r#"for="_hidden:80""#,
            r#"for="unknown:80""#,
            "for=192.0.2.1,",
            "for=192.0.2.1, ;",
            "forr=192.0.2.1",
        ] {
            assert_eq!(read(line), "-", "{line}");
        }
    }

    #[test]
    fn malformed_element_is_not_read() {
        for line in [
            "for=192.0.2.1:80",
            "for=2001:db8::1",
            "for=[2001:db8::1]",
            r#"for="2001:db8::1""#,
            r#"for="[192.0.2.1]""#,
            "for = 192.0.2.1",
            "for=192.0.2.1; proto=http",
            "for=192.0.2.1 ;proto=http",
            "x for=192.0.2.1",
            "for='192.0.2.1'",
            r#"for="192.0.2.1"#,
            r#"for=192.0.2.1""#,
            r#"for="192.0.2.1\""#,
            r#"for=x"192.0.2.1""#,
            r#"for="192.0.2.\1""#,
            r#"for="192.0.2.1:""#,
            r#"for="192.0.2.1:123456""#,
            r#"for="192.0.2.1:_""#,
            r#"for="192.0.2.1:8o""#,
            r#"for="[2001:db8::1]80""#,
            r#"for="[2001:db8::1""#,
            r#"for=" 192.0.2.1""#,
            "for=192.0.2.01",
            "for=192.0.2",
            r#"for="[fe80::1%eth0]""#,
            "for=6.6.6.6;for=192.0.2.1",
            "for=192.0.2.1;FOR=192.0.2.1",
            r#"for=192.0.2.1 "x=y""#,
        ] {
            assert_eq!(read(line), "-", "{line}");
        }
    }

    #[test]
    fn unescaped_host_adds_no_hop() {
        assert_eq!(read(r#"for=192.0.2.1;host="x";for=6.6.6.6;y="""#), "-");
        assert_eq!(read("for=192.0.2.1;host=x;for=6.6.6.6"), "-");
    }

    #[test]
    fn forged_left_part_does_not_hide_appended_hop() {
        for client in [
            "\"",
            "for=\"",
            "for=\"\\",
            "for=6.6.6.6;",
            "for=6.6.6.6;host=\"a",
            ",",
            ";",
            "\\",
            "=",
            "for=",
            "a=\"\\\"",
        ] {
            for (own, saw) in
                [("for=192.0.2.1", "192.0.2.1"), ("proto=http;for=\"[2001:db8::1]:80\";by=_x", "2001:db8::1")]
            {
                assert_eq!(read(&format!("{client}, {own}")), format!("{saw} < {client}"));
            }
        }
    }
}
