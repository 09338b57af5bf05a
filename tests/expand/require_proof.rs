use palisade::{post, require_proof, require_scope};

#[post("/payments")]
#[require_scope("payments:write")]
#[require_proof]
async fn pay(payment: Json<Payment>) -> HttpResponse {
    transfer(payment).await
}
