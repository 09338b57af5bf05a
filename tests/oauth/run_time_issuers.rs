//! A customer of an application brings a provider of its own: the application knows it at run time only.

use std::sync::Mutex;

use palisade::authn::AuthError;
use palisade::jwt::TokenType;
use palisade::oauth::{IssuerRules, Issuers};
use palisade::resource::Unavailable;
use palisade_tests::provider::RealProvider;

use super::{JWT_RESOURCE, SERVICE, provider, setup};

#[actix_web::test]
async fn providers_of_customers_are_accepted_while_the_application_runs() {
    let (Some(first), Some(second)) = (provider(), RealProvider::start(&setup())) else { return };
    let tenants = std::sync::Arc::new(Mutex::new(vec![(first.issuer().to_owned(), "first")]));
    let table = std::sync::Arc::clone(&tenants);
    let accept = async move |issuer: &str| {
        let table = table.lock().unwrap();
        let tenant = table.iter().find(|(own, _)| own == issuer).map(|(_, tenant)| *tenant);
        let rules = |tenant| IssuerRules::new(JWT_RESOURCE).token_type(TokenType::AccessToken).tenant(tenant);
        Ok::<_, Unavailable>(tenant.map(rules))
    };
    let clock = palisade::testing::ManualClock::starting_at(std::time::SystemTime::now());
    let issuers = Issuers::builder(accept).clock(&clock).build().unwrap();
    let of_first = first.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let of_second = second.client_token(SERVICE, JWT_RESOURCE, "orders:read").await;
    let principal = issuers.verify(&of_first).await.unwrap();
    assert_eq!((principal.issuer(), principal.tenant()), (first.issuer(), Some("first")));
    let unknown = AuthError::Invalid("token_issuer_unknown");
    assert_eq!(issuers.verify(&of_second).await.unwrap_err(), unknown);
    assert_eq!(second.calls("GET /.well-known/openid-configuration"), 0, "it is not called before it is accepted");

    tenants.lock().unwrap().push((second.issuer().to_owned(), "second"));
    clock.advance(std::time::Duration::from_secs(61));
    let principal = issuers.verify(&of_second).await.unwrap();
    assert_eq!((principal.issuer(), principal.tenant()), (second.issuer(), Some("second")));
    assert!(principal.has_scope("orders:read"));
}
