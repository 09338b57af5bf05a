use palisade::Role;

#[derive(Role)]
enum Kind<T> {
    Admin(T),
}

fn main() {}
