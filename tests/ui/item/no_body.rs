use palisade::public;

trait Users {
    #[public]
    async fn show() -> &'static str;
}

fn main() {}
