//! One entry of a JWK set (RFC 7517 §4).
//!
//! Threat: a key that is used for another purpose than its issuer published it for, an unusable key that is accepted and then
//! verifies nothing, and a key that hides another key of the same name (CWE-322, CWE-347, RFC 8725 §3.1, §3.4). Promise: a key
//! is used only for the purpose that its entry declares (`use`, `key_ops`, `alg`, `kty`), and only if the crypto backend
//! accepts it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, DecodingKeyKind};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, Family};
use super::backend::BACKEND;
use super::key::VerifyingKey;

/// An entry for signatures with supported algorithms.
pub(super) enum JwkEntry {
    Usable(VerifyingKey),
    /// The key cannot be used: it is too short, malformed or weak. Its name is kept, so that it can conflict with another key.
    Unusable {
        id: Option<String>,
        algorithms: Vec<Algorithm>,
    },
}

impl JwkEntry {
    /// `None` if the entry is not a verification key of a known kind, such as a key for encryption. Such a key cannot conflict
    /// with a verification key.
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
            // RFC 7518 §3.2: keep only the algorithms for which the secret is long enough.
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

/// The string value of a member: `Some(None)` if the member is absent, `None` if it has another type.
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

/// RFC 7517 §4.3. `None` if the member is not a list.
fn may_verify(entry: &Value) -> Option<bool> {
    match entry.get("key_ops") {
        None | Some(Value::Null) => Some(true),
        Some(Value::Array(operations)) => Some(operations.iter().any(|operation| operation == "verify")),
        Some(_) => None,
    }
}

/// The algorithm that the entry names (RFC 7517 §4.4). If it names none, all algorithms of its family.
fn algorithms(entry: &Value, family: Family) -> Option<Vec<Algorithm>> {
    let of_family = |algorithm: &Algorithm| algorithm.family() == family;
    match optional_text(entry, "alg")? {
        Some(name) => Algorithm::named(name).filter(of_family).map(|named| vec![named]),
        None => Some(Algorithm::ALL.into_iter().filter(of_family).collect()),
    }
}

/// The key in the format of the backend. [`VerifyingKey::checked`] checks whether the backend can use it.
fn material(entry: &Value, family: Family) -> Option<DecodingKey> {
    let text = |member| entry.get(member).and_then(Value::as_str);
    match family {
        Family::Hmac => DecodingKey::from_secret(&octets(text("k")?)?).ok(),
        Family::Rsa => {
            let (n, e) = (octets(text("n")?)?, octets(text("e")?)?);
            Some(DecodingKey::from_rsa_raw_components(number(&n), number(&e)))
        }
        // RFC 7518 §6.2.1.2: a coordinate has exactly as many octets as its curve needs, including leading zeros.
        Family::P256 | Family::P384 => DecodingKey::from_ec_components(text("x")?, text("y")?).ok(),
        Family::Ed25519 => DecodingKey::from_ed_components(text("x")?).ok(),
    }
}

/// Zeroed when dropped, because they may be a secret.
fn octets(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    URL_SAFE_NO_PAD.decode(text).ok().map(Zeroizing::new)
}

/// RFC 7518 §6.3.1.1: a modulus has no leading zero octet. Some libraries add one for the sign; the number is the same.
fn number(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

/// The entry of a public key of our own, with its name and its only algorithm (RFC 7517 §4; RFC 7518 §6.2, §6.3; RFC 8037 §2). `None`
/// for a secret.
pub(super) fn written(key: &VerifyingKey) -> Option<Value> {
    let text = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let [algorithm] = key.algorithms() else { return None };
    let components = match key.material().kind() {
        DecodingKeyKind::SecretOrDer(octets) => octets,
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            return Some(named(key, *algorithm, json!({"kty": "RSA", "n": text(number(n)), "e": text(number(e))})));
        }
    };
    // SEC 1 §2.3.3: an uncompressed point is the octet 4 and both coordinates.
    let point = |curve: &str| {
        let (x, y) = components.strip_prefix(&[4]).map(|both| both.split_at(both.len() / 2))?;
        Some(json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)}))
    };
    let entry = match algorithm.family() {
        Family::Hmac => None,
        Family::Rsa => {
            let (n, e) = (BACKEND.key_utils.rsa_pub_components_from_public_key)(components).ok()?;
            Some(json!({"kty": "RSA", "n": text(number(&n)), "e": text(number(&e))}))
        }
        Family::P256 => point("P-256"),
        Family::P384 => point("P-384"),
        Family::Ed25519 => Some(json!({"kty": "OKP", "crv": "Ed25519", "x": text(components)})),
    };
    entry.map(|entry| named(key, *algorithm, entry))
}

fn named(key: &VerifyingKey, algorithm: Algorithm, mut entry: Value) -> Value {
    if let Some(members) = entry.as_object_mut() {
        members.insert("use".to_owned(), "sig".into());
        members.insert("alg".to_owned(), algorithm.name().into());
        members.extend(key.id().map(|id| ("kid".to_owned(), id.into())));
    }
    entry
}
