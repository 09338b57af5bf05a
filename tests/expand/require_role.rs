use palisade::require_role;

#[require_role("admin")]
#[require_role("auditor", "accountant")]
async fn reports() -> Reports {
    Reports::all().await
}
