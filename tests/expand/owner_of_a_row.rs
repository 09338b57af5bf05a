use palisade::{owner, put};

#[put("/orders/{order}/items/{item}")]
#[owner(order, item, of = Item)]
async fn change(item: Owned<Item>) -> HttpResponse {
    change(item).await
}
