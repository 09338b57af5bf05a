use palisade::Role;

#[derive(Role)]
enum Kind {
    Admin(u8),
    User,
}

fn main() {}
