use actix_web::HttpRequest;
use palisade::principal::{Caller, FromPrincipal};
use palisade::{Principal, Problem, get, public};

struct User;

impl FromPrincipal for User {
    async fn from_principal(_: &Principal, _: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self)
    }
}

#[get("/me")]
#[public]
async fn me(_: Caller<User>) -> &'static str {
    "me"
}

fn main() {}
