//! Texts of statements, and the mistakes in them.

use proc_macro2::Span;

use super::code::Code;
use super::scan::{Scanned, SqlPart, scan};

/// The text with `<value>` for a parameter, and the database that alone reads it.
fn read(text: &str) -> Result<String, String> {
    let Scanned { parts, sqlite, postgres, .. } =
        scan(text, Span::call_site(), Code::default()).map_err(|mistake| mistake.message)?;
    let mut read: String = parts
        .iter()
        .map(|part| match part {
            SqlPart::Text(text) => text.clone(),
            SqlPart::Value(parameter) | SqlPart::Name(parameter) => format!("<{}>", parameter.value),
            SqlPart::List { list, is_negated } => {
                format!("<{}in {}>", if *is_negated { "not " } else { "" }, list.value)
            }
        })
        .collect();
    if sqlite.is_some() {
        read.push_str(" (SQLite)");
    }
    if postgres.is_some() {
        read.push_str(" (PostgreSQL)");
    }
    Ok(read)
}

#[test]
fn texts_are_read_as_the_database_reads_them() {
    for (text, expected) in [
        ("SELECT 1", "SELECT 1"),
        ("id = {id} AND age>{min_age}", "id = <id> AND age><min_age>"),
        ("VALUES ({a},{b.c()}, {d[0]})", "VALUES (<a>,<b . c ()>, <d [0]>)"),
        ("a = {x.map(|y| { y })}", "a = <x . map (| y | { y })>"),
        (r#"a = {f("}")}"#, r#"a = <f ("}")>"#),
        ("x = {a::B}", "x = <a :: B>"),
        // Quotes.
        ("a = 'it''s' AND b = {b}", "a = 'it''s' AND b = <b>"),
        (r#""od""d" = {b}"#, r#""od""d" = <b>"#),
        (
            "'{1,2}' '{}' '{\"a\": 1}' '{{1},{2}}' '[0-9]{3}' = {b}",
            "'{1,2}' '{}' '{\"a\": 1}' '{{1},{2}}' '[0-9]{3}' = <b>",
        ),
        (r"LIKE {b} ESCAPE '\'", r"LIKE <b> ESCAPE '\'"),
        (r"a = E'it\'s' AND b = {b}", r"a = E'it\'s' AND b = <b> (PostgreSQL)"),
        (r"a = e'\\' AND b = {b}", r"a = e'\\' AND b = <b> (PostgreSQL)"),
        (r"SOME'\' AND b = {b}", r"SOME'\' AND b = <b>"),
        ("`a` = {b}", "`a` = <b> (SQLite)"),
        ("[a b] = {b} AND c[1] = 2", "[a b] = <b> AND c[1] = 2"),
        ("ARRAY[{a}, {b}]", "ARRAY[<a>, <b>] (PostgreSQL)"),
        ("$$it's ?$$ = {b}", "$$it's ?$$ = <b> (PostgreSQL)"),
        ("$a$ $$ $b$ $a$ = {b}", "$a$ $$ $b$ $a$ = <b> (PostgreSQL)"),
        ("a$b$c = {b} OR d$e = 1", "a$b$c = <b> OR d$e = 1"),
        // Comments.
        ("-- it's ?\na = {a}", "-- it's ?\na = <a>"),
        ("/* it's ? */ a = {a}", "/* it's ? */ a = <a>"),
        ("a -- b", "a -- b\n"),
        ("a - -{a} / {b}", "a - -<a> / <b>"),
        // Marks of PostgreSQL.
        ("a::text = {b}::text", "a::text = <b>::text"),
        ("a ?? {b} AND a ??| {c}", "a ? <b> AND a ?| <c> (PostgreSQL)"),
        ("a @> {b} AND f(x := {c})", "a @> <b> AND f(x := <c>)"),
        ("SELECT 1; -- end", "SELECT 1; -- end\n"),
        ("a[1:2] = @1 # 3", "a[1:2] = @1 # 3 (PostgreSQL)"),
        ("SELECT #x", "SELECT #x (PostgreSQL)"),
        ("1 AS \u{1F600}$a$ /* $a$ */, {x} --*/", "1 AS \u{1F600}$a$ /* $a$ */, <x> --*/\n"),
        ("id -- BY\n = {id}", "id -- BY\n = <id>"),
        ("ORDER BY {a} <-> b, c LIMIT {d}", "ORDER BY <a> <-> b, c LIMIT <d>"),
        ("ORDER BY f(a, {b}), c", "ORDER BY f(a, <b>), c"),
        // A comment is kept whole, and is not a keyword.
        ("id -- the ids\n IN ({ids..}) AND a = {a}", "id -- the ids\n <in ids> AND a = <a>"),
        ("id -- NOT\n IN ({ids..})", "id -- NOT\n <in ids>"),
        ("id /* a */ NOT /* b */ IN /* c */ (-- d\n{ids..}) AND", "id /* a */ <not in ids> AND"),
        // Forms.
        ("a IN ({ids..})", "a <in ids>"),
        ("a not in ( {self.ids()..} ) AND b", "a <not in self . ids ()> AND b"),
        ("(a)IN({ids..})", "(a)<in ids>"),
        ("a LIKE {q:contains}", r"a LIKE <q> ESCAPE '\'"),
        ("a NOT ILIKE {q.x:ends_with} OR", r"a NOT ILIKE <q . x> ESCAPE '\' OR"),
        ("ORDER BY {sort:ident}, id {sort:direction}", "ORDER BY <sort>, id <sort>"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    for (text, expected) in [
        ("a = '{x}'", "a parameter inside of quotes is not a parameter: `{x}`"),
        ("a = '%{x.y}%'", "a parameter inside of quotes is not a parameter: `{x.y}`"),
        ("a = '{\"a\": {b}}'", "a parameter inside of quotes is not a parameter: `{b}`"),
        ("\"{x}\" = 1", "a parameter inside of quotes is not a parameter: `{x}`"),
        ("`{x}` = 1", "a parameter inside of quotes is not a parameter: `{x}`"),
        ("$$ {x} $$", "a parameter inside of quotes is not a parameter: `{x}`"),
        (r"E'\' {x}'", "a parameter inside of quotes is not a parameter: `{x}`"),
        ("'{ids..}'", "a parameter inside of quotes is not a parameter: `{ids..}`"),
        ("'{x:contains}'", "a parameter inside of quotes is not a parameter: `{x:contains}`"),
        ("1 -- {x}", "a parameter inside of comments is not a parameter: `{x}`"),
        ("1 /* {x} */", "a parameter inside of comments is not a parameter: `{x}`"),
        ("a = 'b", "a text between quotes is not closed"),
        ("a = \"b", "a name between double quotes is not closed"),
        ("a = E'b\\'", "a text between quotes is not closed"),
        ("a = E'b'\n'c'", "a text `E'..'` that another text follows"),
        ("$a$ b $$", "a text between dollar quotes is not closed"),
        ("/* a", "a comment is not closed"),
        ("/* /* */ */", "a comment inside of a comment"),
        ("-- a\r b", "a carriage return inside of a comment"),
        ("a[1", "a bracket is not closed"),
        ("{x", "a parameter is not closed"),
        ("x}", "`}` without `{`"),
        ("{{x}}", "`{{` is not an escape in `sql!`"),
        ("{}", "a parameter needs a value"),
        ("{ }", "a parameter needs a value"),
        ("{a b}", "`{a b}` is not a Rust expression"),
        ("{a = 1}", "`{a = 1}` is not a Rust expression"),
        ("{0..2}", "`{0..2}` is not a Rust expression"),
        ("{if let Some(q) = q => \"AND\"}", "a condition between braces is not a value"),
        ("{x:idnt}", "unknown form `:idnt` in `{x:idnt}`"),
        ("{x:?}", "unknown form `:?` in `{x:?}`"),
        ("a = ?", "`?` is a placeholder, which `sql!` writes itself"),
        ("a = ?1", "`?` is a placeholder, which `sql!` writes itself"),
        ("a = $1", "`$1` is a placeholder, which `sql!` writes itself"),
        ("a = $name", "`$name` is a placeholder, which `sql!` writes itself"),
        ("a = :name", "`:name` is a placeholder, which `sql!` writes itself"),
        ("a = @name", "`@name` is a placeholder, which `sql!` writes itself"),
        ("a = $", "`$` outside of quotes"),
        ("SELECT 1; DROP TABLE a", "`sql!` takes one statement"),
        ("a\0", "the text contains NUL"),
        ("FROM documents_{year}", "`{year}` is a part of a word"),
        ("a = {a}b", "`{a}` is a part of a word"),
        ("a = {a}{b}", "`{b}` is a part of a word"),
        ("ORDER BY {x}", "`{x}` would sort or group by a constant, because a parameter is a value"),
        ("a = {q:contains}", "`:contains` is a pattern, which must follow `LIKE`"),
        ("a LIKE {q:contains} escape '!'", "`:contains` brings its own `ESCAPE`"),
        ("a = {ids..}", "the list `{ids..}` has the wrong place"),
        ("a IN ({b}, {ids..})", "the list `{ids..}` has the wrong place"),
        ("a IN ({ids..}, {b})", "the list `{ids..}` has the wrong place"),
        ("a = 'b\0c'", "the text contains NUL"),
        ("/* \0 */", "the text contains NUL"),
        ("1 /* a /*/", "a comment inside of a comment"),
        ("/*/*/", "a comment inside of a comment"),
        ("E'a'\n--\n'\\' || {x}", "a text `E'..'` that another text follows"),
        ("E'a' /* b */ 'c'", "a text `E'..'` that another text follows"),
        ("a =\u{a0}{x}", "a space that is not of ASCII, which the database reads as a part of a name"),
        ("a = \u{20ac}{x}", "`{x}` is a part of a word"),
        ("a = :\u{20ac}", "`:\u{20ac}` is a placeholder, which `sql!` writes itself"),
        ("ORDER BY a, {x}", "`{x}` would sort or group by a constant, because a parameter is a value"),
        ("ORDER BY /* a */ {x} DESC", "`{x}` would sort or group by a constant, because a parameter is a value"),
        ("f(a) OVER (PARTITION BY {x})", "`{x}` would sort or group by a constant, because a parameter is a value"),
        ("a LIKE {q:contains} || 'x'", "`:contains` is a whole pattern"),
        ("a LIKE {q:contains}'x'", "`:contains` is a whole pattern"),
        ("-- IN (\n ({ids..})", "the list `{ids..}` has the wrong place"),
        ("IN ({ids..})", "the list `{ids..}` has the wrong place"),
        ("a IN ({ids})", "`IN ({ids})` compares with one value"),
        ("a not in ( {ids} )", "`IN ({ids})` compares with one value"),
        ("a MIN ({ids..})", "the list `{ids..}` has the wrong place"),
        ("a.IN ({ids..})", "the list `{ids..}` has the wrong place"),
    ] {
        assert_eq!(read(text).unwrap_err(), expected, "{text}");
    }
}

/// What a reader of `cargo expand` sees.
#[test]
fn expansions_match_their_snapshot() {
    let statements = [
        r#""SELECT 1""#,
        r#""SELECT id, name FROM users WHERE id = {id} AND age > {min_age}""#,
        r#""UPDATE users SET name = {patch.name.as_deref()}, age = {a + b}", "WHERE id = {*id}""#,
        r#""SELECT id FROM users WHERE id IN ({ids..}) AND role NOT IN ({&roles..})""#,
        r#""SELECT id FROM documents WHERE title LIKE {q:contains} OR title LIKE {pattern}""#,
        r#""SELECT id FROM documents ORDER BY {sort:ident}, id {sort:direction} LIMIT {limit}""#,
        r#""SELECT id FROM documents WHERE owner = {owner}",
            if let Some(q) = q { "AND title LIKE {q:starts_with}" } else if all { "" } else { "AND FALSE" },
            match order { Order::Title if fast => "ORDER BY title", _ => "ORDER BY id" }"#,
        r#""SELECT tags[{n}] FROM documents WHERE body = $$it's$$""#,
        r#""SELECT `order` FROM documents""#,
    ];
    let mut report = String::new();
    for statement in statements {
        let expansion = super::expand(statement.parse().unwrap());
        let file =
            syn::parse2(quote::quote!(fn f() { #expansion })).unwrap_or_else(|error| panic!("{error}: {expansion}"));
        report.push_str(&format!("sql!({statement})\n\n{}\n", prettyplease::unparse(&file)));
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/expand");
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("sql", report));
}

/// The mistakes of whole invocations, and what each help text says.
#[test]
fn arguments_with_mistakes_do_not_compile() {
    for (arguments, message) in [
        ("", "`sql!` needs a statement"),
        ("text", "the text of a statement must be a string literal"),
        ("&text", "the text of a statement must be a string literal"),
        ("b\"SELECT\"", "the text of a statement must be a string literal"),
        ("format!(\"SELECT {id}\")", "`format!` makes a value a part of the text of a statement"),
        ("concat!(\"a\", \"b\")", "`concat!` is not a literal"),
        ("\"SELECT\" + text", "the text of a statement must be a string literal"),
        ("\"SELECT {}\", id", "`sql!` has no positional arguments"),
        ("\"SELECT\" \"1\"", "invalid argument: expected `,`"),
        ("\"SELECT 1\", if a { text }", "the text of a statement must be a string literal"),
        ("\"SELECT 1\", if a { \"b\"; \"c\" }", "expected one string literal between the braces"),
        ("\"SELECT 1\", if a {}", "expected one string literal between the braces"),
        ("\"SELECT 1\", match a { A => \"'{x}'\", B => \"\" }", "a parameter inside of quotes is not a parameter"),
        ("\"SELECT 1;\", \"SELECT 2\"", "a text after the end of the statement"),
        (
            "\"SELECT `a`\", \"FROM $$b$$\"",
            "only SQLite reads a name between backticks, and only PostgreSQL reads a text between dollar quotes",
        ),
        ("\"SELECT 'a\", \"b'\"", "a text between quotes is not closed"),
        ("\"  \"", "`sql!` needs a statement"),
    ] {
        let expansion = super::expand(arguments.parse().unwrap()).to_string();
        assert!(expansion.contains("compile_error") && expansion.contains(message), "{arguments}: {expansion}");
    }
    let twice = super::expand(r#""'{a}'", if b { text }"#.parse().unwrap()).to_string();
    assert_eq!(twice.matches("compile_error").count(), 2, "{twice}");
}

/// SQLite itself, as an oracle: a text that this scanner accepts, and SQLite accepts, has as many parameters for both. So no quote,
/// comment or name ends for SQLite where it does not end for the scanner.
#[test]
fn sqlite_sees_the_same_parameters() {
    use sqlx::{Connection as _, Either, Executor as _, SqlSafeStr as _, Statement as _};

    const ATOMS: [&str; 46] = [
        "IN ({x..})",
        "NOT IN ( {x..} )",
        "IN (",
        "NOT",
        "/* IN */",
        "-- IN (\n",
        "{x}",
        "{x}",
        "{x}",
        "{y}",
        "1",
        "'a'",
        "'it''s'",
        "'{1,2}'",
        "'--'",
        "'/*'",
        "''",
        "\"a\"",
        "\"a\"\"b\"",
        "`a`",
        "`a``b`",
        "[a]",
        "[a b]",
        "/* it's */",
        "/* \" */",
        "-- it's\n",
        "-- {\n",
        "'",
        "\"",
        "`",
        "[",
        "]",
        "/*",
        "*/",
        "--",
        "\n",
        "AS",
        ",",
        "||",
        "(",
        ")",
        "X'00'",
        "-",
        "\\",
        "'\\'",
        "e",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut sqlite = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |end: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % end as u64) as usize
        };
        let mut agreed = 0;
        for _ in 0..60_000 {
            let mut text = "SELECT {x}".to_owned();
            for index in 0..next(9) {
                text.push_str([" ", ", ", "", " AS "][if index % 2 == 0 { 1 } else { next(4) }]);
                text.push_str(ATOMS[next(ATOMS.len())]);
            }
            let Ok(Scanned { parts, postgres: None, .. }) = scan(&text, Span::call_site(), Code::default()) else {
                continue;
            };
            let mut sent = String::new();
            for part in &parts {
                match part {
                    SqlPart::Text(text) => sent.push_str(text),
                    SqlPart::List { .. } => sent.push_str("IN (?)"),
                    _ => sent.push('?'),
                }
            }
            let expected = parts.iter().filter(|part| !matches!(part, SqlPart::Text(_))).count();
            let Ok(prepared) = sqlite.prepare(sqlx::AssertSqlSafe(sent.clone()).into_sql_str()).await else { continue };
            let Some(Either::Right(found)) = prepared.parameters() else { panic!("SQLite counts parameters") };
            assert_eq!(found, expected, "{sent}");
            agreed += 1;
        }
        assert!(agreed > 1_000, "only {agreed} texts were accepted by both");
    });
}
