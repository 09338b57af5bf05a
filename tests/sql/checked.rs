//! `sqlx::query!` beside `sql!`, in a guarded handler: its text is checked by the compiler, with the prepared data in `tests/.sqlx`.

use actix_web::web::Data;
use actix_web::{App, test};
use palisade::input::Path;
use palisade::{Palisade, Problem, get, public, sql};
use sqlx::SqlitePool;

#[get("/documents/{id}")]
#[public]
async fn show_document(id: Path<i64>, db: Data<SqlitePool>) -> Result<String, Problem> {
    let id = id.into_inner();
    let checked = sqlx::query!("SELECT id, title FROM documents WHERE id = ?", id).fetch_one(&**db).await?;
    let title: String =
        sql!("SELECT title FROM documents WHERE id = {checked.id}").query_scalar().fetch_one(&**db).await?;
    assert_eq!(title, checked.title);
    Ok(title)
}

#[actix_web::test]
async fn queries_that_the_compiler_checked_are_allowed() {
    let db = crate::sqlite().await;
    sql!("CREATE TABLE documents (id INTEGER PRIMARY KEY, title TEXT NOT NULL)").query().execute(&db).await.unwrap();
    sql!("INSERT INTO documents VALUES (7, 'checked')").query().execute(&db).await.unwrap();
    let palisade = Palisade::builder().build().unwrap();
    let scope = palisade::scope("").service(show_document);
    let app = test::init_service(App::new().app_data(Data::new(db)).service(scope).wrap(palisade)).await;
    let call = async |path: &str| test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
    assert_eq!(test::read_body(call("/documents/7").await).await, "checked");
    assert_eq!(call("/documents/8").await.status(), 404);
}
