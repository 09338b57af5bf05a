use palisade::Role;

#[derive(Role)]
enum Kind {
    #[implies("Editor")]
    Admin,
    Editor,
}

fn main() {}
