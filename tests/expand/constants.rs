use palisade::{get, rate_limit, require_role, require_scope};

#[get("/notes")]
#[require_role(ADMIN, Role::Editor)]
#[require_scope(scopes::READ)]
#[rate_limit(LIMIT, "15m", cost = 2)]
async fn list() -> Notes {
    Notes::all().await
}
