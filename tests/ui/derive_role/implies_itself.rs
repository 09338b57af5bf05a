use palisade::Role;

#[derive(Role)]
enum Kind {
    #[implies(Admin)]
    Admin,
    Editor,
}

fn main() {}
