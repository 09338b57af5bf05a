//! Proofs of possession: that a token is used by the client that it was issued to.
//!
//! Threat: an access token that leaked is used by whoever found it (CWE-294, CWE-522; RFC 9700 §2.2.1). Promise: a token with the claim
//! `cnf` is accepted only with a proof of the key in it. The proof is for this request, for this token and for now, and is used once. The
//! addresses of the API are configured, and not those that the request names.
//!
//! | reason | the request was rejected because |
//! |---|---|
//! | `token_bound` | a bound token was presented as a bearer token (RFC 9449 §7.2), or nothing here checks its proof |
//! | `proof_required` | the route accepts only bound credentials |
//! | `dpop_missing`, `dpop_repeated`, `dpop_malformed` | there is not one header `DPoP` with one signed token of at most 4 KiB |
//! | `dpop_typ`, `dpop_alg`, `dpop_crit`, `dpop_key` | its header has another type, an algorithm that is not accepted, an extension, or no usable public key |
//! | `dpop_other_key`, `dpop_signature` | it is not of the key of the token; the signature does not verify |
//! | `dpop_htm`, `dpop_htu`, `dpop_ath` | it is for another method, another address or another token |
//! | `dpop_iat`, `dpop_expired`, `dpop_nonce` | it is too old or of the future; its own time is over; it needs the nonce of the response |
//! | `dpop_jti`, `dpop_replayed` | it has no usable id; it was used before |
//! | `certificate_not_bound` | the connection has not the client certificate of the token |
//! | `dpop_replays` | (503) the store of used proofs is full or cannot be asked |

#[cfg(feature = "tls")]
mod certificate;
mod nonce;
mod replay;
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;

use self::nonce::{Age, Nonces};
use self::replay::ErasedReplays;
#[cfg(feature = "redis")]
pub use self::replay::RedisReplays;
pub use self::replay::{MemoryReplays, ReplayStore};
use self::target::Base;
use crate::audit;
use crate::authn::digest::{Digest, sha256};
use crate::authn::{AuthError, SenderConstraint, Unproved};
use crate::clock::Clock;
use crate::config_error::{ConfigError, Mistakes};
use crate::jwt::Algorithm;
use crate::jwt::dpop_proof::DpopProof;
use crate::principal::Confirmation;

const SETTING: &str = "dpop";
const PROOF: HeaderName = HeaderName::from_static("dpop");
const LONGEST_PROOF: usize = 4 * 1024;
const LONGEST_ID: usize = 256;
const WINDOW: Duration = Duration::from_secs(60);
/// By how much the clock of a client may be ahead.
const AHEAD: Duration = Duration::from_secs(5);
const ALGORITHMS: [Algorithm; 4] = [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Ps256];

/// How DPoP proofs are checked (RFC 9449), for [`PalisadeBuilder::dpop`](crate::PalisadeBuilder::dpop).
///
/// ```
/// use std::time::Duration;
/// use palisade::oauth::Dpop;
///
/// let dpop = Dpop::new("https://api.example")?.window(Duration::from_secs(30)).require_nonce([7; 32]);
/// # let _ = dpop;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[must_use]
pub struct Dpop {
    bases: Vec<Base>,
    window: Duration,
    algorithms: Vec<Algorithm>,
    /// The same as text, for challenges.
    names: String,
    nonces: Option<Nonces>,
    /// `None`: in memory.
    replays: Option<Arc<dyn ErasedReplays>>,
    /// `None`: the clock of the machine.
    clock: Option<Clock>,
    mistakes: Mistakes,
}

impl Dpop {
    /// Accepts proofs for this address of the API, as clients see it: scheme, host, and port if it is not the usual one, such as
    /// `https://api.example`. If a proxy removes a prefix of the path before it forwards a request, the address has that prefix.
    ///
    /// # Errors
    ///
    /// If it is no absolute `https` address (or `http` of loopback), or has user, query, fragment or dot segments.
    pub fn new(base: &str) -> Result<Self, ConfigError> {
        let dpop = Self {
            bases: vec![Base::parse(base)?],
            window: WINDOW,
            algorithms: Vec::new(),
            names: String::new(),
            nonces: None,
            replays: None,
            clock: None,
            mistakes: Mistakes::default(),
        };
        Ok(dpop.algorithms(ALGORITHMS))
    }

    /// Also accepts proofs for this address of the same API.
    pub fn base(mut self, base: &str) -> Self {
        self.bases.extend(self.mistakes.note(Base::parse(base)));
        self
    }

