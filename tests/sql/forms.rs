//! Each form, run by the database.

use palisade::__v1::sql::ListElement;
use palisade::input::SortKey;
use palisade::sql;
use palisade::sql::{Driver, SqlIdentifier};
use sqlx::{ColumnIndex, Decode, Encode, Executor, IntoArguments, Pool, Type};
use uuid::Uuid;

#[derive(Clone, Copy, SqlIdentifier)]
enum Column {
    Id,
    Title,
}

const TITLES: [&str; 6] =
    ["plain", "50% off", "a_b", r"back\slash", "it's \"quoted\"", "Robert'); DROP TABLE documents;--"];

/// What the tests need of a database.
trait Tested: Driver<Arguments: IntoArguments<Self>> {}
impl<DB: Driver<Arguments: IntoArguments<DB>>> Tested for DB {}

async fn forms<DB: Tested>(db: &Pool<DB>)
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB> + Decode<'q, DB> + ListElement<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB> + Decode<'q, DB>,
    for<'q, 's> &'s str: Encode<'q, DB> + Type<DB> + ListElement<DB>,
    for<'q> Option<i64>: Encode<'q, DB>,
    usize: ColumnIndex<DB::Row>,
{
    sql!("CREATE TABLE documents (id BIGINT PRIMARY KEY, title TEXT NOT NULL)").query().execute(db).await.unwrap();
    for (id, title) in (1_i64..).zip(TITLES) {
        sql!("INSERT INTO documents (id, title) VALUES ({id}, {title})").query().execute(db).await.unwrap();
    }
    let count = async || sql!("SELECT count(*) FROM documents").query_scalar::<i64>().fetch_one(db).await.unwrap();
    assert_eq!(count().await, 6);

    // A value is found as it is.
    for (id, title) in (1_i64..).zip(TITLES) {
        let rows: Vec<(i64, String)> =
            sql!("SELECT id, title FROM documents WHERE title = {title}").query_as().fetch_all(db).await.unwrap();
        assert_eq!(rows, [(id, title.to_owned())]);
    }

    // Lists, also empty ones, also negated.
    let found = async |ids: &[i64], is_negated: bool| -> Vec<i64> {
        let statement = match is_negated {
            false => sql!("SELECT id FROM documents WHERE id IN ({ids..}) ORDER BY id"),
            true => sql!("SELECT id FROM documents WHERE NOT id NOT IN ({ids..}) ORDER BY id"),
        };
        statement.query_scalar().fetch_all(db).await.unwrap()
    };
    for ids in [&[][..], &[3], &[1, 6], &[6, 6, 99, 1]] {
        let mut expected: Vec<i64> = ids.iter().copied().filter(|id| *id <= 6).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(found(ids, false).await, expected, "{ids:?}");
        assert_eq!(found(ids, true).await, expected, "{ids:?}");
    }
    let none: [i64; 0] = [];
    let all: Vec<i64> =
        sql!("SELECT id FROM documents WHERE id NOT IN ({none..})").query_scalar().fetch_all(db).await.unwrap();
    assert_eq!(all.len(), 6, "nothing is in an empty list");
    let titles = vec![TITLES[4], TITLES[5]];
    let by_title: Vec<i64> = sql!("SELECT id FROM documents WHERE title IN ({titles..}) ORDER BY id")
        .query_scalar()
        .fetch_all(db)
        .await
        .unwrap();
    assert_eq!(by_title, [5, 6]);

    // A comment before a list stays whole: it hides neither the list nor what follows it.
    let (two, title) = ([1_i64, 2], TITLES[1]);
    let after_a_comment: Vec<i64> = sql!(
        "SELECT id FROM documents WHERE id -- the ids of the request
         IN ({two..})
         AND title = {title}"
    )
    .query_scalar()
    .fetch_all(db)
    .await
    .unwrap();
    assert_eq!(after_a_comment, [2]);

    // Patterns: each character stands for itself.
    for (q, expected) in
        [("%", vec![2_i64]), ("_", vec![3]), ("\\", vec![4]), ("'", vec![5, 6]), ("", vec![1, 2, 3, 4, 5, 6])]
    {
        let ids: Vec<i64> = sql!("SELECT id FROM documents WHERE title LIKE {q:contains} ORDER BY id")
            .query_scalar()
            .fetch_all(db)
            .await
            .unwrap();
        assert_eq!(ids, expected, "{q}");
    }
    let (first, last) = ("50%", "--".to_owned());
    let ends: Vec<i64> = sql!(
        "SELECT id FROM documents WHERE title LIKE {first:starts_with} OR title LIKE {last:ends_with} ORDER BY id"
    )
    .query_scalar()
    .fetch_all(db)
    .await
    .unwrap();
    assert_eq!(ends, [2, 6]);

    // Names and conditions.
    for (sort, q, expected) in [
        (SortKey::descending(Column::Id), None, vec![6_i64, 5, 4, 3, 2, 1]),
        (SortKey::ascending(Column::Title), Some("a"), vec![3, 4, 1]),
    ] {
        let mut ids: Vec<i64> = sql!(
            "SELECT id FROM documents WHERE id > {0_i64}",
            if let Some(q) = q {
                "AND title LIKE {q:contains} AND title NOT LIKE {\"R\":starts_with}"
            },
            "ORDER BY {sort:ident}, id {sort:direction}"
        )
        .query_scalar()
        .fetch_all(db)
        .await
        .unwrap();
        if q.is_some() {
            // The collation of the database decides the order of marks and letters.
            ids.sort_by_key(|id| expected.iter().position(|expected| expected == id));
        }
        assert_eq!(ids, expected);
    }

    // `NULL`.
    let nobody: Option<i64> = None;
    let isnull: i64 =
        sql!("SELECT count(*) FROM documents WHERE {nobody} IS NULL").query_scalar().fetch_one(db).await.unwrap();
    assert_eq!(isnull, 6);

    assert_eq!(count().await, 6, "the table is as it was");
}

