//! Everything that an access attribute takes, beside names of the user's that are ours too.

#![deny(warnings)]

use actix_web::HttpRequest;
use palisade::{Owned, Principal, Resource, RowFilter, authorize, deny_all, get, optional_auth, owner, owner_or_admin, post, public, put, require_permission, require_role, require_scope, tenant};
use palisade::policy::Verdict;
use palisade::resource::{OwnerKey, Unavailable};

mod model {
    #[derive(Clone, Copy, palisade::Role)]
    pub enum Role {
        #[implies(Editor)]
        #[grants("users:delete", "users:read")]
        Admin,
        #[implies(User)]
        Editor,
        #[role("end-user")]
        User,
    }
}
use model::Role;

/// Names of the user's that the expansion must not touch.
struct Policy;
struct Check;
struct Any;

struct Document(String);
type Alias = Document;

impl Resource for Document {
    type Id = (String, u32);
    type Store = ();

    async fn load((): &(), (name, _): (String, u32)) -> Result<Option<Self>, Unavailable> {
        Ok(Some(Self(name)))
    }

    fn owner(&self) -> impl OwnerKey {
        &self.0
    }
}

mod hours {
    pub async fn open(_: &actix_web::HttpRequest, _: &palisade::Principal) -> bool {
        true
    }
}

async fn on_duty(request: &HttpRequest, principal: &Principal) -> Verdict {
    if request.path().is_empty() { Verdict::Unavailable } else { (principal.subject() == "x").into() }
}

#[get("/1")]
#[require_role(Role::Admin, "auditor")]
async fn typed() -> &'static str {
    Role::Admin.role_name()
}

#[get("/2")]
#[require_role(all(Role::Editor, crate::model::Role::User))]
#[require_permission("users:read", "users:delete")]
#[require_scope(all("a:read", "a:write"))]
async fn all() -> &'static str {
    ""
}

#[get("/3/{name}/{number}")]
#[owner(name, number, of = Document, deny = 403)]
async fn row(document: Owned<Document>) -> String {
    document.into_inner().0
}

#[put("/4/{name}/{number}")]
#[authorize(
    role(Role::Admin)
        || (owner(name, number, of = self::Alias) && !scope("read-only"))
        || check(on_duty)
        || (check(hours::open) && permission("users:read")),
)]
async fn expression(document: Owned<Alias>) -> String {
    document.0.clone()
}

#[get("/5")]
#[owner_or_admin(user, from_scope)]
#[tenant(org, from_scope)]
async fn inner(whose: RowFilter) -> String {
    format!("{whose:?}")
}

#[get("/items/{item}")]
#[owner(org, item, of = Document, from_scope)]
async fn of_both(document: Owned<Document>) -> String {
    document.0.clone()
}

#[post("/6")]
#[deny_all("for now")]
#[public]
async fn closed() -> &'static str {
    ""
}

#[get("/7")]
#[optional_auth]
async fn maybe(caller: Option<Principal>) -> String {
    format!("{caller:?}")
}

fn main() {
    let within = palisade::scope("/{org}/{user}").service(inner).service(of_both);
    let outer = palisade::scope("/x").service(typed).service(all).service(row).service(expression).service(within);
    assert_eq!(outer.service(closed).service(maybe).verify(), Ok(()));
    assert_eq!(Role::User.role_name(), "end-user");
    let _ = (Policy, Check, Any);
}
