//! Two providers in one application: neither can answer for the other one (RFC 9700 §4.4).

use actix_web::web::Path;
use palisade::oauth::SignIns;
use palisade_tests::log::Log;

use super::*;

#[get("/sign-in/{provider}")]
#[public]
async fn begin_at(name: Path<String>, request: HttpRequest, all: Data<SignIns>) -> Result<HttpResponse, Problem> {
    let sign_in = all.named(&name).ok_or_else(|| Problem::new(actix_web::http::StatusCode::NOT_FOUND))?;
    Ok(sign_in.begin(&request, &ReturnPath::default()).await?)
}

#[get("/sign-in/{provider}/callback")]
#[public]
async fn callback_of(
    name: Path<String>,
    request: HttpRequest,
    all: Data<SignIns>,
    sessions: Data<CookieSessions>,
) -> Result<HttpResponse, Problem> {
    let sign_in = all.named(&name).ok_or_else(|| Problem::new(actix_web::http::StatusCode::NOT_FOUND))?;
    let grant = async |who: &palisade::oauth::UpstreamIdentity| {
        Ok::<_, Problem>(who.grant(format!("{} of {}", who.subject(), who.issuer()), Duration::from_secs(60)))
    };
    sign_in.finish(&request, &sessions, grant).await
}

fn sign_in_at(liar: &Liar, redirect_uri: &str) -> SignIn {
    SignIn::builder(&provider(liar), OAuthClient::secret_basic(CLIENT, SECRET), redirect_uri, KEY).build().unwrap()
}

/// The path of an honest answer, at this provider's redirect URI.
fn answer_at(name: &str, asked: &Asked, liar: &Liar) -> String {
    asked.answer(liar).replace("/sign-in/callback", &format!("/sign-in/{name}/callback"))
}

#[actix_web::test]
async fn providers_of_one_application_cannot_be_mixed_up() {
    let (honest, evil) = (liar(), liar());
    let all = [
        ("honest", sign_in_at(&honest, "https://app.example/sign-in/honest/callback")),
        ("evil", sign_in_at(&evil, "https://app.example/sign-in/evil/callback")),
    ];
    let all = SignIns::new(all).unwrap();
    let sessions = sessions();
    let palisade = palisade::Palisade::builder().authenticator(sessions.clone()).build().unwrap();
    let routes = palisade::scope("").service(begin_at).service(callback_of).service(me);
    let app = actix_web::App::new().app_data(Data::new(all)).app_data(Data::new(sessions));
    let app = actix_web::test::init_service(app.service(routes).wrap(palisade)).await;
    let (log, _guard) = Log::start();

    // The user has chosen the honest provider, and the answer arrives where those of the other one do.
    let browser = Browser::default();
    let asked = browser.begins(&app, "/sign-in/honest").await;
    issue(&evil, &asked.claims(&evil));
    issue(&honest, &asked.claims(&honest));
    browser.get(&app, &answer_at("evil", &asked, &evil)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "flow_sealed", evil.origin()]);
    // The user has chosen the other provider, which leads to the honest one.
    let asked = browser.begins(&app, "/sign-in/evil").await;
    issue(&honest, &asked.claims(&honest));
    browser.get(&app, &answer_at("honest", &asked, &honest)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "flow_sealed", honest.origin()]);
    // The answer of one provider at the right place, for the state of a sign-in at the other one.
    let asked = browser.begins(&app, "/sign-in/honest").await;
    browser.get(&app, &answer_at("honest", &asked, &evil)).await.assert_problem(400);
    log.assert_one(&["sign_in_rejected", "issuer_mismatch", honest.origin()]);
    assert_eq!((honest.calls("/token"), evil.calls("/token")), (0, 0), "no code went to either of them");

    // Both at once, each at its own place.
    let (first, second) = (browser.begins(&app, "/sign-in/honest").await, browser.begins(&app, "/sign-in/evil").await);
    for (name, asked, liar) in [("evil", &second, &evil), ("honest", &first, &honest)] {
        issue(liar, &asked.claims(liar));
        assert_eq!(browser.get(&app, &answer_at(name, asked, liar)).await.status, 303);
        assert_eq!(browser.get(&app, "/me").await.body, format!("ada of {} []", liar.origin()));
    }
    assert_eq!(browser.get(&app, "/sign-in/other").await.status, 404);
}

#[test]
fn each_provider_needs_a_redirect_uri_and_a_name_of_its_own() {
    let (one, other) = (liar(), liar());
    let at_one = |uri: &str| sign_in_at(&one, uri);
    for (name, uri, setting) in [
        ("other", CALLBACK, "redirect_uri"),
        ("other", "https://app.example/sign-in/callback?provider=other", "redirect_uri"),
        ("other", "https://APP.example/sign-in/callback", "redirect_uri"),
        ("other", "https://app.example:443/sign-in/callback", "redirect_uri"),
        ("other", "https://app.example/other/../sign-in/callback", "redirect_uri"),
        ("one", "https://app.example/other", "name"),
        ("", "https://app.example/other", "name"),
    ] {
        let refused = SignIns::new([("one", at_one(CALLBACK)), (name, sign_in_at(&other, uri))]).unwrap_err();
        assert_eq!(refused.setting(), setting, "{name} {uri}");
    }
    let all = SignIns::new([("one", at_one(CALLBACK)), ("other", sign_in_at(&other, "https://app.example/other"))]);
    let all = all.unwrap();
    assert_eq!(all.named("other").unwrap().issuer(), other.origin());
    assert_eq!(all.names().collect::<Vec<_>>(), ["one", "other"]);
    assert!(!format!("{all:?}").contains(SECRET));
}
