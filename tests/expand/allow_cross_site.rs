use palisade::{allow_cross_site, authenticated, post};

#[post("/login/callback")]
#[authenticated]
#[allow_cross_site("the provider answers with a form; `state` is checked")]
async fn callback(response: Form<Response>) -> Session {
    Session::of(response).await
}
