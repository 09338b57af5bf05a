use palisade::{post, require_scope};

#[post("/orders")]
#[require_scope(all("orders:read", "orders:write"))]
async fn order(order: Json<Order>) -> HttpResponse {
    place(order).await
}
