use palisade::Role;

#[derive(Role)]
struct Admin;

fn main() {}
