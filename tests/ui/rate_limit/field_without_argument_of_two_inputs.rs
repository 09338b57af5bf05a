use palisade::{post, public, rate_limit};

#[post("/notes")]
#[public]
#[rate_limit(5, "15m", by = [ip, field(text)])]
async fn show_user(db: Data<Db>, page: Query<Page>, Json(note): Json<Note>) -> &'static str {
    "in"
}

fn main() {}
