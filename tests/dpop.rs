//! A client that holds a key, and the proofs of DPoP (RFC 9449) that it can make, genuine and forged.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::test::TestRequest;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tokens::{Signer, encode, now, with};
use crate::{SECRET, get_request};

pub const BASE: &str = "https://api.example";

/// One client with its key.
#[derive(Clone)]
pub struct Client {
    pub signer: Signer,
    algorithm: Algorithm,
}

/// A proof that is not signed yet.
#[derive(Clone)]
pub struct Proof {
    pub header: Value,
    pub claims: Value,
}

impl Client {
    pub fn new(algorithm: Algorithm) -> Self {
        Self { signer: Signer::generate(algorithm), algorithm }
    }

    /// The public key with its required members only.
    pub fn jwk(&self) -> Value {
        let mut jwk = self.signer.jwk("");
        ["kid", "use", "alg"].iter().for_each(|member| drop(jwk.as_object_mut().unwrap().remove(*member)));
        jwk
    }

    /// RFC 7638: `serde_json` writes the members in the order of their names.
    pub fn thumbprint(&self) -> String {
        encode(Sha256::digest(self.jwk().to_string()))
    }

    /// An access token that the issuer bound to the key of this client.
    pub fn token(&self) -> String {
        bound_token(json!({"jkt": self.thumbprint()}))
    }

    /// A proof for a request with this token. Each has an id of its own.
    pub fn proof(&self, method: &str, path: &str, token: &str) -> Proof {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Proof {
            header: json!({"typ": "dpop+jwt", "alg": format!("{:?}", self.algorithm), "jwk": self.jwk()}),
            claims: json!({
                "jti": format!("proof-{id}"), "htm": method, "htu": format!("{BASE}{path}"), "iat": now(),
                "ath": encode(Sha256::digest(token)),
            }),
        }
    }

    pub fn sign(&self, proof: &Proof) -> String {
        self.signer.seal(proof.header.to_string(), proof.claims.to_string())
    }

    /// A request as this client makes it.
    pub fn get(&self, path: &str) -> TestRequest {
        let token = self.token();
        let proof = self.sign(&self.proof("GET", path, &token));
        request(path, &token, &proof)
    }
}

impl Proof {
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self.header.as_object_mut().unwrap().remove(name);
        self
    }
}

/// A token with this claim `cnf`.
pub fn bound_token(confirmation: Value) -> String {
    Signer::hmac(Algorithm::HS256, SECRET).token("", &with("cnf", confirmation))
}

pub fn request(path: &str, token: &str, proof: &str) -> TestRequest {
    get_request(path).insert_header(("authorization", format!("DPoP {token}"))).insert_header(("dpop", proof))
}
