//! The way to the provider and back.
//!
//! The threats are a sign-in that somebody else began (CWE-352) and a link that leads to another site afterwards (CWE-601). palisade binds
//! each sign-in to one browser, and the path to return to is a [`ReturnPath`].

use actix_web::{HttpRequest, HttpResponse, web::Data};
use palisade::input::Query;
use palisade::session::ReturnPath;
use palisade::{Problem, get, public, rate_limit, validate};

use super::login::LoginQuery;
use crate::{
    app::AppCookies,
    db::Db,
    sign_in::{AppSignIn, account_of},
};

/// Sends the browser to the provider.
#[get("/sign-in")]
#[public("leads to the provider")]
#[rate_limit(60, "1m")]
#[validate]
pub async fn begin(
    query: Query<LoginQuery>,
    request: HttpRequest,
    sign_in: Data<AppSignIn>,
) -> Result<HttpResponse, Problem> {
    let return_to = query.into_inner().return_to();
    let return_to = if return_to == ReturnPath::default() { ReturnPath::new("/app") } else { return_to };
    Ok(sign_in.get()?.begin(&request, &return_to).await?)
}

/// The provider sends the browser back to this address.
#[get("/sign-in/callback")]
#[public("ends the sign-in")]
#[rate_limit(30, "1m")]
pub async fn callback(
    request: HttpRequest,
    sign_in: Data<AppSignIn>,
    cookies: Data<AppCookies>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    sign_in.get()?.finish(&request, &cookies, async |who| account_of(who, &db).await).await
}
