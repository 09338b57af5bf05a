//! Arbitrary bytes and damaged proofs in the header `DPoP` (CWE-20, CWE-347): none is accepted, none ends in a panic, and none uses up the
//! genuine proof.

use actix_web::http::header::HeaderValue;
use jsonwebtoken::Algorithm;
use palisade::oauth::Dpop;
use palisade::{authenticated, get};
use palisade_tests::dpop::{BASE, Client, request};
use palisade_tests::{builder, call, get_request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

#[get("/who")]
#[authenticated]
async fn who() -> &'static str {
    "who"
}

/// One damage to the text of a proof.
#[derive(Clone, Debug)]
enum Damage {
    /// Another character at a place: any, or one of the alphabet of base64url.
    Replaced(Index, u8),
    Inserted(Index, Vec<u8>),
    Removed(Index, usize),
    /// A bit of one decoded part, which stays well-formed base64url.
    Flipped(usize, Index, u8),
    /// A part of another genuine proof of the same client.
    Swapped(usize),
    /// The parts in another order, or one of them twice.
    Reordered([usize; 3]),
    Cut(Index),
}

fn character() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=,{}\" ".to_vec()),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), character()).prop_map(|(at, byte)| Damage::Replaced(at, byte)),
        2 => (any::<Index>(), vec(character(), 1..4)).prop_map(|(at, bytes)| Damage::Inserted(at, bytes)),
        2 => (any::<Index>(), 1..8_usize).prop_map(|(at, count)| Damage::Removed(at, count)),
        4 => (0..3_usize, any::<Index>(), 0..8_u8).prop_map(|(part, at, bit)| Damage::Flipped(part, at, bit)),
        1 => (0..3_usize).prop_map(Damage::Swapped),
        1 => [0..3_usize, 0..3, 0..3].prop_map(Damage::Reordered),
        1 => any::<Index>().prop_map(Damage::Cut),
    ]
}

fn damaged(proof: &str, other: &str, damage: &Damage) -> Vec<u8> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = proof.as_bytes().to_vec();
    let mut parts: Vec<String> = proof.split('.').map(str::to_owned).collect();
    match damage {
        Damage::Replaced(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
            return bytes;
        }
        Damage::Inserted(at, inserted) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, inserted.iter().copied());
            return bytes;
        }
        Damage::Removed(at, count) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + count));
            return bytes;
        }
        Damage::Cut(at) => {
            bytes.truncate(at.index(bytes.len()));
            return bytes;
        }
        Damage::Flipped(part, at, bit) => {
            let mut decoded = URL_SAFE_NO_PAD.decode(&parts[*part]).unwrap();
            let at = at.index(decoded.len());
            decoded[at] ^= 1 << bit;
            parts[*part] = URL_SAFE_NO_PAD.encode(decoded);
        }
        Damage::Swapped(part) => parts[*part] = other.split('.').nth(*part).unwrap().to_owned(),
        Damage::Reordered(order) => parts = order.iter().map(|part| parts[*part].clone()).collect(),
    }
    parts.join(".").into_bytes()
}

/// Sends this proof with a genuine token. `None` if no client can send it.
macro_rules! status {
    ($app:expr, $token:expr, $proof:expr) => {
        match HeaderValue::from_bytes($proof) {
            Err(_) => None,
            Ok(proof) => {
                let request = get_request("/who").insert_header(("authorization", format!("DPoP {}", $token)));
                Some(call($app, request.insert_header(("dpop", proof))).await.status.as_u16())
            }
        }
    };
}

macro_rules! app {
    () => {{
        let palisade = builder().dpop(Dpop::new(BASE).unwrap()).build().unwrap();
        let app = actix_web::App::new().service(palisade::scope("").service(who)).wrap(palisade);
        actix_web::test::init_service(app).await
    }};
}

#[test]
fn damaged_proof_is_refused_and_the_genuine_one_stays_usable() {
    let system = actix_web::rt::System::new();
    let (app, client) = (system.block_on(async { app!() }), Client::new(Algorithm::ES256));
    let token = client.token();
    proptest!(|(first in damage(), second in proptest::option::of(damage()))| {
        let make = || client.sign(&client.proof("GET", "/who", &token));
        let (proof, other) = (make(), make());
        let mut spoilt = damaged(&proof, &other, &first);
        if let (Some(second), Ok(text)) = (second, std::str::from_utf8(&spoilt))
            && text.split('.').count() == 3
            && matches!(second, Damage::Replaced(..) | Damage::Inserted(..))
            && !text.is_empty()
        {
            spoilt = damaged(text, &other, &second);
        }
        prop_assume!(spoilt != proof.as_bytes());
        system.block_on(async {
            let refused = status!(&app, token, &spoilt);
            prop_assert!(refused.is_none_or(|status| status == 401), "{refused:?}: {}", spoilt.escape_ascii());
            prop_assert_eq!(call(&app, request("/who", &token, &proof)).await.status.as_u16(), 200);
            Ok(())
        })?;
    });
}

#[test]
fn arbitrary_bytes_are_no_proof() {
    let system = actix_web::rt::System::new();
    let (app, client) = (system.block_on(async { app!() }), Client::new(Algorithm::ES256));
    let token = client.token();
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(character(), 0..200),
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}".prop_map(String::into_bytes),
    ];
    proptest!(|(bytes in bytes)| {
        let refused = system.block_on(async { status!(&app, token, &bytes) });
        prop_assert!(refused.is_none_or(|status| status == 401), "{refused:?}: {}", bytes.escape_ascii());
    });
}
