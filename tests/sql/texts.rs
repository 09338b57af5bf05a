//! The texts that are sent to each database.

use palisade::input::SortKey;
use palisade::sql;
use palisade::sql::{SqlIdentifier, Statement};
use sqlx::{Postgres, Sqlite};

#[derive(Clone, Copy, SqlIdentifier)]
enum Column {
    CreatedAt,
    #[sql(name = "documents.title")]
    Title,
    #[sql(name = "userId")]
    Mixed,
    Order,
}

/// The text of the same statement for SQLite and for PostgreSQL.
macro_rules! texts {
    ($($statement:tt)*) => {{
        let (sqlite, postgres): (Statement<Sqlite>, Statement<Postgres>) = (sql!($($statement)*), sql!($($statement)*));
        [sqlite.text().to_owned(), postgres.text().to_owned()]
    }};
}

#[test]
fn placeholders_are_those_of_the_database() {
    let (id, min_age) = (1, 2);
    assert_eq!(
        texts!("SELECT id, name FROM users WHERE id = {id} AND age > {min_age} OR id = {id}"),
        [
            "SELECT id, name FROM users WHERE id = ? AND age > ? OR id = ?",
            "SELECT id, name FROM users WHERE id = $1 AND age > $2 OR id = $3",
        ]
    );
}

#[test]
fn lists_are_placeholders_or_one_array() {
    for (ids, sqlite) in [(vec![], ""), (vec![7], "?"), (vec![7, 8, 9], "?, ?, ?")] {
        let (before, after) = ("a", "b");
        assert_eq!(
            texts!("WHERE a = {before} AND id IN ({ids..}) AND b = {after}"),
            [
                format!("WHERE a = ? AND id IN ({sqlite}) AND b = ?"),
                "WHERE a = $1 AND id = ANY($2) AND b = $3".to_owned(),
            ]
        );
        assert_eq!(
            texts!("WHERE NOT (id NOT IN ({&ids..}))"),
            [format!("WHERE NOT (id NOT IN ({sqlite}))"), "WHERE NOT (id <> ALL($1))".to_owned()]
        );
    }
}

#[test]
fn names_are_quoted_and_have_their_direction() {
    for (sort, sqlite, postgres) in [
        (SortKey::ascending(Column::CreatedAt), "`created_at`, id ASC", "\"created_at\", id ASC"),
        (
            SortKey::descending(Column::Title),
            "`documents`.`title` DESC, id DESC",
            "\"documents\".\"title\" DESC, id DESC",
        ),
        (SortKey::ascending(Column::Mixed), "`userId`, id ASC", "\"userId\", id ASC"),
        (SortKey::descending(Column::Order), "`order` DESC, id DESC", "\"order\" DESC, id DESC"),
    ] {
        let [of_sqlite, of_postgres] = texts!("SELECT id FROM documents ORDER BY {sort:ident}, id {sort:direction}");
        assert_eq!(of_sqlite, format!("SELECT id FROM documents ORDER BY {sqlite}"));
        assert_eq!(of_postgres, format!("SELECT id FROM documents ORDER BY {postgres}"));
    }
}

/// The trait can be implemented by hand. Then the quotes keep the name a name.
#[test]
fn a_quote_in_a_name_does_not_end_it() {
    struct Hostile;
    impl SqlIdentifier for Hostile {
        fn name(&self) -> &'static str {
            "a` \"; DROP TABLE users"
        }
    }
    let name = Hostile;
    assert_eq!(
        texts!("SELECT {name:ident} FROM users"),
        ["SELECT `a`` \"; DROP TABLE users` FROM users", "SELECT \"a` \"\"; DROP TABLE users\" FROM users"]
    );
}

#[test]
fn conditions_add_their_literal_and_their_values() {
    let search = |q: Option<&str>, newest: bool| {
        texts!(
            "SELECT id FROM documents WHERE owner = {1}",
            if let Some(q) = q
                && !q.is_empty()
            {
                "AND title LIKE {q:contains}"
            },
            match newest {
                true => "ORDER BY id DESC",
                false => "",
            },
            "LIMIT {2}"
        )
    };
    assert_eq!(
        search(None, true),
        [
            "SELECT id FROM documents WHERE owner = ? ORDER BY id DESC LIMIT ?",
            "SELECT id FROM documents WHERE owner = $1 ORDER BY id DESC LIMIT $2",
        ]
    );
    assert_eq!(
        search(Some("a"), false),
        [
            r"SELECT id FROM documents WHERE owner = ? AND title LIKE ? ESCAPE '\' LIMIT ?",
            r"SELECT id FROM documents WHERE owner = $1 AND title LIKE $2 ESCAPE '\' LIMIT $3",
        ]
    );
    assert_eq!(search(Some(""), false)[0], "SELECT id FROM documents WHERE owner = ? LIMIT ?");
}

#[test]
fn quotes_comments_and_braces_are_kept() {
    let id = 1;
    assert_eq!(
        texts!(
            r#"SELECT '{1,2}', '{"a": 1}', "it's" /* it's */ FROM a -- why not?
               WHERE b = 'it''s' AND c = {id} -- end"#,
            "AND d"
        )[1],
        r#"SELECT '{1,2}', '{"a": 1}', "it's" /* it's */ FROM a -- why not?
               WHERE b = 'it''s' AND c = $1 -- end
 AND d"#
    );
}

#[test]
fn a_text_of_one_database_is_a_statement_for_it() {
    let key = "a";
    let postgres: Statement<Postgres> = sql!("SELECT data ?? {key}, tags[{1}], $$it's$$ FROM documents");
    assert_eq!(postgres.text(), "SELECT data ? $1, tags[$2], $$it's$$ FROM documents");
    let sqlite: Statement<Sqlite> = sql!("SELECT `order` FROM documents WHERE id = {1}");
    assert_eq!(sqlite.text(), "SELECT `order` FROM documents WHERE id = ?");
}

#[test]
fn debug_shows_the_text_and_no_value() {
    let password = "hunter2";
    let statement: Statement<Sqlite> = sql!("SELECT id FROM users WHERE password = {password}");
    assert_eq!(format!("{statement:?}"), "Statement { text: \"SELECT id FROM users WHERE password = ?\", .. }");
}
