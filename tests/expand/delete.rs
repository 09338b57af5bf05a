use palisade::{authenticated, delete};

#[delete("/users/{id}")]
#[authenticated]
async fn delete_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
