//! Everything that the attributes for bound credentials and step-up take, beside each other and beside names of the user's.

#![deny(warnings)]

use palisade::{Principal, authorize, get, post, put, require_proof, require_role, require_scope, step_up};

/// Names of the user's that the expansion must not touch.
struct StepUp;
struct Bound;
struct Delegated;

#[get("/1")]
#[require_proof]
async fn proved() -> &'static str {
    "proved"
}

#[require_proof]
#[get("/2")]
#[require_scope("payments:read")]
async fn with_a_scope(caller: Principal) -> String {
    format!("{} {:?}", caller.is_bound(), caller.confirmation())
}

#[get("/3")]
#[step_up(acr("phr", "phrh"))]
async fn strong() -> &'static str {
    "strong"
}

#[get("/4")]
#[step_up(max_age = "5m")]
async fn recent() -> &'static str {
    "recent"
}

#[post("/5")]
#[step_up(max_age = "1h", acr("phr"))]
#[require_role("admin")]
#[require_proof]
async fn all_at_once() -> &'static str {
    "all"
}

#[put("/6")]
#[authorize(!delegated)]
async fn nobody_else() -> &'static str {
    "user"
}

#[put("/7")]
#[authorize((delegated && scope("a")) || role("admin"))]
#[require_proof]
async fn for_somebody(caller: Principal) -> String {
    caller.actor().map(|actor| actor.subject().to_owned()).unwrap_or_default()
}

fn main() {
    let _ = (StepUp, Bound, Delegated);
    const RECENTLY: palisade::policy::StepUp = palisade::policy::StepUp::new(&[]).max_age_seconds(60);
    let inner = palisade::scope("/in").require_proof().step_up(&RECENTLY).service(proved);
    let scope = palisade::scope("").service(proved).service(with_a_scope).service(strong).service(recent);
    let scope = scope.service(all_at_once).service(nobody_else).service(for_somebody).service(inner);
    assert_eq!(scope.policies().rows().len(), 8);
}
