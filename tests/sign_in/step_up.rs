//! CWE-835, RFC 9470: a page that demands another login than the provider gives sends the browser round and round.

use std::cell::Cell;

use palisade::oauth::SignInDemands;
use palisade::{Scope, scope, step_up};
use palisade_tests::tokens::now;

use super::*;

#[get("/payout")]
#[step_up(acr("phr"), max_age = "5m")]
async fn payout() -> &'static str {
    "paid out"
}

#[get("/sign-in/demanding")]
#[public]
async fn demanding(query: Query<Back>, request: HttpRequest, sign_in: Data<SignIn>) -> Result<HttpResponse, Problem> {
    Ok(sign_in.begin_with(&request, &query.return_to, &SignInDemands::from_query(&request)).await?)
}

/// `login` is the login page.
fn routes(login: &str) -> Scope {
    let pages = scope("/pages").login_page(login).service(payout).service(me);
    scope("").service(begin).service(demanding).service(callback).service(pages)
}

macro_rules! site {
    ($liar:expr, $login:expr) => {{
        let (sessions, palisade) = (sessions(), palisade::Palisade::builder());
        let palisade = palisade.authenticator(sessions.clone()).build().unwrap();
        let app = actix_web::App::new().app_data(Data::new(sign_in($liar))).app_data(Data::new(sessions));
        actix_web::test::init_service(app.service(routes($login)).wrap(palisade)).await
    }};
}

/// A provider whose own session is an hour old. Asked for a new or a stronger login, it lets the user log in.
async fn signs_in<S, B>(app: &S, browser: &Browser, liar: &Liar, page: &str, may_be_strong: bool) -> TestResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let asked = browser.begins(app, page).await;
    let mut claims = asked.claims(liar);
    claims["auth_time"] = json!(if asked.value("max_age").is_empty() { now() - 3600 } else { now() });
    if may_be_strong && asked.value("acr_values") == "phr" {
        claims["acr"] = json!("phr");
    }
    issue(liar, &claims);
    browser.get(app, &asked.answer(liar)).await
}

const PAGE: &str = "/pages/payout";

#[actix_web::test]
async fn login_page_that_demands_nothing_is_visited_once() {
    let liar = liar();
    let app = site!(&liar, "/sign-in");
    let (browser, redirects) = (Browser::default(), Cell::new(0));
    for round in 1..=10 {
        let page = browser.navigates(&app, PAGE).await;
        if page.status == 401 {
            page.assert_problem(401);
            assert_eq!(redirects.get(), 2, "once without a session, and once with a weak one");
            assert!(page.body.contains("A more recent or stronger login is required."), "{page:?}");
            break;
        }
        assert_eq!((page.status.as_u16(), round < 4), (303, true), "{round}: {page:?}");
        redirects.set(redirects.get() + 1);
        let done = signs_in(&app, &browser, &liar, page.header("location"), true).await;
        assert_eq!(done.header("location"), PAGE, "{done:?}");
    }
    // Another page is not meant, and the user may try again.
    assert_eq!(browser.navigates(&app, "/pages/me").await.status, 200);
    assert_eq!(browser.navigates(&app, PAGE).await.status, 303);
}

#[actix_web::test]
async fn login_page_that_passes_the_demand_on_leads_to_the_page() {
    let liar = liar();
    let app = site!(&liar, "/sign-in/demanding");
    let browser = Browser::default();
    let anonymous = browser.navigates(&app, PAGE).await;
    assert_eq!(anonymous.header("location"), "/sign-in/demanding?return_to=%2Fpages%2Fpayout");
    signs_in(&app, &browser, &liar, anonymous.header("location"), true).await;
    let weak = browser.navigates(&app, PAGE).await;
    let demanded = "/sign-in/demanding?return_to=%2Fpages%2Fpayout&acr_values=phr&max_age=300";
    assert_eq!((weak.status.as_u16(), weak.header("location")), (303, demanded));
    let cookie = weak.header("set-cookie");
    assert!(cookie.starts_with("__Host-step-up=") && cookie.contains("Max-Age=300"), "{cookie}");
    signs_in(&app, &browser, &liar, demanded, true).await;
    assert_eq!(browser.navigates(&app, PAGE).await.body, "paid out");
}

/// The class of a login is a wish, which the provider need not fulfil.
#[actix_web::test]
async fn provider_that_cannot_meet_the_demand_is_visited_once() {
    let liar = liar();
    let app = site!(&liar, "/sign-in/demanding");
    let browser = Browser::default();
    for _ in 0..2 {
        let page = browser.navigates(&app, PAGE).await;
        assert_eq!(page.status, 303);
        signs_in(&app, &browser, &liar, page.header("location"), false).await;
    }
    browser.navigates(&app, PAGE).await.assert_problem(401);
}
