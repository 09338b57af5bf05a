//! Bodies with and without raw SQL.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use super::*;

/// What is found in a body: the tokens without spaces, and the kind.
fn found(body: TokenStream) -> Vec<(String, RawSqlKind)> {
    let body = Group::new(Delimiter::Brace, body).into();
    let text =
        |tokens: Vec<TokenTree>| tokens.into_iter().collect::<TokenStream>().to_string().replace([' ', '\n'], "");
    find(&body).into_iter().map(|RawSql { tokens, kind }| (text(tokens), kind)).collect()
}

fn one(body: &str) -> Option<(String, RawSqlKind)> {
    let mut found = found(body.parse().unwrap());
    assert!(found.len() < 2, "{body}: {found:?}");
    found.pop()
}

#[track_caller]
fn each_is(kind: RawSqlKind, bodies: &[(&str, &str)]) {
    for (body, tokens) in bodies {
        assert_eq!(one(body), Some((tokens.replace(' ', ""), kind)), "{body}");
    }
}

#[track_caller]
fn none_of(bodies: &[&str]) {
    for body in bodies {
        assert_eq!(one(body), None, "{body}");
    }
}

#[test]
fn an_assertion_is_found_wherever_it_is() {
    each_is(
        RawSqlKind::Asserted,
        &[
            ("sqlx::query(sqlx::AssertSqlSafe(text)).execute(&db).await", "sqlx::AssertSqlSafe"),
            ("sqlx::query(AssertSqlSafe(format!(\"{x}\"))).execute(&db).await", "AssertSqlSafe"),
            ("sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&db).await", "sqlx::AssertSqlSafe"),
            ("db.execute(::sqlx::AssertSqlSafe(text)).await", "::sqlx::AssertSqlSafe"),
            ("texts.into_iter().map(AssertSqlSafe).map(sqlx::query)", "AssertSqlSafe"),
            (
                "let safe: fn(String) -> sqlx_core::sql_str::AssertSqlSafe<String> = wrap;",
                "sqlx_core::sql_str::AssertSqlSafe",
            ),
            ("use sqlx::AssertSqlSafe; sqlx::query(AssertSqlSafe(text))", "AssertSqlSafe"),
            ("r#AssertSqlSafe(text)", "r#AssertSqlSafe"),
            ("tokio::select! { row = run(AssertSqlSafe(text)) => row, }", "AssertSqlSafe"),
            ("vec![AssertSqlSafe(a)]", "AssertSqlSafe"),
            ("info!(\"AssertSqlSafe {}\", AssertSqlSafe(a).0)", "AssertSqlSafe"),
            ("fn inner(text: String) { run(AssertSqlSafe(text)) } inner(text)", "AssertSqlSafe"),
            ("struct Rows; impl Rows { fn all(self) { run(AssertSqlSafe(self.text)) } }", "AssertSqlSafe"),
            ("move || async { run(AssertSqlSafe(text)).await }", "AssertSqlSafe"),
            ("macro_rules! run { ($x:expr) => { go(AssertSqlSafe($x)) } }", "AssertSqlSafe"),
        ],
    );
}

#[test]
fn an_import_of_the_assertion_is_found_if_nothing_else_is() {
    each_is(
        RawSqlKind::Asserted,
        &[
            ("use sqlx::AssertSqlSafe;", "AssertSqlSafe"),
            ("use sqlx::{query, AssertSqlSafe as Safe}; query(Safe(text)).execute(&db).await", "AssertSqlSafe"),
            ("use sqlx::{sql_str::{AssertSqlSafe}, query};", "AssertSqlSafe"),
        ],
    );
}

#[test]
fn every_place_is_found_in_the_order_of_the_source() {
    let body = quote! {
        let a = sqlx::raw_sql(SCHEMA).execute(&db).await;
        let b = sqlx::query(&format!("{table}"));
        let c = sqlx::query(AssertSqlSafe(d));
    };
    let kinds: Vec<RawSqlKind> = found(body).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [RawSqlKind::NotLiteral, RawSqlKind::Formatted, RawSqlKind::Asserted]);
}

#[test]
fn raw_sql_without_a_literal_is_found() {
    each_is(
        RawSqlKind::NotLiteral,
        &[
            ("sqlx::raw_sql(SCHEMA)", "SCHEMA"),
            ("sqlx::raw_sql(&format!(\"{x}\")).execute(&db).await", "&format!(\"{x}\")"),
            ("::sqlx::raw_sql(text,).fetch(&db)", "text"),
            ("sqlx_core::raw_sql::raw_sql(text)", "text"),
            ("sqlx::r#raw_sql(text)", "text"),
            ("raw_sql(text).execute(&db).await", "text"),
            ("use sqlx::raw_sql; let batch = raw_sql(text);", "text"),
            ("let batch = raw_sql(text); use sqlx::{query, raw_sql};", "text"),
            ("join!(sqlx::raw_sql(text).execute(&db), b)", "text"),
        ],
    );
}

