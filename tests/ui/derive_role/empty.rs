use palisade::Role;

#[derive(Role)]
enum Kind {}

fn main() {}
