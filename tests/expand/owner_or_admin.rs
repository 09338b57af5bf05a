use palisade::{get, owner_or_admin};

#[get("/users/{id}")]
#[owner_or_admin(id)]
async fn show_user(id: Path<Uuid>, db: Data<SqlitePool>) -> Result<Json<User>, ApiError> {
    let user = User::find(&db, *id).await?;
    Ok(Json(user))
}