#[test]
fn raw_sql_with_a_literal_is_allowed() {
    none_of(&[
        "sqlx::raw_sql(\"CREATE TABLE t (a INT)\").execute(&db).await",
        "sqlx::raw_sql(r#\"CREATE TABLE \"t\" (a INT)\"#,).execute(&db).await",
        "sqlx::raw_sql((\"VACUUM\")).execute(&db).await",
        "sqlx::raw_sql(concat!(\"PRAGMA \", \"optimize\")).execute(&db).await",
        "sqlx::raw_sql(std::include_str!(\"schema.sql\")).execute(&db).await",
        "raw_sql(\"VACUUM\").execute(&db).await",
        "use sqlx::raw_sql; raw_sql(include_str!(\"schema.sql\")).execute(&db).await",
        // Whether `$sql` is a literal is decided where the macro is called.
        "macro_rules! run { ($sql:literal) => { sqlx::raw_sql($sql).execute(&db).await } }",
    ]);
}

#[test]
fn built_statements_are_found() {
    each_is(
        RawSqlKind::Formatted,
        &[
            ("sqlx::query(&format!(\"SELECT {x}\")).fetch_one(&db).await", "format!(\"SELECT {x}\")"),
            ("sqlx::query_as::<_, User>(&format!(\"{x}\")).fetch_one(&db).await", "format!(\"{x}\")"),
            ("sqlx::query_scalar::<Sqlite, fn(u8) -> Vec<u8>>(&format!(\"{x}\"))", "format!(\"{x}\")"),
            ("sqlx::query_with(format!(\"{x}\").as_str(), arguments)", "format!(\"{x}\")"),
            ("sqlx_core::query_as::query_as_with_result(&std::format!(\"{x}\"), arguments)", "std::format!(\"{x}\")"),
            ("::sqlx::query(&*format!(\"{x}\").leak())", "format!(\"{x}\")"),
            ("sqlx::query(&*Box::leak(format!(\"{x}\").into_boxed_str()))", "format!(\"{x}\")"),
            ("sqlx::query(if asc { \"SELECT 1\" } else { &*format!(\"{x}\").leak() })", "format!(\"{x}\")"),
            ("sqlx::query(match x { A => \"SELECT 1\", B => { format!(\"{x}\") } })", "format!(\"{x}\")"),
            ("query(&format!(\"{x}\")).bind(id).fetch_one(&db).await", "format!(\"{x}\")"),
            ("query_as::<_, User>(&format!(\"{x}\")).fetch_all::<_>(&db).await", "format!(\"{x}\")"),
            ("use sqlx::query; let q = query(&format!(\"{x}\"));", "format!(\"{x}\")"),
            ("let query = query(&format!(\"{x}\")).bind(id);", "format!(\"{x}\")"),
            ("let all = 0..query(&format!(\"{x}\")).execute(&db);", "format!(\"{x}\")"),
            ("tokio::select! { row = sqlx::query(&format!(\"{x}\")).fetch_one(&db) => row, }", "format!(\"{x}\")"),
            ("macro_rules! run { ($x:expr) => { sqlx::query(&format!(\"{}\", $x)) } }", "format!(\"{}\",$x)"),
        ],
    );
    each_is(
        RawSqlKind::Added,
        &[
            ("sqlx::query(&(\"SELECT \".to_owned() + &x))", "\"SELECT\".to_owned()+&x"),
            ("sqlx::query_scalar(&(a + b + c)).fetch_one(&db)", "a+b+c"),
            ("sqlx::query((String::from(\"a\") + &b).as_str())", "String::from(\"a\")+&b"),
        ],
    );
    each_is(
        RawSqlKind::Concatenated,
        &[
            ("sqlx::query(&[\"SELECT \", &x].concat())", "[\"SELECT\",&x].concat()"),
            ("sqlx::query(vec![a, b].concat().as_str())", "vec![a,b].concat()"),
        ],
    );
}

