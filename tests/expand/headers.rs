use palisade::{get, headers, post, public};

#[get("/")]
#[public]
#[headers(frame = "same-origin", csp = "default-src 'self' https://cdn.example", pages)]
async fn handler() -> &'static str {
    "ok"
}

#[post("/logout")]
#[public]
#[headers(
    clear_site_data,
    reporting("csp", "https://reports.example/csp"),
    danger_without = ["referrer-policy", "X-Frame-Options"]
)]
async fn logout() -> &'static str {
    "bye"
}
