//! The routes of the example, which the guide shows and others copy: CWE-287 (the account of another provider), CWE-613 (logouts that are
//! dropped), CWE-79 (the page of the login), CWE-835 (a browser that is led in a circle).

use futures_util::future::join_all;
use palisade::authn::AuthError;
use palisade::{Palisade, PalisadeBuilder};
use palisade_tests::tokens::now;

use super::*;

#[path = "../../examples/themes/src/sign_in_routes.rs"]
mod sign_in_routes;
use sign_in_routes::{configure, routes};

const SITE: &str = "http://localhost:3000";

fn sessions() -> (CookieSessions, MemoryRevocations) {
    let revoked = MemoryRevocations::new();
    (CookieSessions::new(SITE, MemorySessions::new(), revoked.clone()).unwrap(), revoked)
}

/// The application at this provider, with these sessions.
macro_rules! theme {
    ($liar:expr, $sessions:expr) => {
        theme!($liar, $sessions, |builder: PalisadeBuilder| builder)
    };
    ($liar:expr, $sessions:expr, $with:expr) => {{
        let (sessions, revoked) = $sessions;
        let sign_in = configure($liar.origin(), OAuthClient::secret_basic(CLIENT, SECRET), &KEY).unwrap();
        let palisade = $with(Palisade::builder().authenticator(sessions.clone())).routes(&routes()).build().unwrap();
        let app = actix_web::App::new().app_data(Data::new(sign_in));
        let app = app.app_data(Data::new(sessions)).app_data(Data::new(revoked));
        actix_web::test::init_service(app.service(routes()).wrap(palisade)).await
    }};
}

/// A navigation of the browser.
async fn opens<S, B>(browser: &Browser, app: &S, path: &str) -> palisade_tests::TestResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let cookies: Vec<_> = browser.0.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let asked = request(Method::GET, path).insert_header(("cookie", cookies.join("; ")));
    call(app, asked.insert_header(("sec-fetch-mode", "navigate"))).await
}

/// The address of the only link of a page.
fn link(page: &str) -> String {
    let (_, link) = page.split_once("<a href=\"").unwrap();
    assert_eq!(page.matches("<a ").count(), 1, "{page}");
    link.split('"').next().unwrap().replace("&amp;", "&")
}

/// Signs in by this link, and returns where the browser is sent then.
async fn signs_in<S, B>(browser: &Browser, app: &S, liar: &Liar, link: &str) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let asked = browser.begins(app, link).await;
    issue(liar, &asked.claims(liar));
    let done = browser.get(app, &asked.answer(liar)).await;
    assert_eq!(done.status, 303, "{done:?}");
    done.header("location").to_owned()
}

#[actix_web::test]
async fn page_leads_to_the_sign_in_and_back_and_contains_no_markup_of_the_address() {
    let liar = liar();
    let app = theme!(liar, sessions());
    let browser = Browser::default();
    let led_to = opens(&browser, &app, "/me?a=1&b=%2B").await;
    assert_eq!(led_to.header("location"), "/login?return_to=%2Fme%3Fa%3D1%26b%3D%252B");
    let page = opens(&browser, &app, led_to.header("location")).await;
    assert_eq!(page.status, 200);
    assert_eq!(signs_in(&browser, &app, &liar, &link(&page.body)).await, "/me?a=1&b=%2B");
    assert_eq!(browser.get(&app, "/me").await.status, 200);
    let page = browser.get(&app, "/login?return_to=%2Fme&acr_values=phr&max_age=300").await;
    let asked = browser.begins(&app, &link(&page.body)).await;
    assert_eq!((asked.value("acr_values"), asked.value("max_age")), ("phr".into(), "300".into()));
    for query in ["%22%3E%3Cscript%3E", "a='%3E&b=%26quot;", "x=1&amp;quot;"] {
        let page = browser.get(&app, &format!("/login?{query}")).await;
        assert!(!page.body.contains("<script") && page.body.matches('"').count() == 2, "{page:?}");
    }
}

/// Two providers may give the same subject to two people.
#[actix_web::test]
async fn account_is_that_of_issuer_and_subject() {
    let sessions = sessions();
    let mut accounts = Vec::new();
    for liar in [liar(), liar()] {
        let app = theme!(liar, sessions.clone());
        let browser = Browser::default();
        signs_in(&browser, &app, &liar, "/sign-in").await;
        accounts.push(browser.get(&app, "/me").await.body);
        // An application keeps these names, so they may never change.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(format!("{}\0ada", liar.origin()));
        assert_eq!(accounts.last().unwrap(), &palisade_tests::tokens::encode(digest));
    }
    assert_ne!(accounts[0], accounts[1]);
}

/// OpenID Connect Core §2: a subject has up to 255 characters.
#[actix_web::test]
async fn longest_subject_of_an_honest_provider_signs_in() {
    let liar = liar();
    let app = theme!(liar, sessions());
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in").await;
    let mut claims = asked.claims(&liar);
    claims["sub"] = "x".repeat(255).into();
    issue(&liar, &claims);
    let done = browser.get(&app, &asked.answer(&liar)).await;
    assert_eq!(done.status, 303, "{done:?}");
}

/// A user who was deleted here and not at the provider, which would sign them in again and again without a question.
#[actix_web::test]
async fn user_whom_a_new_sign_in_does_not_help_stays_on_the_page() {
    let liar = liar();
    let app = theme!(liar, sessions(), |builder: PalisadeBuilder| {
        builder.principals(async |_, _| Err(AuthError::Invalid("user_deleted")))
    });
    let browser = Browser::default();
    assert_eq!(signs_in(&browser, &app, &liar, "/sign-in?return_to=%2Fme").await, "/me");
    let led_to = opens(&browser, &app, "/me").await;
    assert_eq!((led_to.status.as_u16(), led_to.header("location")), (303, "/login?return_to=%2Fme"));
    let page = opens(&browser, &app, led_to.header("location")).await;
    assert_eq!((page.status.as_u16(), link(&page.body).as_str()), (200, "/sign-in?return_to=%2Fme"));
    assert_eq!(liar.calls("/token"), 1);
}

/// An operator of the provider ends the sessions of many users, all from the address of the provider, and at once. The application has
/// just started, so all of them wait for the first keys. Forged ones from the same address, such as of another client of that provider,
/// change nothing.
#[actix_web::test]
async fn many_logouts_at_once_are_carried_out_also_among_forged_ones() {
    let liar = liar();
    let app = theme!(liar, sessions());
    let post = async |token: &str| {
        let asked = request(Method::POST, "/sign-in/back-channel").set_payload(format!("logout_token={token}"));
        let asked = asked.insert_header(("content-type", "application/x-www-form-urlencoded"));
        call(&app, asked).await.status.as_u16()
    };
    for forged in 0..300 {
        assert_eq!(post("a.b.c").await, 400, "{forged}");
    }
    let token = |id: usize| {
        let claims = json!({
            "iss": liar.origin(), "aud": CLIENT, "sid": format!("s-{id}"), "iat": now(), "exp": now() + 120,
            "jti": id.to_string(), "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        let head = json!({"alg": "ES256", "typ": "logout+jwt", "kid": "k"});
        key().seal(head.to_string(), claims.to_string())
    };
    liar.answer("/jwks", Scripted::json(200, &json!({"keys": [key().jwk("k")]})).after(Duration::from_secs(3)));
    let tokens: Vec<_> = (0..300).map(token).collect();
    let answers = join_all(tokens.iter().map(|token| post(token))).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}
