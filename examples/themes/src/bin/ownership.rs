//! Ownership: each row has an owner, who is compared with the caller before the handler runs.
//!
//! `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run -p themes --bin ownership` prints tokens of alice and bob. Then:
//! `curl -i http://127.0.0.1:3000/notes/1 -H "Authorization: Bearer $TOKEN"`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/ownership.rs"]
mod tests;

use std::time::Duration;

use actix_web::web::{Data, Json};
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::resource::{OwnerKey, Unavailable};
use palisade::{Owned, Palisade, Resource, RowFilter, Scope, authenticated, get, owner_or_admin};
use serde::Serialize;

#[derive(Clone, Serialize)]
struct Note {
    id: u64,
    author: String,
    text: String,
}

/// In a real application: the connection pool of a database.
type Notes = Vec<Note>;

impl Resource for Note {
    type Id = u64;
    type Store = Notes;

    async fn load(notes: &Notes, id: u64) -> Result<Option<Self>, Unavailable> {
        Ok(notes.iter().find(|note| note.id == id).cloned())
    }

    fn owner(&self) -> impl OwnerKey {
        &self.author
    }
}

/// A missing note and somebody else's note get the same 404. The handler takes the row that was checked.
#[get("/notes/{id}")]
#[owner_or_admin(id, of = Note)]
async fn show_note(note: Owned<Note>) -> Json<Note> {
    Json(note.into_inner())
}

/// A list has no id that could be checked, so the handler gets a filter of the rows that the caller may see.
#[get("/notes")]
#[authenticated]
async fn list_notes(filter: RowFilter, notes: Data<Notes>) -> Json<Vec<Note>> {
    let visible = |note: &&Note| match &filter {
        RowFilter::Subject { subject, .. } => note.author == *subject,
        RowFilter::Tenant(_) => false, // Notes belong to no tenant.
        RowFilter::Everything => true,
    };
    Json(notes.iter().filter(visible).cloned().collect())
}

fn routes() -> Scope {
    palisade::scope("").service(show_note).service(list_notes)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://ownership.example", "ownership", secret)?;
    let note = |(id, author): (u64, &str)| Note { id, author: author.into(), text: format!("by {author}") };
    let notes = Data::new(Vec::from([(1, "alice"), (2, "bob")].map(note)));
    for name in ["alice", "bob"] {
        println!("{name}: {}", issuer.issue(&Grant::new(name, Duration::from_mins(15)))?);
    }
    let palisade = Palisade::builder().authenticator(issuer.verifier().build()?).routes(&routes()).build()?;
    let app = move || App::new().app_data(notes.clone()).service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
