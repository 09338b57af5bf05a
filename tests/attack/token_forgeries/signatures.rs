//! Signatures that are missing, altered, taken from another token, or valid in another encoding (ASVS V9.1.1, RFC
//! 8725 §3.3).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use palisade_tests::site::Site;
use palisade_tests::tokens::{encode, valid_claims, with};
use serde_json::json;

use super::{Case, EC, Keys, assert_cases, behind, case, unsigned};

/// The order of P-256 (SEC 2 §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `ORDER - s`.
fn negated(s: &[u8]) -> Vec<u8> {
    let mut difference = ORDER.to_vec();
    let mut borrow = 0;
    for (digit, taken) in difference.iter_mut().zip(s).rev() {
        let rest = i16::from(*digit) - i16::from(*taken) - borrow;
        borrow = i16::from(rest < 0);
        *digit = u8::try_from(rest.rem_euclid(256)).unwrap();
    }
    difference
}

/// `ECDSA-Sig-Value` of RFC 3279 §2.2.3.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
        if digits.first().is_none_or(|first| first & 0x80 != 0) {
            digits.insert(0, 0);
        }
        [&[0x02, u8::try_from(digits.len()).unwrap()], digits.as_slice()].concat()
    };
    let (r, s) = signature.split_at(32);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()
}

