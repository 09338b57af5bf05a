//! CWE-697: a wrong scope that looks like a right one. The result of a check that is remembered for one scope must
//! not be used for a scope that differs from it.

use actix_web::web::Path;
use palisade::policy::{Ownership, Rule};
use palisade::resource::{OwnerKey, Unavailable};
use palisade::{Resource, authenticated, get};
use palisade_tests::{ISSUER, builder};

struct Doc;

impl Resource for Doc {
    type Id = String;
    type Store = ();

    async fn load((): &(), _: String) -> Result<Option<Self>, Unavailable> {
        Ok(None)
    }

    fn owner(&self) -> impl OwnerKey {
        "x"
    }
}

#[get("/show")]
#[authenticated]
async fn show(id: Path<String>) -> String {
    id.into_inner()
}

static HIDDEN: Ownership = Ownership::of::<Doc>("Doc", &["id"]);
static REVEALED: Ownership = Ownership::of::<Doc>("Doc", &["id"]).revealing();

#[test]
fn conflicting_row_rules_fail_after_a_valid_scope() {
    let scope =
        |second| palisade::scope("/d/{id}").authorize(Rule::Owns(&HIDDEN)).authorize(Rule::Owns(second)).service(show);
    let built = |second| builder().resource_owner_issuer(ISSUER).routes(&scope(second)).build().map(drop);
    assert!(built(&REVEALED).is_err());
    assert!(built(&HIDDEN).is_ok());
    assert!(built(&REVEALED).is_err());
}
