use palisade::{authenticated, patch};

#[patch("/users/{id}")]
#[authenticated]
async fn patch_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
