use palisade::{delete, require_role, step_up};

#[delete("/users/{id}")]
#[require_role("admin")]
#[step_up(acr("phr", "phrh"), max_age = "5m")]
async fn delete_user(id: Path<Uuid>) -> HttpResponse {
    remove(id).await
}
