use palisade::cors::Origin;

const APP: Origin = palisade::origin!("http://app.example.com:80");

fn main() {
    println!("{APP}");
}
