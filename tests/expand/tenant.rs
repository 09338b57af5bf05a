use palisade::{get, tenant};

#[get("/orgs/{org}")]
#[tenant(org)]
async fn show_org(org: Path<String>) -> String {
    org.into_inner()
}
