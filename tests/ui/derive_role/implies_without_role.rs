use palisade::Role;

#[derive(Role)]
enum Kind {
    #[implies]
    Admin,
}

fn main() {}
