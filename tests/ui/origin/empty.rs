use palisade::cors::Origin;

const APP: Origin = palisade::origin!();

fn main() {
    println!("{APP}");
}
