use palisade::{authenticated, head};

#[head("/users/{id}")]
#[authenticated]
async fn head_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
