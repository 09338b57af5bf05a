//! Instructions of making one statement with its values: by `sqlx::query(..).bind(..)` and by `sql!`.
//!
//! `cargo bench -p palisade --bench sql --features sqlx-sqlite,sqlx-postgres` needs valgrind and `gungraun-runner`. The promise is about
//! ratios of counts of one run, and `tests/counts/check` holds it: a statement of `sql!` costs at most 1.02 times one by hand, for both
//! databases. The execution by the database comes on top, and is the same for both.

use std::hint::black_box;

use gungraun::prelude::*;
use palisade::sql;
use sqlx::postgres::PgArguments;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Execute as _, Postgres, Sqlite};

const STATEMENTS: usize = 100;

type Row = (i64, String);

/// Values that the compiler does not know.
fn values() -> (i64, String, Option<f64>) {
    black_box((7, "ada@example.com".to_owned(), Some(0.5)))
}

/// What an executor does first: it takes the values, and reads the text.
macro_rules! run {
    ($query:expr) => {{
        let mut query = $query;
        drop(black_box(query.take_arguments()));
        black_box(query.sql());
    }};
}

#[library_benchmark]
#[bench::update(values())]
fn by_hand((id, email, score): (i64, String, Option<f64>)) {
    for _ in 0..STATEMENTS {
        let query: Query<'_, Sqlite, SqliteArguments> =
            sqlx::query("UPDATE users SET email = ?, score = ? WHERE id = ?").bind(&email).bind(score).bind(id);
        run!(query);
    }
}

#[library_benchmark]
#[bench::update(values())]
fn by_sql((id, email, score): (i64, String, Option<f64>)) {
    for _ in 0..STATEMENTS {
        let query: Query<'_, Sqlite, SqliteArguments> =
            sql!("UPDATE users SET email = {email}, score = {score} WHERE id = {id}").query();
        run!(query);
    }
}

#[library_benchmark]
#[bench::select(values())]
fn postgres_by_hand((id, email, score): (i64, String, Option<f64>)) {
    for _ in 0..STATEMENTS {
        let query: QueryAs<'_, Postgres, Row, PgArguments> =
            sqlx::query_as("SELECT id, name FROM users WHERE id > $1 AND email = $2 AND score < $3")
                .bind(id)
                .bind(&email)
                .bind(score);
        run!(query);
    }
}

#[library_benchmark]
#[bench::select(values())]
fn postgres_by_sql((id, email, score): (i64, String, Option<f64>)) {
    for _ in 0..STATEMENTS {
        let query: QueryAs<'_, Postgres, Row, PgArguments> =
            sql!("SELECT id, name FROM users WHERE id > {id} AND email = {email} AND score < {score}").query_as();
        run!(query);
    }
}

// A statement whose text depends on its values. Nothing is promised: by hand it would be a `QueryBuilder`.
#[library_benchmark]
#[bench::list(values())]
fn assembled((id, email, _): (i64, String, Option<f64>)) {
    let ids = [id, id, id];
    for _ in 0..STATEMENTS {
        let query: QueryAs<'_, Sqlite, Row, SqliteArguments> =
            sql!("SELECT id, name FROM users WHERE id IN ({ids..}) AND email = {email}").query_as();
        run!(query);
    }
}

library_benchmark_group!(
    name = statements,
    benchmarks = [by_hand, by_sql, postgres_by_hand, postgres_by_sql, assembled]
);
main!(library_benchmark_groups = statements);
