use palisade::public;

#[public]
async fn users() -> &'static str {
    "in"
}

fn count() -> usize {
    let users = ["ann", "bob"];
    users.len()
}

fn main() {
    let _ = (actix_web::web::get().to(users), count());
}
