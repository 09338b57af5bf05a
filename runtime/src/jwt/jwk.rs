//! One entry of a JWK set (RFC 7517 §4).
//!
//! Threat: a key that is used for what its issuer did not publish it for, one that is taken for usable and then verifies
//! nothing, and a key of the same name that hides another (CWE-322, CWE-347, RFC 8725 §3.1, §3.4). Promise: an entry is read
//! for what it says it is for (`use`, `key_ops`, `alg`, `kty`); its key was accepted by the crypto backend, or there is none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Family};
use super::key::VerifyingKey;

/// An entry that is for signatures of algorithms that there are here.
pub(super) enum JwkEntry {
    Usable(VerifyingKey),
    /// Its key can't be used: it is too short, malformed or unsound. It still has its name.
    Unusable {
        id: Option<String>,
        algorithms: Vec<Algorithm>,
    },
}

impl JwkEntry {
    /// `None` for what is no verification key of a known kind, such as a key for encryption: nothing is confused with it.
    pub(super) fn read(entry: &Value) -> Option<Self> {
        let id = optional_text(entry, "kid")?;
        let family = family(entry)?;
        if optional_text(entry, "use")?.is_some_and(|purpose| purpose != "sig") || !may_verify(entry)? {
            return None;
        }
        let mut algorithms = algorithms(entry, family)?;
        let material = material(entry, family);
        if let (Family::Hmac, Some(secret)) = (family, &material)
            && optional_text(entry, "alg")?.is_none()
        {
            // RFC 7518 §3.2: only as far as the secret is long enough.
            let length = secret.try_get_as_bytes().ok()?.len();
            algorithms.retain(|algorithm| length >= algorithm.shortest_secret());
        }
        let key = material.and_then(|material| VerifyingKey::checked(algorithms.clone(), material).ok());
        Some(match (key, id) {
            (Some(key), Some(id)) => Self::Usable(key.with_id(id)),
            (Some(key), None) => Self::Usable(key),
            (None, id) => Self::Unusable { id: id.map(str::to_owned), algorithms },
        })
    }
}

/// The text of a member, if there is one. `None` for a member of another type.
fn optional_text<'e>(entry: &'e Value, member: &str) -> Option<Option<&'e str>> {
    match entry.get(member) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text)),
        Some(_) => None,
    }
}

/// RFC 7517 §4.1; RFC 7518 §6.1, §6.2.1.1; RFC 8037 §2.
fn family(entry: &Value) -> Option<Family> {
    let curve = optional_text(entry, "crv")?;
    match (optional_text(entry, "kty")??, curve) {
        ("RSA", _) => Some(Family::Rsa),
        ("oct", _) => Some(Family::Hmac),
        ("EC", Some("P-256")) => Some(Family::P256),
        ("EC", Some("P-384")) => Some(Family::P384),
        ("OKP", Some("Ed25519")) => Some(Family::Ed25519),
        _ => None,
    }
}

/// RFC 7517 §4.3. `None` if the member is no list.
fn may_verify(entry: &Value) -> Option<bool> {
    match entry.get("key_ops") {
        None | Some(Value::Null) => Some(true),
        Some(Value::Array(operations)) => Some(operations.iter().any(|operation| operation == "verify")),
        Some(_) => None,
    }
}

/// The algorithm that the entry names (RFC 7517 §4.4), or every one of its kind where it names none.
fn algorithms(entry: &Value, family: Family) -> Option<Vec<Algorithm>> {
    let of_its_kind = |algorithm: &Algorithm| algorithm.family() == family;
    match optional_text(entry, "alg")? {
        Some(name) => Algorithm::named(name).filter(of_its_kind).map(|named| vec![named]),
        None => Some(Algorithm::ALL.into_iter().filter(of_its_kind).collect()),
    }
}

/// What the backend is to verify with. Whether it can is found out by [`VerifyingKey::checked`].
fn material(entry: &Value, family: Family) -> Option<DecodingKey> {
    let text = |member| entry.get(member).and_then(Value::as_str);
    match family {
        Family::Hmac => DecodingKey::from_secret(&octets(text("k")?)?).ok(),
        Family::Rsa => {
            let (n, e) = (octets(text("n")?)?, octets(text("e")?)?);
            Some(DecodingKey::from_rsa_raw_components(number(&n), number(&e)))
        }
        // RFC 7518 §6.2.1.2: the octets of a coordinate are as many as its curve has, also where they begin with zeros.
        Family::P256 | Family::P384 => DecodingKey::from_ec_components(text("x")?, text("y")?).ok(),
        Family::Ed25519 => DecodingKey::from_ed_components(text("x")?).ok(),
    }
}

/// Wiped when dropped: they may be a secret.
fn octets(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    URL_SAFE_NO_PAD.decode(text).ok().map(Zeroizing::new)
}

/// RFC 7518 §6.3.1.1: a modulus has no zero octet in front. Some libraries put one there, for the sign; the number is the same.
fn number(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}