    /// How old a proof may be: 10 seconds to 5 minutes. Default: 60 seconds. A proof of more than 5 seconds in the future is rejected
    /// too. With [`require_nonce`](Self::require_nonce), the nonce has the time, and the clock of the client does not matter.
    pub fn window(mut self, window: Duration) -> Self {
        if !(Duration::from_secs(10)..=Duration::from_secs(300)).contains(&window) {
            self.mistakes.report(SETTING, "the window must be 10 seconds to 5 minutes");
        }
        self.window = window;
        self
    }

    /// The algorithms of proofs that are accepted. Default: `ES256`, `ES384`, `EdDSA` and `PS256`.
    ///
    /// Only asymmetric ones are possible. `RS256` and its relatives are for clients that can do nothing better.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        let is_secret = |one: &Algorithm| matches!(one, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512);
        if self.algorithms.is_empty() || self.algorithms.iter().any(is_secret) {
            self.mistakes.report(SETTING, "there must be algorithms for proofs, and none that needs a shared secret");
        }
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        self.names = names.join(" ");
        self
    }

    /// Demands a nonce of the server in each proof (RFC 9449 §9), so that proofs cannot be made in advance. Default: no nonce.
    ///
    /// The secret has at least 32 random bytes. Processes that serve the same API must have the same one. A client without a nonce, or with
    /// one of more than a minute ago, gets 401 with the error `use_dpop_nonce` and the nonce in the header `DPoP-Nonce`. The next nonce is
    /// also in responses to proofs with an older one, so clients that read it need no second request. Asking for a nonce is no failure of
    /// the client: rate limits that count failures do not count it, and its event in the audit log has the level `INFO`.
    pub fn require_nonce(mut self, secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        if secret.len() < nonce::SHORTEST_SECRET {
            self.mistakes.report(SETTING, "the secret for nonces must have at least 32 random bytes");
        }
        self.nonces = Some(Nonces::new(secret));
        self
    }

    /// Where the used proofs are remembered. Default: one [`MemoryReplays`] of the process, which all workers share. With a
    /// [clock](Self::clock) of its own: one for each call of [`build`](crate::PalisadeBuilder::build).
    pub fn replays(mut self, store: impl ReplayStore) -> Self {
        self.replays = Some(Arc::new(store));
        self
    }

    /// The clock by which proofs are valid. Default: the clock of the machine.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = Some(clock.into());
        self
    }

    /// Reports the settings that cannot be used.
    pub(crate) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.extend(self.mistakes.clone());
    }

    /// Whether the request has a proof of this key.
    async fn verify(
        &self,
        replays: &dyn ErasedReplays,
        request: &HttpRequest,
        bound_to: &Digest,
    ) -> Result<(), Unproved> {
        let rejected = Unproved::Proof;
        let token = presented(request).ok_or(Unproved::Credential("token_bound"))?;
        let mut sent = request.headers().get_all(PROOF);
        let proof = match (sent.next(), sent.next()) {
            (None, _) => return Err(rejected("dpop_missing")),
            (Some(_), Some(_)) => return Err(rejected("dpop_repeated")),
            (Some(proof), None) => proof.to_str().ok().filter(|proof| proof.len() <= LONGEST_PROOF),
        };
        let proof = proof.ok_or(rejected("dpop_malformed"))?;
        let proof = DpopProof::verify(proof, &self.algorithms, bound_to).map_err(|error| match error {
            AuthError::Invalid(reason) => Unproved::Proof(reason),
            AuthError::Unavailable(reason) => Unproved::Unavailable(reason),
        })?;
        // RFC 9449 §4.3. Methods are compared with regard to case (RFC 9110 §9.1).
        if proof.method != request.method().as_str() {
            return Err(rejected("dpop_htm"));
        }
        let path = request.uri().path();
        if !self.bases.iter().any(|base| base.is_target(&proof.target, path)) {
            return Err(rejected("dpop_htu"));
        }
        let hash = URL_SAFE_NO_PAD.encode(sha256(token));
        if proof.token_hash.as_deref() != Some(&*hash) {
            return Err(rejected("dpop_ath"));
        }
        let now = self.clock.as_ref().map_or_else(|| Clock::system().since_1970(), Clock::since_1970);
        let now = now.ok_or(Unproved::Unavailable("clock"))?;
        self.check_time(&proof, now, request)?;
        if !(1..=LONGEST_ID).contains(&proof.id.len()) {
            return Err(rejected("dpop_jti"));
        }
        // Last, so that only a client with a valid proof can write to the store.
        let longest = if self.nonces.is_some() { self.window.max(nonce::LONGEST_USE) } else { self.window };
        let until = UNIX_EPOCH.checked_add(now.saturating_add(longest).saturating_add(AHEAD));
        let until = until.ok_or(Unproved::Unavailable("clock"))?;
        match replays.ask(replay::id(bound_to, &proof.id), until).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(rejected("dpop_replayed")),
            Err(_) => Err(Unproved::Unavailable("dpop_replays")),
        }
    }

    fn check_time(&self, proof: &DpopProof, now: Duration, request: &HttpRequest) -> Result<(), Unproved> {
        let latest = now.saturating_add(AHEAD);
        let is_over = proof.expires.is_some_and(|expires| expires.saturating_add(AHEAD) <= now);
        if is_over || proof.not_before.is_some_and(|begins| latest < begins) {
            return Err(Unproved::Proof("dpop_expired"));
        }
        let Some(nonces) = &self.nonces else {
            let is_now = proof.issued <= latest && now <= proof.issued.saturating_add(self.window);
            return if is_now { Ok(()) } else { Err(Unproved::Proof("dpop_iat")) };
        };
        let age = proof.nonce.as_deref().and_then(|nonce| nonces.age(nonce, now));
        if age != Some(Age::Current) {
            nonce::send(&nonces.at(now), request);
        }
        age.map(drop).ok_or(Unproved::Nonce)
    }
}

