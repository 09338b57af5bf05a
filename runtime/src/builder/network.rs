//! The hosts of the application, and the address of the client: which proxies are trusted, and which header they write.

use super::PalisadeBuilder;
use crate::host::{AllowedHosts, HostRules};
use crate::proxy::{AddressGroup, ForwardedBy, proxy_peers};

impl PalisadeBuilder {
    /// The hosts for which the application responds, as clients name them in `Host` or `:authority`. A second call replaces the first.
    ///
    /// A request that names another host is rejected with 421 (RFC 9110 §15.5.20). One whose host is missing, repeated or malformed,
    /// or differs between `Host` and the target of the request, is rejected with 400. This is the first check of all, also before a
    /// CORS preflight.
    ///
    /// An entry is a DNS name, an IPv4 address, or an IPv6 address in brackets. `"*.example.com"` means each name below
    /// `example.com`, and not that name itself. With a port, as in `"api.example.com:8443"`, exactly that port fits; a host without
    /// a port fits 80 and 443. Without a port, every port fits. Hosts are compared without case. Another text, and an empty list, are
    /// configuration errors.
    ///
    /// Default: a request over a connection from a loopback address to a loopback address must name a loopback host (`localhost`, a
    /// name below `.localhost`, 127.0.0.0/8, `[::1]`; with any port) or none, unless it comes from a
    /// [trusted proxy](Self::trusted_proxies). Otherwise the page of an attacker could call a server on the user's machine with the
    /// attacker's own name, which resolves to 127.0.0.1 (DNS rebinding, CWE-350). On other connections every host is accepted.
    ///
    /// Danger: without this setting, a link, a redirect or a cached page that is made from the host of the request can lead to an
    /// attacker (CWE-644). With it, `HttpRequest::connection_info` and what uses it (`url_for`, `full_url`) still believe
    /// `X-Forwarded-Host`, `X-Forwarded-Proto` and `Forwarded` of every client. Make links from a configured address instead.
    ///
    /// Danger: a server that listens on all addresses (`0.0.0.0`), or whose trusted proxies include a loopback address, does not
    /// detect DNS rebinding without this setting.
    ///
    /// ```
    /// # use palisade::Palisade;
    /// Palisade::builder().hosts(["api.example.com", "*.internal.example.com"]).build()?;
    /// assert!(Palisade::builder().hosts(["https://api.example.com"]).build().is_err());
    /// # Ok::<(), palisade::ConfigError>(())
    /// ```
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.hosts = HostRules::Listed(AllowedHosts::parse(hosts, &mut self.mistakes));
        self
    }

    /// Accepts every host, also on a listener with a loopback address. It replaces [`hosts`](Self::hosts).
    ///
    /// Danger: on a developer's machine, the page of any site can then call the server with the attacker's own name (DNS
    /// rebinding, CWE-350). Use it only if something before the server checks the host.
    pub fn danger_any_host(mut self) -> Self {
        self.hosts = HostRules::Any;
        self
    }

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