pub(super) fn altered(keys: &Keys) -> Vec<Case> {
    let rejected = Err("token_signature");
    let mut cases = Vec::new();
    for (alg, id, signer) in keys.each() {
        let valid_token = signer.token(id, &valid_claims());
        let other = signer.token(id, &with("sub", json!("u-2")));
        let (message, signature) = valid_token.rsplit_once('.').unwrap();
        let (foreign, borrowed) = other.rsplit_once('.').unwrap();
        let bytes = signer.sign(message);
        cases.push(case(format!("{alg} valid"), valid_token.as_str(), Ok(())));
        for (name, token) in [
            ("no signature", format!("{message}.")),
            ("signature of another token", format!("{message}.{borrowed}")),
            ("claims of another token", format!("{foreign}.{signature}")),
            ("signature one byte short", format!("{message}.{}", encode(&bytes[..bytes.len() - 1]))),
            ("signature half", format!("{message}.{}", encode(&bytes[..bytes.len() / 2]))),
            ("signature one byte long", format!("{message}.{}", encode([bytes.as_slice(), &[0]].concat()))),
            ("signature with a zero in front", format!("{message}.{}", encode([&[0], bytes.as_slice()].concat()))),
            ("signature twice", format!("{message}.{}", encode([bytes.as_slice(), bytes.as_slice()].concat()))),
            ("signature of zeros", format!("{message}.{}", encode(vec![0; bytes.len()]))),
            ("signature of ones", format!("{message}.{}", encode(vec![0xff; bytes.len()]))),
            ("signature one bit off", {
                let mut bytes = bytes.clone();
                bytes[7] ^= 1;
                format!("{message}.{}", encode(bytes))
            }),
            ("signature of the claims alone", {
                let claims = message.split_once('.').unwrap().1;
                format!("{message}.{}", encode(signer.sign(claims)))
            }),
            ("signature of what is decoded", {
                let decoded = format!("{}.{}", r#"{"alg":"x"}"#, valid_claims());
                format!("{message}.{}", encode(signer.sign(&decoded)))
            }),
        ] {
            cases.push(case(format!("{alg} {name}"), token, rejected));
        }
        let promoted = with("sub", json!("admin")).to_string();
        let header = message.split_once('.').unwrap().0;
        cases.push(case(format!("{alg} other claims"), format!("{header}.{}.{signature}", encode(promoted)), rejected));
    }
    cases
}

/// CVE-2022-21449 and other encodings of an ECDSA signature.
pub(super) fn curves(keys: &Keys) -> Vec<Case> {
    let message = unsigned(&format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{EC}"}}"#));
    let signed = |signature: Vec<u8>| format!("{message}.{}", encode(signature));
    let signature = keys.ec.sign(&message);
    let (r, s) = signature.split_at(32);
    let (zero, mut one) = ([0; 32], [0; 32]);
    one[31] = 1;
    let rejected = Err("token_signature");
    vec![
        // RFC 7518 §3.4 accepts any r and s in range, so the negated signature is also valid: the text of a token
        // must not identify it.
        case("ES256 with s negated", signed([r, &negated(s)].concat()), Ok(())),
        case("ES256 in DER", signed(der(&signature)), rejected),
        case("ES256 with r = s = 0", signed([zero, zero].concat()), rejected),
        case("ES256 with r = 0", signed([&zero, s].concat()), rejected),
        case("ES256 with s = 0", signed([r, &zero].concat()), rejected),
        case("ES256 with r = s = 1", signed([one, one].concat()), rejected),
        case("ES256 with r = s = n", signed([ORDER, ORDER].concat()), rejected),
        case("ES256 with r = 0, s = n", signed([zero, ORDER].concat()), rejected),
        case("ES256 with s + n", signed([r, &ORDER].concat()), rejected),
        case("ES256 with r and s swapped", signed([s, r].concat()), rejected),
        case("ES256 with r alone", signed(r.to_vec()), rejected),
        case("ES256 as long as ES384", signed([&zero[..16], r, &zero[..16], s].concat()), rejected),
        case("DER of r = s = 0", signed(vec![0x30, 6, 2, 1, 0, 2, 1, 0]), rejected),
    ]
}

/// RFC 7515 §2: base64url without padding and without line breaks; each value has exactly one text.
pub(super) fn encodings(keys: &Keys) -> Vec<Case> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // Replaces the last letter by one that a lenient decoder maps to the same bytes.
    let loose = |part: &str| {
        let last = *part.as_bytes().last().unwrap();
        let place = LETTERS.iter().position(|letter| *letter == last).unwrap();
        format!("{}{}", &part[..part.len() - 1], char::from(LETTERS[place ^ 1]))
    };
    // The length must leave unused bits in the last letter.
    let open_ended = |text: String| format!("{}{}", text, " ".repeat((4 - text.len() % 3) % 3));
    let header = open_ended(format!(r#"{{"alg":"ES256","kid":"{EC}"}}"#));
    let claims = open_ended(valid_claims().to_string());
    let (head, body) = (encode(&header), encode(&claims));
    let signed = |message: String| keys.ec.seal_encoded(&message);
    let valid_token = signed(format!("{head}.{body}"));
    let (message, signature) = valid_token.rsplit_once('.').unwrap();
    let dashed = loop {
        let bytes = keys.ec.sign(message);
        if encode(&bytes).contains(['-', '_']) {
            break bytes;
        }
    };
    vec![
        case("valid, with spaces in its JSON", valid_token.clone(), Ok(())),
        case("header with trailing bits", signed(format!("{}.{body}", loose(&head))), Err("token_header")),
        case("claims with trailing bits", signed(format!("{head}.{}", loose(&body))), Err("token_claims")),
        case("signature with trailing bits", format!("{message}.{}", loose(signature)), Err("token_signature")),
        case(
            "signature in standard base64",
            format!("{message}.{}", STANDARD_NO_PAD.encode(&dashed)),
            Err("token_signature"),
        ),
        case(
            "signature in padded standard base64",
            format!("{message}.{}", STANDARD.encode(&dashed)),
            Err("token_signature"),
        ),
        case("signature padded", format!("{message}.{}", URL_SAFE.encode(&dashed)), Err("token_signature")),
        case("signature padded once", format!("{valid_token}="), Err("token_signature")),
        case("signature padded thrice", format!("{valid_token}==="), Err("token_signature")),
        case("header padded", signed(format!("{}.{body}", URL_SAFE.encode(&header))), Err("bearer_malformed")),
        case("claims padded", signed(format!("{head}.{}", URL_SAFE.encode(&claims))), Err("bearer_malformed")),
        case("header with a slash of standard base64", signed(format!("{head}/.{body}")), Err("token_header")),
        case("claims with a plus of standard base64", signed(format!("{head}.{body}+")), Err("token_claims")),
        case("claims with a tilde", signed(format!("{head}.{body}~")), Err("token_claims")),
        case("a space inside", signed(format!("{head}. {body}")), Err("bearer_malformed")),
        case("a tab inside", signed(format!("{head}.\t{body}")), Err("bearer_malformed")),
        case("a letter of one bit more", signed(format!("{head}.{body}A")), Err("token_claims")),
        case("percent-encoded dots", valid_token.replace('.', "%2E"), Err("bearer_malformed")),
        case("letters beyond ASCII", format!("{message}.é{signature}"), Err("bearer_malformed")),
        case("a dot in front", format!(".{valid_token}"), Err("token_malformed")),
        case("a dot behind", format!("{valid_token}."), Err("token_malformed")),
        case("two parts", message, Err("token_malformed")),
        case(
            "five parts, as of a JWE",
            format!("{head}.{}.{}.{body}.{signature}", encode([1; 32]), encode([2; 12])),
            Err("token_malformed"),
        ),
        case("no parts", "..", Err("token_header")),
        case("dots", "......", Err("token_malformed")),
        case(
            "JSON serialization",
            json!({"protected": head, "payload": body, "signature": signature}).to_string(),
            Err("bearer_malformed"),
        ),
        case("not a token", "YWRtaW46YWRtaW4=", Err("token_malformed")),
    ]
}

#[actix_web::test]
async fn signature_must_match_key_and_token() {
    let keys = Keys::new();
    let site = Site::start(behind(keys.jwt()), "127.0.2.1");
    assert_cases(&site, &altered(&keys)).await;
    assert_cases(&site, &curves(&keys)).await;
    assert_cases(&site, &encodings(&keys)).await;
    site.stop().await;
}
