use palisade::{authenticated, options};

#[options("/users/{id}")]
#[authenticated]
async fn options_user(id: Path<Uuid>) -> HttpResponse {
    act(id).await
}
