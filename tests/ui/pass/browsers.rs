use palisade::cors::Origin;
use palisade::{allow_cross_site, authenticated, cors, get, optional_auth, origin, post, public};

mod partners {
    pub const PARTNER: super::Origin = palisade::origin!("https://partner.example");
}

const APP: Origin = origin!("https://app.example:8443");

#[get("/prices")]
#[public]
#[cors(APP, partners::PARTNER, "http://[::1]:5173", subdomains(APP, "https://shop.example"), credentials, max_age = "1 hour")]
async fn prices() -> &'static str {
    "1, 2, 3"
}

#[cors(any, expose("X-Total", "ETag"), methods("GET"),)]
#[public]
async fn plain() -> &'static str {
    "plain"
}

#[allow_cross_site("a form of the provider")]
#[optional_auth]
#[cors(none)]
#[post("/callback")]
async fn callback() -> &'static str {
    "callback"
}

#[actix_web::put("/put")]
#[authenticated]
#[allow_cross_site("a form of the provider")]
#[cors(subdomains("https://shop.example"), request_headers("X-Request-Id"))]
async fn put() -> &'static str {
    "put"
}

fn main() {
    let routes = palisade::scope("").service(prices).service(callback);
    assert!(routes.verify().is_ok());
    let _ = actix_web::App::new().service(put).route("/plain", actix_web::web::get().to(plain));
}
