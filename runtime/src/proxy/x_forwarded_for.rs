//! `X-Forwarded-For`, read from the right. The header has no specification, so an address may have a port or brackets.

use std::net::IpAddr;

use super::hop::address;

/// See [`LastHop`](super::LastHop). Only the last hop is parsed: the text to its left may come from a client and have any form.
pub(super) fn last_hop(line: &[u8]) -> Option<(IpAddr, Option<&[u8]>)> {
    let mut parts = line.rsplitn(2, |byte| *byte == b',');
    let hop = parts.next()?;
    Some((address(str::from_utf8(hop).ok()?.trim())?, parts.next()))
}
