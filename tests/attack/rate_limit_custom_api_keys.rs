//! A rate limit by API key for keys of a custom authenticator (CWE-770): the authenticator declares whether its
//! credentials are API keys; the name of its scheme does not decide.

use std::time::Duration;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest};
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeContext, Challenges};
use palisade::rate_limit::{By, MemoryRateLimits};
use palisade::{Authenticator, Palisade, Principal, RateLimit, Scope, authenticated, get};
use palisade_tests::{call, get_request};

/// API keys of another system: `x-partner: owner/key`.
struct Partners {
    scheme: &'static str,
    keys: bool,
}

impl Authenticator for Partners {
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        let Some(value) = request.headers().get("x-partner") else { return Attempt::Absent };
        Attempt::Done(match value.to_str().ok().and_then(|value| value.split_once('/')) {
            Some((owner, key)) => {
                Ok(Principal::new(self.scheme, "https://partners.example", owner)
                    .with_api_key(format!("{owner}-{key}")))
            }
            None => Err(AuthError::Invalid("partner_unknown")),
        })
    }

    fn scheme(&self) -> &'static str {
        self.scheme
    }

    fn has_api_keys(&self) -> bool {
        self.keys
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        challenges.add(Challenge::new(self.scheme).with("realm", context.realm()));
    }
}

#[get("/mine")]
#[authenticated]
async fn mine(caller: Principal) -> String {
    caller.api_key().unwrap_or_default().to_owned()
}

fn routes() -> Scope {
    palisade::scope("").rate_limit(RateLimit::new("keys", 2, Duration::from_hours(1)).by(By::ApiKey)).service(mine)
}

fn request_with(key: &'static str) -> TestRequest {
    get_request("/mine").insert_header(("x-partner", key))
}

#[actix_web::test]
async fn custom_api_keys_are_counted_separately() {
    let partners = Partners { scheme: "Partner", keys: true };
    let palisade = Palisade::builder().authenticator(partners).rate_limit_store(MemoryRateLimits::new());
    let palisade = palisade.routes(&routes()).build().unwrap();
    let app = init_service(App::new().service(routes()).wrap(palisade)).await;
    for key in ["acme/1", "acme/2", "other/1"] {
        for _ in 0..2 {
            let response = call(&app, request_with(key)).await;
            assert_eq!((response.status.as_u16(), response.body), (200, key.replace('/', "-")));
        }
        call(&app, request_with(key)).await.assert_problem(429);
    }
    call(&app, request_with("no key")).await.assert_problem(401);
}

#[test]
fn scheme_name_does_not_make_an_api_key() {
    let build = |scheme, keys| {
        Palisade::builder()
            .authenticator(Partners { scheme, keys })
            .routes(&routes())
            .build()
            .map_err(|mistake| (mistake.setting().to_owned(), mistake.to_string()))
    };
    assert!(build("Partner", true).is_ok() && build("ApiKey", true).is_ok());
    for scheme in ["Partner", "ApiKey"] {
        let (setting, mistake) = build(scheme, false).unwrap_err();
        assert!(setting == "authenticator" && mistake.contains("`has_api_keys` of your own"), "{mistake}");
    }
}
