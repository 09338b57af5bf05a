use palisade::{authenticated, put};

#[put("/users/{id}")]
#[authenticated]
async fn put_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
