use palisade::{Extractor, public, validate};

#[public]
#[validate]
async fn every(Json(new): Json<NewUser>, _: Data<SqlitePool>) -> User {
    new.into()
}

#[derive(Extractor)]
struct Session<T: Clone>(T)
where
    T: Send;

#[public]
#[validate(except(session, db))]
async fn beside(session: other::Session, new: Json<NewUser>, db: other::Db) -> User {
    session.make(new, db)
}

#[validate(size, id)]
#[public]
async fn some(mut id: Path<Id>, Query(Page { size, .. }): Query<Page>, db: Data<SqlitePool>) -> Users {
    db.users(id, size).await
}

#[public]
#[validate(strict)]
async fn strict_every(Json(new): Json<NewUser>) -> User {
    new.into()
}

#[public]
#[validate(new, strict)]
async fn strict_one(new: Json<NewUser>, page: Query<Page>) -> User {
    new.into()
}

#[public]
#[validate(strict, except(session))]
async fn strict_beside(session: other::Session, new: Json<NewUser>) -> User {
    session.make(new)
}
