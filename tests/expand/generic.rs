use palisade::{authenticated, get, owner, rate_limit};

/// Lists the rows.
#[get("/rows", name = "rows")]
#[authenticated]
async fn list<'r, R: Rows<'r>, const N: usize>(rows: Data<R>) -> Json<Vec<Row>>
where
    R: Clone,
{
    Json(rows.first(N).await)
}

#[owner(id)]
#[rate_limit(2, "1m")]
pub async fn show<R: Rows>(id: Path<Uuid>, rows: Data<R>) -> Json<Row> {
    Json(rows.find(*id).await)
}
