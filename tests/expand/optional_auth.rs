use palisade::{get, optional_auth};

#[get("/greeting")]
#[optional_auth]
async fn greeting(caller: Option<Principal>) -> String {
    greet(caller)
}
