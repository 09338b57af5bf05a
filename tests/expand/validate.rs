use palisade::{public, validate};

#[public]
#[validate]
async fn every(Json(new): Json<NewUser>, _: Data<SqlitePool>) -> User {
    new.into()
}

#[validate(size, id)]
#[public]
async fn some(mut id: Path<Id>, Query(Page { size, .. }): Query<Page>, db: Data<SqlitePool>) -> Users {
    db.users(id, size).await
}
