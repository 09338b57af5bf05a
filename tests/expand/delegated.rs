use palisade::{authorize, delete};

#[delete("/users/{id}")]
#[authorize(owner(id) && !delegated)]
async fn delete_account(id: Path<Uuid>) -> HttpResponse {
    remove(id).await
}