#[test]
fn a_path_from_macro_rules_is_read_through_its_invisible_group() {
    let path = TokenTree::from(Group::new(Delimiter::None, quote!(sqlx::query)));
    let text = TokenTree::from(Group::new(Delimiter::None, quote!(format!("{x}"))));
    assert_eq!(found(quote!(#path(#text)))[0].1, RawSqlKind::Formatted);
    let literal = TokenTree::from(Group::new(Delimiter::None, quote!("VACUUM")));
    assert_eq!(found(quote!(sqlx::raw_sql(#literal))), []);
}

#[test]
fn prose_is_never_found() {
    none_of(&[
        "// AssertSqlSafe, sqlx::raw_sql(text), sqlx::query(&format!(\"{x}\"))\nlet a = 1;",
        "/* sqlx::AssertSqlSafe(text) */",
        "/// SELECT * FROM users, by sqlx::query(&format!(\"{x}\"))\nfn inner() {}",
        "info!(\"AssertSqlSafe {}\", x)",
        "let text = \"sqlx::query(&format!(\\\"SELECT {x}\\\"))\"; let c = r#\"raw_sql(x)\"#;",
        "let name = stringify!(sqlx::AssertSqlSafe(text));",
        "format!(\"SELECT {x} FROM users WHERE name = '{name}'\")",
        "let sql = \"DELETE FROM \".to_owned() + &table;",
    ]);
}

#[test]
fn constant_statements_are_never_found() {
    none_of(&[
        "sqlx::query(\"SELECT 1 + 1\").bind(a + b).bind(format!(\"%{x}%\")).bind([a, b].concat()).fetch_one(&db)",
        "sqlx::query(concat!(\"SELECT \", \"1\")).fetch_one(&db)",
        "sqlx::query(SELECT).bind(x).fetch_one(&db)",
        "sqlx::query(STATEMENTS[page + 1]).fetch_one(&db)",
        "sqlx::query(statement(page + 1)).fetch_one(&db)",
        "sqlx::query((page + 1).statement()).fetch_one(&db)",
        "sqlx::query(SELECT.concat(b)).fetch_one(&db)",
        "sqlx::query(statements.by_name(&format!(\"{kind}_by_id\"))).fetch_one(&db)",
        "sqlx::query(if page + 1 > last { LAST } else { NEXT }).fetch_one(&db)",
        "sqlx::query(match a + b { 1 => ONE, _ => { let _n = a + b; MANY } }).fetch_one(&db)",
        "sqlx::query_with(SELECT, arguments(a + b, format!(\"{x}\"))).fetch_one(&db)",
        "sqlx::query_as::<_, User>(SELECT).fetch_all(&db).await?.iter().map(|user| user.id + 1)",
        // The macros of sqlx take literals, which `+` may join.
        "sqlx::query!(\"SELECT \" + \"1\").fetch_one(&db)",
        "sqlx::query_as_unchecked!(User, \"SELECT \" + \"1\", a + b).fetch_one(&db)",
        "palisade::sql!(\"SELECT {a + b}\").fetch_one(&db)",
    ]);
}

#[test]
fn functions_that_are_not_of_sqlx_are_never_found() {
    none_of(&[
        "client.query(&format!(\"SELECT {x}\"), &[]).await",
        "client.query(&format!(\"SELECT {x}\")).bind(x).fetch_all(&db).await",
        "db.raw_sql(text).execute(&db).await",
        "graph.execute(query(&format!(\"MATCH (n:{label}) RETURN n\")).param(\"x\", 1)).await",
        "let rows = query(format!(\"project=[{}]\", ids.join(\",\")))?;",
        "query(&format!(\"G{index}\"), None)",
        "query(&format!(\"{x}\"), &client).execute(&db)",
        "query(a + b).execute()",
        "let value = raw_sql(\"a\".to_owned());",
        "let raw_sql = format!(\"{x}\"); client.execute(&raw_sql, &[])",
        "crate::db::query(&format!(\"{x}\")).fetch_one(&db)",
        "Table::query(&(a + b)).fetch_one(&db)",
        "<Table as Rows>::query(&(a + b)).fetch_one(&db)",
        "Table::<User>::raw_sql(text).execute(&db)",
        "fn query(text: String) -> Query { Query(text) } query(format!(\"{x}\")).execute(&db)",
        "let query = |text: String| client.prepare(text); query(format!(\"{x}\")).execute(&db)",
        "let mut query = move |text: String| client.prepare(text); query(format!(\"{x}\")).execute(&db)",
        "use sqlx::query::Query; let rows = query(format!(\"{x}\"));",
        "fn raw_sql(text: String) { run(text) }",
        "struct raw_sql(String);",
        "let query = request.query_string(); Query::<T>::from_query(query)",
        "sqlx::QueryBuilder::new(\"SELECT \")",
        "fn lives<'a>() -> impl Sized + use<'a> { &() }",
    ]);
}

/// An import alone runs no statement.
#[test]
fn imports_of_functions_are_never_found() {
    none_of(&["use sqlx::raw_sql;", "use sqlx::{query, query_as, raw_sql as run};", "pub(crate) use sqlx::query;"]);
}