#[tokio::test]
async fn forms_in_sqlite() {
    forms(&crate::sqlite().await).await;
}

#[tokio::test]
async fn forms_in_postgres() {
    let Some(db) = crate::postgres().await else { return };
    forms(&db.pool).await;
}

/// Arrays, quotes and operators that only PostgreSQL has.
#[tokio::test]
async fn texts_of_postgres_run_there() {
    let Some(db) = crate::postgres().await else { return };
    let (key, n, q) = ("a", 2, "it's {x}");
    let row: (bool, i32, String, bool, Vec<String>) = sql!(
        r#"SELECT '{"a": 1}'::jsonb ?? {key}, (ARRAY[7, 8, {9}])[{n}], $t$it's$t$ || E'\'' || {q}, '1' ILIKE {"1":contains}, '{x,y}'::text[]"#
    )
    .query_as()
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert_eq!(row, (true, 8, "it's'it's {x}".to_owned(), true, vec!["x".to_owned(), "y".to_owned()]));
}

/// The texts end for PostgreSQL where they end for `sql!`: the value after each is a parameter.
#[tokio::test]
async fn texts_end_where_they_end_for_postgres() {
    let Some(db) = crate::postgres().await else { return };
    let (db, q, n) = (db.pool, "it's {q} ?", 7_i32);
    macro_rules! reads {
        ($($statement:literal => $expected:expr),+ $(,)?) => {$(
            let read: String = sql!($statement).query_scalar().fetch_one(&db).await.expect($statement);
            assert_eq!(read, $expected, "{}", $statement);
        )+};
    }
    reads! {
        r"SELECT '\' || {q}" => r"\it's {q} ?",
        r"SELECT '' || {q}" => q,
        r"SELECT E'\\' || {q}" => r"\it's {q} ?",
        r"SELECT e'\''''||{q}" => "''it's {q} ?",
        r"SELECT U&'\0061' || {q}" => "ait's {q} ?",
        "SELECT 'it''s' /* it's */ || {q} -- it's" => "it'sit's {q} ?",
        "SELECT -- '\n {q}" => q,
        "SELECT $a$ $$ '\" -- $b$ $a$ || {q}" => " $$ '\" -- $b$ it's {q} ?",
        "SELECT $$$$ || {q}" => q,
        "SELECT \"a\"\"b\" || {q} FROM (SELECT 'x' AS \"a\"\"b\") t" => "xit's {q} ?",
        "SELECT (1 - -{n})::text" => "8",
        "SELECT ({n}::int % 2)::text" => "1",
        "SELECT ('[1,2]'::jsonb @> '[1]')::text || {q}" => "trueit's {q} ?",
        "SELECT ((ARRAY['a', 'b', {q}])[2 : 3])[2]" => q,
        "SELECT ('{\"a\": \"b\"}'::json ->> 'a') || {q}" => "bit's {q} ?",
    }
}

/// A transaction and a connection determine the database as a pool does.
#[tokio::test]
async fn statements_run_in_transactions() {
    let db = crate::sqlite().await;
    let mut change = db.begin().await.unwrap();
    sql!("CREATE TABLE a (id BLOB NOT NULL)").query().execute(&mut *change).await.unwrap();
    let id = Uuid::from_u128(7);
    sql!("INSERT INTO a (id) VALUES ({id})").query().execute(&mut *change).await.unwrap();
    let stored: Uuid = sql!("SELECT id FROM a WHERE id = {id}").query_scalar().fetch_one(&mut *change).await.unwrap();
    assert_eq!(stored, id);
    change.rollback().await.unwrap();
    assert!(sql!("SELECT id FROM a").query().fetch_all(&db).await.is_err(), "the table was rolled back");
}

/// The expression of a value is evaluated once, and takes nothing.
#[tokio::test]
async fn values_are_borrowed_and_evaluated_once() {
    let db = crate::sqlite().await;
    let name = String::from("ada");
    let mut calls = 0;
    let mut next = || {
        calls += 1;
        calls
    };
    let row: (String, i64, String) =
        sql!("SELECT {name}, {next()}, {name.to_uppercase()}").query_as().fetch_one(&db).await.unwrap();
    assert_eq!(row, (name, 1, "ADA".to_owned()));
    assert_eq!(calls, 1);
}

/// A value that cannot be sent is an error when the query runs, and no other value takes its place.
#[tokio::test]
async fn a_value_that_cannot_be_sent_is_an_error() {
    struct Broken;
    impl Type<sqlx::Sqlite> for Broken {
        fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
            <str as Type<sqlx::Sqlite>>::type_info()
        }
    }
    impl Encode<'_, sqlx::Sqlite> for Broken {
        fn encode_by_ref(
            &self,
            _: &mut sqlx::sqlite::SqliteArgumentsBuffer,
        ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
            Err("broken".into())
        }
    }
    let db = crate::sqlite().await;
    let (a, broken, b) = (1, Broken, 2);
    let error = sql!("SELECT {a}, {broken}, {b}").query().fetch_one(&db).await.unwrap_err();
    assert!(matches!(&error, sqlx::Error::Encode(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("argument $2 ") && text.contains("broken"), "{text}");
    let list = [Broken];
    let error = sql!("SELECT 1 WHERE 1 IN ({list..})").query_scalar::<i64>().fetch_one(&db).await.unwrap_err();
    assert!(matches!(&error, sqlx::Error::Encode(_)), "{error:?}");
    assert!(sql!("SELECT 1 WHERE 1 IN ({list..})").query_as::<(i64,)>().fetch_one(&db).await.is_err());
}
