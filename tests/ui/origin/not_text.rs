use palisade::cors::Origin;

const APP: Origin = palisade::origin!(APP_ORIGIN);

fn main() {
    println!("{APP}");
}
