use palisade::{cors, get, public};

#[get("/prices")]
#[public]
#[cors(
    "https://app.example",
    subdomains("https://shop.example"),
    credentials,
    expose("X-Total"),
    request_headers("X-Request-Id"),
    methods("GET", "PUT"),
    max_age = "10m"
)]
async fn prices() -> Prices {
    Prices::all().await
}

#[get("/partner")]
#[public]
#[cors(PARTNER, origins::OTHER)]
async fn partner() -> Prices {
    Prices::all().await
}

#[get("/all")]
#[public]
#[cors(any)]
async fn all() -> Prices {
    Prices::all().await
}

#[get("/own")]
#[public]
#[cors(none)]
async fn own() -> Prices {
    Prices::all().await
}
