//! Whether rate limits refuse, and which headers tell a client about them.

/// Whether rate limits refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitMode {
    /// A request over its rate limit is refused with 429.
    #[default]
    Enforce,
    /// Requests are counted and reported, in headers and in the audit log, and none is refused.
    ///
    /// Danger: brute force is not stopped. For trying out new rate limits under real traffic.
    Observe,
}

/// How answers tell a client where it stands. A refusal has its `Retry-After` in every style.
///
/// In no style is anything said of a limit by a name that the caller chose ([`By::Field`](crate::rate_limit::By::Field),
/// [`By::Header`](crate::rate_limit::By::Header), [`By::Key`](crate::rate_limit::By::Key)): it would tell a stranger how often that name has failed. Of a list
/// such as `by = [ip, field(body.email)]` only the address is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// `RateLimit-Policy: "login";q=5;w=900` and `RateLimit: "login";r=0;t=412`, one item for each rate limit
    /// (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4): the rate limit and its window in seconds; what is left, and in how
    /// many seconds the next unit comes back.
    #[default]
    Draft10,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (in seconds from now) of the rate limit that has the
    /// least left; of several such, of the one that takes the longest. No standard says what they mean: for clients that know
    /// nothing else.
    Legacy,
    /// No headers.
    Omit,
}
