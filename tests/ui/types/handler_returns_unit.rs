use palisade::{delete, public};

#[public]
#[delete("/users")]
async fn delete_all() {}

fn main() {}
