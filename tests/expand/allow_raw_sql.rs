use palisade::{allow_raw_sql, authenticated, get};

#[get("/teams/{team}")]
#[authenticated]
#[allow_raw_sql("each team has a view of its own")]
async fn members(team: Path<Team>, db: Data<SqlitePool>) -> Result<Json<Vec<Member>>, Problem> {
    Ok(Json(sqlx::query_as(AssertSqlSafe(format!("SELECT * FROM {}", team.view()))).fetch_all(&**db).await?))
}
