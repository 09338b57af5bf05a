//! The address of the client: which proxies are trusted, and which header they write.

use super::PalisadeBuilder;
use crate::proxy::{AddressGroup, ForwardedBy, proxy_peers};

impl PalisadeBuilder {
    /// The address ranges of the proxies that are trusted to name the client. Default: none; the client is then the peer of the
    /// connection. A second call replaces the first.
    ///
    /// The proxies write the header of [`forwarded_by`](Self::forwarded_by). It is read from the right to the first address
    /// that is in none of the ranges.
    ///
    /// `"unix:"` means each peer that connects to a Unix socket of the server (`HttpServer::bind_uds`), because such a peer has
    /// no address. The proxy must name the client on every request; if it does not, a rate limit by address responds with 500.
    /// Danger: each process that may open the socket file can claim any address, so let only the proxy open it. A TCP client
    /// that resets its connection has no address either: do not listen on a TCP address beside the socket.
    ///
    /// A string that is neither `"unix:"` nor an address range such as `10.0.0.0/8` is a configuration error. So is a range wider
    /// than `10.0.0.0/8` or `fc00::/7`: if every address is trusted, the left end of the list is used, and the client writes
    /// that. If your platform changes the addresses of its proxies, list the network that it reserves for them.
    ///
    /// Danger: a client inside one of the ranges can claim any address, and so gets a fresh rate limit with each request (ASVS
    /// V15.3.4, V4.1.3).
    pub fn trusted_proxies(mut self, ranges: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.proxies = proxy_peers(ranges, &mut self.mistakes);
        self
    }

    /// The header that the [`trusted_proxies`](Self::trusted_proxies) write. Default: [`ForwardedBy::XForwardedFor`]. Without
    /// trusted proxies, setting it is a configuration error.
    ///
    /// Danger: see [`ForwardedBy`].
    ///
    /// ```
    /// # use palisade::Palisade;
    /// # use palisade::proxy::ForwardedBy;
    /// let edge = ForwardedBy::EdgeHeader("cf-connecting-ip".to_owned());
    /// Palisade::builder().trusted_proxies(["192.0.2.0/24"]).forwarded_by(edge).build()?;
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn forwarded_by(mut self, header: ForwardedBy) -> Self {
        self.forwarded_by = Some(header);
        self
    }

    /// How many leading bits of an IPv6 address identify a client in rate limits: 32 to 128. Default: 64. IPv4 addresses are
    /// always used whole.
    ///
    /// Danger: providers give sites /48 to /64 (RFC 6177 §2). A client with a /48 gets 65,536 rate limits if 64 bits count, and
    /// 256 if 56 bits count. If 128 bits count, every client can get a fresh rate limit for each request. With a shorter
    /// prefix, neighbours share one rate limit.
    ///
    /// ```
    /// # use palisade::Palisade;
    /// Palisade::builder().ipv6_prefix(56).build()?;
    /// assert!(Palisade::builder().ipv6_prefix(0).build().is_err());
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        if let Some(group) = self.mistakes.note(AddressGroup::of_prefix(bits)) {
            self.group = group;
        }
        self
    }
}
