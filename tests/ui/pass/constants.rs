//! Constants where an attribute takes a number or a name.
#![deny(warnings)]

use palisade::{Endpoint, authorize, get, post, public, rate_limit, require_permission, require_role, require_scope};

const LIMIT: u32 = 5;
const ADMIN: &str = "admin";
const POLICY: &str = "policy";
const NAME: &str = "name";

mod limits {
    pub const PER_DAY: u32 = super::LIMIT * 100;
    pub const COST: u32 = 2;
}

mod names {
    pub const DELETE_USERS: &str = "users:delete";
    pub const READ: &str = "orders:read";
    pub struct Roles;
    impl Roles {
        pub const EDITOR: &'static str = "editor";
        pub const CHIEF: Staff = Staff::CHIEF;
    }
    #[derive(palisade::Role)]
    pub enum Staff {
        #[implies(Clerk)]
        CHIEF,
        Clerk,
    }
}
use names::{Roles, Staff, Staff::Clerk};

#[get("/1")]
#[public]
#[rate_limit(LIMIT, "15m")]
#[rate_limit(limits::PER_DAY, "1d", cost = limits::COST, count = failures)]
#[rate_limit(self::limits::PER_DAY, "2d", cost = 3, name = "all")]
async fn numbers() -> &'static str {
    "in"
}

#[get("/2")]
#[require_role(ADMIN, Roles::EDITOR, "auditor", Staff::CHIEF, Clerk, Roles::CHIEF)]
async fn roles() -> &'static str {
    "in"
}

#[post("/3")]
#[require_role(all(ADMIN, crate::POLICY, self::NAME))]
#[require_permission(names::DELETE_USERS)]
#[require_scope(names::READ, "orders:write")]
async fn all() -> &'static str {
    "in"
}

#[get("/4")]
#[authorize(role(ADMIN) || (scope(names::READ) && !permission(names::DELETE_USERS)))]
async fn expression() -> &'static str {
    "in"
}

/// Routed by somebody else.
#[require_role(NAME, POLICY, Staff::Clerk)]
#[rate_limit(LIMIT, "15m")]
async fn function() -> &'static str {
    "in"
}

fn main() {
    let scope = palisade::scope("").service(numbers).service(roles).service(all).service(expression);
    let table = scope.policies().to_string();
    for written in ["5 per 15m", "500 per 1d", "admin", "editor", "auditor", "chief", "clerk", "users:delete", "orders:read"] {
        assert!(table.contains(written), "{written}: {table}");
    }
    assert!(!table.contains("ADMIN"), "{table}");
    let _ = numbers::POLICY;
    let _ = actix_web::web::get().to(function);
}
