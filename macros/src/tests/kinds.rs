//! The kind of each attribute: only an access attribute lets a handler compile.

use proc_macro2::TokenStream;

use self::Kind::{Access, Condition, Effect, Route};
use crate::attributes::Clause;
use crate::diagnostics::Diagnostics;
use crate::{EXPORTED, attributes, expand};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Access,
    Route,
    Condition,
    Effect,
}

fn kind_of(clause: &Clause) -> Kind {
    match clause {
        Clause::Access(_) => Access,
        Clause::Route(_) => Route,
        Clause::Condition(_) => Condition,
        Clause::Effect(_) => Effect,
    }
}

/// Each attribute with arguments, and its kind.
const KINDS: [(&str, &str, Kind); 31] = [
    ("get", "\"/x/{id}\"", Route),
    ("post", "\"/x/{id}\"", Route),
    ("put", "\"/x/{id}\"", Route),
    ("patch", "\"/x/{id}\"", Route),
    ("delete", "\"/x/{id}\"", Route),
    ("head", "\"/x/{id}\"", Route),
    ("options", "\"/x/{id}\"", Route),
    ("route", "\"/x/{id}\", method = \"GET\"", Route),
    ("public", "", Access),
    ("authenticated", "", Access),
    ("optional_auth", "", Access),
    ("deny_all", "\"closed\"", Access),
    ("require_role", "\"admin\"", Access),
    ("require_permission", "\"users:delete\"", Access),
    ("require_scope", "\"orders:write\"", Access),
    ("require_proof", "", Access),
    ("step_up", "max_age = \"5m\"", Access),
    ("tenant", "id", Access),
    ("authorize", "role(\"admin\")", Access),
    ("owner", "id", Access),
    ("owner_or_admin", "id", Access),
    ("rate_limit", "5, \"15m\"", Condition),
    ("timeout", "\"5s\"", Condition),
    ("concurrency", "8", Condition),
    ("validate", "", Condition),
    ("body_limit", "\"64KiB\"", Effect),
    ("compressed_body", "\"1MiB\"", Effect),
    ("headers", "pages", Effect),
    ("allow_raw_sql", "\"why\"", Effect),
    ("cors", "\"https://app.example\"", Effect),
    ("allow_cross_site", "\"why\"", Effect),
];

fn clause(keyword: &str, arguments: &str) -> TokenStream {
    format!("{keyword}({arguments});").parse().unwrap()
}

#[test]
fn the_kind_of_every_attribute_is_known() {
    let keywords: Vec<&str> = attributes::keywords().collect();
    for keyword in &keywords {
        assert!(KINDS.iter().any(|(known, ..)| known == keyword), "{keyword} has no kind here");
    }
    assert_eq!(KINDS.len(), keywords.len());
    for (keyword, arguments, kind) in KINDS {
        let mut diagnostics = Diagnostics::new();
        let clauses = attributes::parse(clause(keyword, arguments), &mut diagnostics);
        assert_eq!(diagnostics.into_tokens().to_string(), "", "{keyword}");
        assert_eq!(clauses.iter().map(|written| kind_of(&written.clause)).collect::<Vec<_>>(), [kind], "{keyword}");
    }
}

#[test]
fn each_attribute_is_exported() {
    assert_eq!(attributes::keywords().collect::<Vec<_>>(), EXPORTED);
}

#[test]
fn only_an_access_attribute_admits_callers() {
    for (keyword, arguments, kind) in KINDS {
        let item = "async fn f(body: Json<T>) {}".parse().unwrap();
        let expansion = expand::policy(clause(keyword, arguments), item).to_string();
        let rejected = expansion.contains("`f` has no access attribute");
        assert_eq!(rejected, kind != Access, "{keyword}: {expansion}");
    }
}

#[test]
fn an_unclear_access_attribute_is_one_mistake() {
    for (keyword, _, kind) in KINDS {
        if kind == Access
            && !["public", "authenticated", "optional_auth", "require_proof", "validate"].contains(&keyword)
        {
            let expansion = expand::policy(clause(keyword, ""), "async fn f() {}".parse().unwrap()).to_string();
            assert_eq!(expansion.matches("compile_error").count(), 1, "{keyword}: {expansion}");
        }
    }
}
