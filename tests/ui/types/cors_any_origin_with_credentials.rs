use palisade::Cors;

fn main() {
    let _ = Cors::allow_any_origin().allow_credentials();
}
