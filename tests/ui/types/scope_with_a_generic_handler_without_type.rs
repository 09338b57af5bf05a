use actix_web::web::Data;
use palisade::{get, public};

trait Rows: 'static {}

#[get("/rows")]
#[public]
async fn list<R: Rows>(rows: Data<R>) -> &'static str {
    let _ = rows;
    "rows"
}

fn main() {
    palisade::scope("/api").service(list);
}
