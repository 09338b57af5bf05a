use palisade::{authorize, get, rate_limit};

#[get("/documents/{id}")]
#[authorize(role(Role::Admin) || (owner(id, of = model::Document, deny = 403) && !scope("read-only") && check(hours::open)))]
#[rate_limit(5, "1m", by = principal)]
async fn show(document: Owned<model::Document>) -> String {
    document.title.clone()
}
