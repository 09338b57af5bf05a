use palisade::Roles;

enum Role {
    Admin,
}

fn main() {
    let _ = Roles::of::<Role>();
    let _ = Role::Admin;
}
