use palisade::cors::Origin;

const APP: Origin = palisade::origin!("https://*.example.com");

fn main() {
    println!("{APP}");
}
