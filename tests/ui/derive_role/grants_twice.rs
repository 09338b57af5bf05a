use palisade::Role;

#[derive(Role)]
enum Kind {
    #[grants("a", "a")]
    Admin,
}

fn main() {}
