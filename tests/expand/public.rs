use palisade::public;

#[public("the load balancer has no credentials")]
async fn health() -> &'static str {
    "ok"
}
