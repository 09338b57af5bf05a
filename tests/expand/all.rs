use palisade::{owner, rate_limit, require_role, validate};

/// Replaces a document.
#[deprecated = "append instead"]
#[palisade::put("/users/{id}/documents/{document}")]
#[owner(id)]
#[require_role("writer", "admin")]
#[allow(clippy::too_many_arguments)]
#[rate_limit(5, "15m", count = failures, by = principal)]
#[rate_limit(500, "1d", name = "documents")]
#[validate(body)]
pub async fn r#replace<'a>(path: Path<(String, u32)>, Json(body): Json<Document>) -> impl Responder {
    body.store(path).await
}
