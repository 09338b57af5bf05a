//! 10,000 random values through each form are read back as they were, and the database runs no statement but ours.
//!
//! The seed is in the failure. `SQL_SEED` repeats a run.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use palisade::__v1::sql::ListElement;
use palisade::input::SortKey;
use palisade::sql;
use palisade::sql::{Driver, SqlIdentifier};
use sqlx::{ColumnIndex, Decode, Encode, Executor, IntoArguments, Pool, Type};

#[derive(Clone, Copy, SqlIdentifier)]
enum Column {
    Text,
    Number,
}

type Row = (String, i64, Vec<u8>, f64, Option<String>);

const VALUES: usize = 10_000;
/// In one transaction each, so that a run takes seconds.
const BATCH: usize = 100;

/// A generator whose whole state is its seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn from_environment() -> Self {
        let seed = std::env::var("SQL_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = seed.unwrap_or_else(now);
        eprintln!("SQL_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Marks of SQL, of patterns and of Rust, control characters, characters of each length in UTF-8, and whole attacks.
    fn text(&mut self, with_nul: bool) -> String {
        const PIECES: [&str; 44] = [
            "'",
            "''",
            "\"",
            "`",
            "\\",
            "\\'",
            "%",
            "_",
            ";",
            "--",
            "/*",
            "*/",
            "$1",
            "$$",
            "$a$",
            "?",
            "??",
            ":name",
            "@x",
            "{x}",
            "{}",
            "[",
            "]",
            "(",
            ")",
            ",",
            "\n",
            "\r",
            "\t",
            "\u{1}",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "\u{ffff}",
            "\u{10ffff}",
            "e\u{301}",
            "\u{1F512}",
            "NULL",
            "' OR '1'='1",
            "'); DROP TABLE t;--",
            "E'\\'' || ",
            "a",
        ];
        let mut text = String::new();
        for _ in 0..self.below(12) {
            match self.below(16) {
                0 if with_nul => text.push('\0'),
                0..3 => text.push(char::from_u32(self.below(0x11_0000) as u32).filter(|c| *c != '\0').unwrap_or('z')),
                _ => text.push_str(PIECES[self.below(PIECES.len())]),
            }
        }
        text
    }

    fn number(&mut self) -> i64 {
        const EDGES: [i64; 9] =
            [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX, i32::MAX as i64 + 1, i32::MIN as i64 - 1, 1 << 53];
        match self.below(3) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.next() as i64,
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(9)).map(|_| self.next() as u8).collect()
    }

    fn real(&mut self) -> f64 {
        const EDGES: [f64; 7] = [0.0, -0.5, f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::INFINITY, 5e-324];
        match self.below(3) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.next() as i64 as f64 / 7.0,
        }
    }
}

/// Whether a text is in `IN`, `NOT IN`, `LIKE` and `=` as it was stored.
async fn round_trips<DB>(db: &Pool<DB>, with_nul: bool)
where
    DB: Driver<Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB> + Decode<'q, DB> + ListElement<DB>,
    for<'q> f64: Encode<'q, DB> + Type<DB> + Decode<'q, DB>,
    for<'q> bool: Encode<'q, DB> + Type<DB> + Decode<'q, DB>,
    for<'q> String: Encode<'q, DB> + Type<DB> + Decode<'q, DB> + ListElement<DB>,
    for<'q> Vec<u8>: Encode<'q, DB> + Type<DB> + Decode<'q, DB>,
    for<'q> Option<String>: Encode<'q, DB> + Type<DB> + Decode<'q, DB>,
    for<'q, 's> &'s str: Encode<'q, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut dice = Dice::from_environment();
    for _ in 0..VALUES / BATCH {
        let mut change = db.begin().await.unwrap();
        for _ in 0..BATCH {
            let (text, number, bytes, real) = (dice.text(with_nul), dice.number(), dice.bytes(), dice.real());
            let (maybe, wanted) = (Some(dice.text(with_nul)).filter(|text| text.len() % 2 == 0), dice.below(2) == 0);
            let texts = vec![dice.text(with_nul), text.clone(), dice.text(with_nul)];
            let numbers = [dice.number(), number];
            let none: [String; 0] = [];
            sql!(
                "INSERT INTO t (text, number, bytes, real, maybe) VALUES ({text}, {number}, {bytes}, {real}, {maybe})"
            )
            .query()
            .execute(&mut *change)
            .await
            .unwrap();
            let part: String = text.chars().skip(1).take(3).collect();
            let (first, last): (String, String) =
                (text.chars().take(2).collect(), text.chars().skip(text.chars().count().saturating_sub(2)).collect());
            let sort = if wanted { SortKey::descending(Column::Number) } else { SortKey::ascending(Column::Text) };
            // In SQLite, `LIKE` reads a text up to its first NUL.
            let has_nul = text.contains('\0');
            let read: Vec<Row> = sql!(
                "SELECT text, number, bytes, real, maybe FROM t
                 WHERE text = {text.as_str()} AND text IN ({texts..}) AND number IN ({numbers..})",
                if !has_nul {
                    "AND text LIKE {part:contains} AND text LIKE {first:starts_with} AND text LIKE {last:ends_with}"
                },
                if wanted {
                    "AND number = {number}"
                },
                if let Some(maybe) = &maybe { "AND maybe = {maybe}" } else { "AND maybe IS NULL" },
                match wanted {
                    true => "AND NOT text NOT IN ({texts..})",
                    false => "AND text NOT IN ({none..})",
                },
                "ORDER BY {sort:ident}, text {sort:direction}"
            )
            .query_as()
            .fetch_all(&mut *change)
            .await
            .unwrap();
            assert_eq!(read, [(text.clone(), number, bytes, real, maybe)], "{text:?}");
            sql!("DELETE FROM t WHERE text = {text}").query().execute(&mut *change).await.unwrap();
        }
        change.commit().await.unwrap();
    }
}

