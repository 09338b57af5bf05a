use palisade::{post, public, rate_limit, validate};

#[post("/notes/{id}")]
#[public]
#[rate_limit(5, "15m", by = field(note.text))]
#[validate(note, page)]
async fn add(
    #[cfg(feature = "ids")] id: Path<u32>,
    #[cfg(not(feature = "forms"))] note: Json<Note>,
    #[cfg(feature = "forms")] note: Form<Note>,
    #[cfg_attr(unix, cfg(feature = "pages"))] page: Query<Page>,
) -> Note {
    note.into_inner()
}