/// The token of a request by the scheme `DPoP`. The authenticator has read the same header by the same grammar.
fn presented(request: &HttpRequest) -> Option<&[u8]> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().trim_ascii().split_at_checked(4)?;
    (scheme.eq_ignore_ascii_case(b"DPoP") && token.first() == Some(&b' ')).then(|| token.trim_ascii())
}

/// What an application demands of bound credentials.
pub(crate) struct ProofChecks {
    dpop: Option<(Dpop, Arc<dyn ErasedReplays>)>,
    /// Whether trusted proxies write the certificate of the client.
    #[cfg(feature = "tls")]
    certificates_from_proxies: bool,
}

impl ProofChecks {
    pub(crate) fn new(dpop: Option<Dpop>, certificates_from_proxies: bool) -> Self {
        #[cfg(not(feature = "tls"))]
        let _ = certificates_from_proxies;
        let with_replays = |dpop: Dpop| {
            let in_memory = || match &dpop.clock {
                Some(clock) => MemoryReplays::with_clock(clock),
                None => MemoryReplays::of_this_process(),
            };
            let replays = dpop.replays.clone().unwrap_or_else(|| Arc::new(in_memory()));
            (dpop, replays)
        };
        Self {
            dpop: dpop.map(with_replays),
            #[cfg(feature = "tls")]
            certificates_from_proxies,
        }
    }
}

impl SenderConstraint for ProofChecks {
    fn check<'a>(
        &'a self,
        confirmation: &'a Confirmation,
        request: &'a HttpRequest,
    ) -> LocalBoxFuture<'a, Result<(), Unproved>> {
        Box::pin(async move {
            match confirmation.certificate() {
                #[cfg(feature = "tls")]
                Some(bound_to) => certificate::check(request, bound_to, self.certificates_from_proxies)?,
                None if *confirmation != Confirmation::Unsupported => {}
                _ => {
                    let help = "a credential is bound to a key in a way that nothing here can check; for client certificates, enable \
                                the feature `tls`";
                    audit::misconfigured(&"palisade::oauth", help);
                    return Err(Unproved::Credential("token_bound"));
                }
            }
            match (confirmation.dpop_key(), &self.dpop) {
                (None, _) => Ok(()),
                (Some(key), Some((dpop, replays))) => dpop.verify(&**replays, request, key).await,
                (Some(_), None) => {
                    let help = "a token is bound to a key (`cnf` with `jkt`): add `.dpop(Dpop::new(\"https://api.example\")?)` to \
                                `Palisade::builder()`, so that proofs are checked";
                    audit::misconfigured(&"palisade::oauth::Dpop", help);
                    Err(Unproved::Credential("token_bound"))
                }
            }
        })
    }

    fn dpop_algorithms(&self) -> Option<&str> {
        self.dpop.as_ref().map(|(dpop, _)| &*dpop.names)
    }

    fn reads_certificates_of_proxies(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.certificates_from_proxies;
        #[cfg(not(feature = "tls"))]
        false
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("bases", &self.bases)
            .field("window", &self.window)
            .field("algorithms", &self.names)
            .field("nonces", &self.nonces)
            .finish_non_exhaustive()
    }
}
