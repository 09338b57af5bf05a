use palisade::Role;

#[derive(Role)]
enum Kind {
    #[grants(delete)]
    Admin,
}

fn main() {}
