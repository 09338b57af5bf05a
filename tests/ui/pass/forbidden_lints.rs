//! A crate that forbids what can be forbidden: generated code can't allow anything then.
#![forbid(warnings, missing_docs, unused, deprecated, non_camel_case_types, nonstandard_style, dead_code)]
#![forbid(unused_imports, unused_results, unused_qualifications, unreachable_code, let_underscore)]

/// Handlers that other crates may mount.
pub mod users {
    use actix_web::web::{Json, Path};
    use palisade::{authenticated, get, owner_or_admin, post, rate_limit, require_role, validate};
    use serde::{Deserialize, Deserializer};
    use validator::{Validate, ValidationErrors};

    /// Roles.
    #[derive(Clone, Copy, Debug, palisade::Role)]
    pub enum Role {
        /// All.
        #[implies(Editor)]
        #[grants("users:delete")]
        Admin,
        /// Some.
        Editor,
    }

    /// Input, by hand: what others derive allows lints.
    #[derive(Debug)]
    pub struct Note {
        text: String,
    }

    impl<'de> Deserialize<'de> for Note {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer).map(|text| Self { text })
        }
    }

    impl Validate for Note {
        fn validate(&self) -> Result<(), ValidationErrors> {
            Ok(())
        }
    }

    /// Adds a note.
    #[post("/users/{id}/notes")]
    #[owner_or_admin(id)]
    #[rate_limit(5, "15m", by = [ip, field(note.text)])]
    #[validate]
    pub async fn add_note(id: Path<String>, note: Json<Note>) -> String {
        format!("{id}{}", note.text)
    }

    /// Adds a note, in a crate that has the feature.
    #[post("/users/{id}/more")]
    #[owner_or_admin(id)]
    #[rate_limit(5, "15m", by = [ip, field(note.text)])]
    #[validate]
    pub async fn add_more(#[cfg(any())] _gone: u8, id: Path<String>, note: Json<Note>) -> String {
        format!("{id}{}", note.text)
    }

    /// Lists notes.
    #[get("/users/{id}/notes", name = "notes", wrap = "actix_web::middleware::NormalizePath::trim()")]
    #[require_role(Role::Admin)]
    pub async fn list_notes() -> &'static str {
        "in"
    }

    /// Whoever mounts it is warned.
    #[deprecated(note = "list notes")]
    #[get("/users/{id}/note")]
    #[owner_or_admin(id)]
    #[rate_limit(5, "15m", by = [ip, field(note.text)])]
    #[validate]
    pub async fn old_list(id: Path<String>, note: Json<Note>) -> String {
        format!("{id}{}", note.text)
    }

    /// Whoever routes it is warned.
    #[deprecated]
    #[authenticated]
    #[rate_limit(5, "15m")]
    pub async fn old_function() -> &'static str {
        "in"
    }

    /// For somebody else to route.
    #[authenticated]
    #[rate_limit(5, "15m")]
    pub async fn plain() -> &'static str {
        "in"
    }
}

fn main() {
    let scope = palisade::scope("/api").service(users::add_note).service(users::add_more).service(users::list_notes);
    assert_eq!(scope.verify(), Ok(()));
    drop(actix_web::web::get().to(users::plain));
}
