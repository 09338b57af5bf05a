use actix_web::web::{Data, Json, Path};
use palisade::{post, public, validate};

struct Pool<T>(T);

#[derive(serde::Deserialize, validator::Validate)]
struct Note {
    #[validate(length(min = 1))]
    text: String,
}

type State = Pool<Vec<u8>>;

#[post("/users/{id}")]
#[public]
#[validate(body)]
async fn show(id: Path<u32>, pool: Pool<u32>, state: &State, body: Json<Note>, _: Data<u8>) -> String {
    format!("{id} {} {} {}", pool.0, state.0.len(), body.text)
}

fn main() {}
