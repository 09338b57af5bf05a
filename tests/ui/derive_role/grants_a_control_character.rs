use palisade::Role;

#[derive(Role)]
enum Kind {
    #[grants("users:\u{7f}delete")]
    Admin,
}

fn main() {}
