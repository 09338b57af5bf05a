use palisade::Role;

#[derive(Role)]
enum Kind {
    #[role("")]
    Admin,
}

fn main() {}
