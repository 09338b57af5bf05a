use palisade::Role;

#[derive(Role)]
enum Kind {
    Admin,
    #[role("admin")]
    Root,
}

fn main() {}
