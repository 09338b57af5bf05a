use palisade::{authenticated, post};

#[post("/users/{id}")]
#[authenticated]
async fn post_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
