use palisade::Role;

#[derive(Role)]
#[grants("users:delete")]
enum Kind {
    Admin,
}

fn main() {}
