use palisade::Role;

#[derive(Role)]
enum Kind {
    #[role("admin", "root")]
    Admin,
}

fn main() {}
