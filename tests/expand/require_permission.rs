use palisade::{delete, require_permission};

#[delete("/users/{id}")]
#[require_permission("users:delete")]
async fn delete_user(id: Path<Uuid>) -> HttpResponse {
    delete(id).await
}