#[tokio::test]
async fn values_of_sqlite_are_read_back_as_they_were() {
    let db = crate::sqlite().await;
    sql!("CREATE TABLE t (text TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, real REAL NOT NULL, maybe TEXT) STRICT")
        .query()
        .execute(&db)
        .await
        .unwrap();
    let schema = async || sql!("PRAGMA schema_version").query_scalar::<i64>().fetch_one(&db).await.unwrap();
    let before = schema().await;
    round_trips(&db, true).await;
    // SQLite has no log of its statements. It counts the rows that were changed, and each change of the schema.
    let changes: i64 = sql!("SELECT total_changes()").query_scalar().fetch_one(&db).await.unwrap();
    assert_eq!(changes, 2 * VALUES as i64, "each value is inserted and deleted once");
    assert_eq!(schema().await, before);
}

/// PostgreSQL stores no NUL in a text: that is an error of its own (see `errors`). Its log shows each statement that it ran.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_postgres_are_read_back_as_they_were_and_no_other_statement_ran() {
    let Some(db) = crate::postgres().await else { return };
    sql!("CREATE TABLE t (text TEXT NOT NULL, number BIGINT NOT NULL, bytes BYTEA NOT NULL, real FLOAT8 NOT NULL, maybe TEXT)")
        .query()
        .execute(&db.pool)
        .await
        .unwrap();
    round_trips(&db.pool, false).await;
    let statements = db.database.statements().await;
    let texts: BTreeSet<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    let mut expected = BTreeSet::from([
        "BEGIN",
        "COMMIT",
        "INSERT INTO t (text, number, bytes, real, maybe) VALUES ($1, $2, $3, $4, $5)",
        "DELETE FROM t WHERE text = $1",
        "CREATE TABLE t (text TEXT NOT NULL, number BIGINT NOT NULL, bytes BYTEA NOT NULL, real FLOAT8 NOT NULL, maybe TEXT)",
    ]);
    let mut selects = Vec::new();
    for wanted in [false, true] {
        for is_some in [false, true] {
            let mut text = "SELECT text, number, bytes, real, maybe FROM t
                 WHERE text = $1 AND text = ANY($2) AND number = ANY($3) AND text LIKE $4 ESCAPE '\\' \
                 AND text LIKE $5 ESCAPE '\\' AND text LIKE $6 ESCAPE '\\'"
                .to_owned();
            let mut next = 6;
            let mut number = || {
                next += 1;
                next
            };
            if wanted {
                write!(text, " AND number = ${}", number()).unwrap();
            }
            if is_some {
                write!(text, " AND maybe = ${}", number()).unwrap();
            } else {
                text.push_str(" AND maybe IS NULL");
            }
            let end = number();
            text.push_str(&match wanted {
                true => format!(" AND NOT text <> ALL(${end}) ORDER BY \"number\" DESC, text DESC"),
                false => format!(" AND text <> ALL(${end}) ORDER BY \"text\", text ASC"),
            });
            selects.push(text);
        }
    }
    expected.extend(selects.iter().map(String::as_str));
    // Of the driver, before the first of ours.
    let ours: BTreeSet<&str> = texts.into_iter().filter(|text| !text.starts_with("SET ")).collect();
    assert_eq!(ours, expected);
    let inserts = statements.iter().filter(|statement| statement.text.starts_with("INSERT")).count();
    assert_eq!(inserts, VALUES, "one for each value");
}
