use palisade::Role;

#[derive(Role)]
enum Kind {
    #[implies(Editor)]
    Admin,
    #[implies(User)]
    Editor,
    #[implies(Admin)]
    User,
}

fn main() {}
