//! CWE-89, ASVS V1.2.4: an exception from the guard against raw SQL is visible wherever a policy is.
//!
//! That raw SQL does not compile without the exception is shown in `tests/ui/raw_sql`.

use actix_web::test::init_service;
use actix_web::web::{Data, Path};
use actix_web::{App, web};
use palisade::allow_raw_sql as unchecked;
use palisade::{Endpoint, allow_raw_sql, authenticated, get, public};
use palisade_tests::{bearer, call, get_request, palisade};
use sqlx::{AssertSqlSafe, SqlitePool};

async fn number(text: String, db: &SqlitePool) -> String {
    sqlx::query_scalar::<_, i64>(AssertSqlSafe(text)).fetch_one(db).await.unwrap().to_string()
}

#[allow_raw_sql("each year is a table of its own")]
#[get("/sales/{year}")]
#[public("a demo")]
async fn sales(year: Path<u16>, db: Data<SqlitePool>) -> String {
    let text = format!("SELECT {year}");
    sqlx::query_scalar::<_, i64>(AssertSqlSafe(text)).fetch_one(&**db).await.unwrap().to_string()
}

#[get("/count")]
#[authenticated]
#[unchecked("a table for each type")]
async fn count<T: Table>(db: Data<SqlitePool>) -> String {
    let text = "SELECT ".to_owned() + T::NUMBER;
    sqlx::query_scalar::<_, i64>(AssertSqlSafe(text)).fetch_one(&**db).await.unwrap().to_string()
}

/// The guard sees the handler and not what it calls.
#[get("/called")]
#[public]
async fn called(db: Data<SqlitePool>) -> String {
    number("SELECT 5".to_owned(), &db).await
}

/// It is routed by actix-web.
#[palisade::allow_raw_sql("a statement of the operator")]
#[public]
async fn plain(db: Data<SqlitePool>) -> String {
    use sqlx::AssertSqlSafe as Checked;
    sqlx::query_scalar::<_, i64>(Checked("SELECT 4".to_owned())).fetch_one(&**db).await.unwrap().to_string()
}

trait Table: 'static {
    const NUMBER: &'static str;
}

struct Notes;

impl Table for Notes {
    const NUMBER: &'static str = "3";
}

#[actix_web::test]
async fn each_exception_shows_its_reason_in_the_policy_table() {
    let table = palisade::scope("/api").service(sales).service(count::<Notes>).service(called).policies();
    let reasons: Vec<_> = table.rows().iter().map(|row| (row.reason(), row.raw_sql_reason())).collect();
    let expected = [
        (Some("a demo"), Some("each year is a table of its own")),
        (None, Some("a table for each type")),
        (None, None),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(sales::POLICY.raw_sql_reason(), Some("each year is a table of its own"));
    assert_eq!(called::POLICY.raw_sql_reason(), None);

    for page in [table.to_text(), table.to_markdown(), table.to_html()] {
        assert!(page.contains("a demo; raw SQL: each year is a table of its own"), "{page}");
        assert!(page.contains("raw SQL: a table for each type"), "{page}");
        assert_eq!(page.matches("raw SQL").count(), 2, "{page}");
    }
    let json: serde_json::Value = serde_json::from_str(&table.to_json()).unwrap();
    let members: Vec<_> = json["routes"].as_array().unwrap().iter().map(|route| route["raw_sql"].clone()).collect();
    assert_eq!(
        members,
        ["each year is a table of its own".into(), "a table for each type".into(), serde_json::Value::Null]
    );
}

#[actix_web::test]
async fn a_handler_with_the_exception_is_as_guarded_as_any_other() {
    let db = SqlitePool::connect("sqlite::memory:").await.unwrap();
    let routes = palisade::scope("/api").service(sales).service(count::<Notes>).service(called);
    let app = App::new().app_data(Data::new(db)).service(routes).route("/plain", web::get().to(plain));
    let app = init_service(app.wrap(palisade())).await;
    call(&app, get_request("/api/count")).await.assert_problem(401);
    let as_alice = get_request("/api/count").insert_header(("authorization", bearer("alice", &[])));
    assert_eq!(call(&app, as_alice).await.body, "3");
    for (path, expected) in [("/api/sales/2026", "2026"), ("/api/called", "5"), ("/plain", "4")] {
        assert_eq!(call(&app, get_request(path)).await.body, expected, "{path}");
    }
}
