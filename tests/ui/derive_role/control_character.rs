use palisade::Role;

#[derive(Role)]
enum Kind {
    #[role("ad\tmin")]
    Admin,
}

fn main() {}
