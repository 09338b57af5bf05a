use palisade::Role;

#[derive(Role)]
enum Kind {
    #[implies(Edtor)]
    Admin,
    Editor,
}

fn main() {}
