//! A crate that denies what can be denied.
#![deny(warnings, missing_docs, unused, future_incompatible, let_underscore, nonstandard_style, rust_2018_idioms)]
#![deny(rust_2021_compatibility, rust_2024_compatibility, keyword_idents, refining_impl_trait)]
#![deny(
    absolute_paths_not_starting_with_crate,
    deprecated_in_future,
    explicit_outlives_requirements,
    ffi_unwind_calls,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_abi,
    missing_copy_implementations,
    missing_debug_implementations,
    non_ascii_idents,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_crate_dependencies,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![allow(unused_crate_dependencies)]

/// Handlers that other crates may mount.
pub mod users {
    use actix_web::web::{Json, Path};
    use palisade::{Endpoint, Policy, RateLimit};
    use palisade::policy::{Route, Rule};
    use palisade::rate_limit::{By, Count};
    use palisade::{authenticated, get, owner_or_admin, post, rate_limit, validate};
    use serde::Deserialize;
    use validator::Validate;

    /// Input.
    #[derive(Debug, Deserialize, Validate)]
    pub struct Note {
        #[validate(length(min = 1))]
        text: String,
    }

    /// Adds a note.
    #[post("/users/{id}/notes")]
    #[owner_or_admin(id)]
    #[rate_limit(5, "15m", count = failures)]
    #[rate_limit(100, "1d", by = principal, name = "writing")]
    #[validate]
    pub async fn add_note(id: Path<String>, note: Json<Note>) -> String {
        format!("{id}{}", note.text)
    }

    /// Lists notes.
    #[get("/users/{id}/notes")]
    #[authenticated]
    pub async fn list_notes() -> &'static str {
        "in"
    }

    /// For somebody else to route.
    #[authenticated]
    #[rate_limit(5, "15m")]
    pub async fn plain() -> &'static str {
        "in"
    }

    /// Uses the names that the expansion uses.
    pub fn read<E: Endpoint>() -> (Route, Policy, Rule, Count, By, Option<RateLimit>) {
        (E::ROUTE, *E::POLICY, E::POLICY.rule(), Count::All, By::Ip, None)
    }
}

fn main() {
    let _scope = palisade::scope("/api").service(users::add_note).service(users::list_notes);
    let _route = actix_web::web::get().to(users::plain);
    let _read = users::read::<users::add_note>();
}
