//! A rule demands a name that no token can carry (CWE-863): the role registry and the rules of scopes accept only what a
//! token carries unchanged from its issuer to a principal.

use std::time::Duration;

use futures_util::FutureExt as _;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::policy::Rule;
use palisade::{Jwt, Principal, Roles};
use proptest::prelude::*;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "orders-api";
const SECRET: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

/// What a token with this grant is verified as; `None` if no token can carry the grant.
fn carried(grant: impl FnOnce(Grant) -> Grant) -> Option<Principal> {
    let issuer = TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap();
    let token = issuer.issue(&grant(Grant::new("u-1", Duration::from_secs(60)))).ok()?;
    let jwt = Jwt::hs256(ISSUER, AUDIENCE, SECRET).unwrap();
    Some(jwt.verify(&token).now_or_never().unwrap().unwrap())
}

fn rule_is_accepted(rule: Rule) -> bool {
    palisade::scope("/x").authorize(rule).service(endpoint::show).verify().is_ok()
}

mod endpoint {
    use palisade::{authenticated, get};

    #[get("/")]
    #[authenticated]
    pub(super) async fn show() -> &'static str {
        "in"
    }
}

/// Short names of characters at the borders of the rules, and long names.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"[ab\t\n \x00\x7f\u{80}\u{85}\u{9f}\u{a0}\u{2028}é"\\:]{0,4}"#,
        (250..260_usize).prop_map(|length| "a".repeat(length)),
    ]
}

proptest! {
    #[test]
    fn tokens_carry_every_accepted_role(name in name()) {
        let in_registry = Roles::builder().role(name.clone(), |role| role).build().is_ok();
        let in_a_grant = Roles::builder().role("r", |role| role.grants(name.clone())).build().is_ok();
        prop_assert_eq!(in_registry, in_a_grant);
        prop_assert_eq!(in_registry, rule_is_accepted(Rule::Role(name.clone().leak())));
        prop_assert_eq!(in_registry, rule_is_accepted(Rule::Permission(name.clone().leak())));
        let principal = carried(|grant| grant.roles([name.clone()]));
        // White space around a name is legal in a token. In a rule it is a mistake that nobody sees.
        prop_assert_eq!(in_registry, principal.is_some() && name.trim() == name);
        if let Some(principal) = principal {
            prop_assert_eq!(principal.roles(), [name]);
        }
    }

    #[test]
    fn tokens_carry_every_accepted_scope(name in name()) {
        let principal = carried(|grant| grant.scopes([name.clone()]));
        prop_assert_eq!(principal.is_some(), rule_is_accepted(Rule::Scope(name.clone().leak())));
        if let Some(principal) = principal {
            prop_assert_eq!(principal.scopes(), [name]);
        }
    }
}
