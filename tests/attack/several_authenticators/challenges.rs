//! CWE-209, RFC 9110 §11.6.1: challenges that a client cannot read, that say too much, or that are missing.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::HttpRequest;
use palisade::authn::{Attempt, AuthError, Challenge, ChallengeCause, ChallengeContext, Challenges};
use palisade::{Authenticator, Palisade, Principal, authenticated, get, require_scope};
use palisade_tests::{call, get_request, jwt};

use super::challenges;

#[get("/any")]
#[authenticated]
async fn any() -> &'static str {
    "any"
}

#[get("/narrow")]
#[authenticated(by = "Echo")]
async fn narrow() -> &'static str {
    "narrow"
}

#[get("/orders")]
#[require_scope("orders:read")]
async fn orders() -> &'static str {
    "orders"
}

macro_rules! app {
    ($builder:expr) => {{
        let palisade = $builder.build().unwrap();
        let routes = palisade::scope("").service(any).service(narrow).service(orders);
        actix_web::test::init_service(actix_web::App::new().service(routes).wrap(palisade)).await
    }};
}

/// Its challenges are what the function makes.
struct Echo<F> {
    write: F,
    varies: bool,
}

impl<F> Authenticator for Echo<F>
where
    F: Fn(&ChallengeContext<'_>, &mut Challenges) + Send + Sync + 'static,
{
    fn authenticate<'a>(&'a self, request: &'a HttpRequest) -> Attempt<'a> {
        match request.headers().get("x-echo").map(|value| value.as_bytes()) {
            None => Attempt::Absent,
            Some(b"good") => Attempt::Done(Ok(Principal::new("Echo", "https://echo.example", "alice"))),
            Some(_) => Attempt::Done(Err(AuthError::Invalid("echo_wrong"))),
        }
    }

    fn scheme(&self) -> &'static str {
        "Echo"
    }

    fn challenge(&self, context: &ChallengeContext<'_>, challenges: &mut Challenges) {
        (self.write)(context, challenges);
    }

    fn challenge_varies(&self) -> bool {
        self.varies
    }
}

#[actix_web::test]
async fn bearer_is_first_in_any_order_of_registration() {
    let echo = |varies| Echo {
        write: |context: &ChallengeContext<'_>, challenges: &mut Challenges| {
            challenges.add(Challenge::new("Echo").with("realm", context.realm()));
            challenges.add(Challenge::new("DPoP").with("algs", "ES256"));
        },
        varies,
    };
    for varies in [false, true] {
        let app = app!(Palisade::builder().authenticator(echo(varies)).authenticator(jwt()));
        let response = call(&app, get_request("/any")).await;
        let expected = [r#"Bearer realm="api""#, r#"DPoP algs="ES256""#, r#"Echo realm="api""#];
        assert_eq!(challenges(&response.headers), expected, "{varies}");
        let response = call(&app, get_request("/narrow")).await;
        assert_eq!(challenges(&response.headers), expected[1..], "{varies}");
    }
}

#[actix_web::test]
async fn challenge_that_varies_is_written_for_each_request() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let app = app!(Palisade::builder().authenticator(jwt()).authenticator(Echo {
        write: |context: &ChallengeContext<'_>, challenges: &mut Challenges| {
            let path = context.request().map_or("no request", HttpRequest::path);
            let cause = format!("{:?}", context.cause());
            let count = WRITTEN.fetch_add(1, Ordering::Relaxed).to_string();
            challenges.add(Challenge::new("Echo").with("path", path).with("cause", cause).with("n", count));
        },
        varies: true,
    }));
    let at_build = WRITTEN.load(Ordering::Relaxed);
    for (path, echo, cause) in
        [("/any", None, "NoCredentials"), ("/any", Some("bad"), "Rejected"), ("/narrow", None, "NoCredentials")]
    {
        let count = WRITTEN.load(Ordering::Relaxed);
        let mut request = get_request(path);
        if let Some(echo) = echo {
            request = request.insert_header(("x-echo", echo));
        }
        let response = call(&app, request).await;
        response.assert_problem(401);
        let expected = format!(r#"Echo path="{path}", cause="{cause}", n="{count}""#);
        assert_eq!(challenges(&response.headers).last().copied(), Some(expected.as_str()));
    }
    assert_eq!(WRITTEN.load(Ordering::Relaxed), at_build + 3);
}

#[actix_web::test]
async fn challenge_that_does_not_vary_is_written_once() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let app = app!(Palisade::builder().authenticator(Echo {
        write: |context: &ChallengeContext<'_>, challenges: &mut Challenges| {
            WRITTEN.fetch_add(1, Ordering::Relaxed);
            assert!(context.request().is_none());
            challenges.add(Challenge::new("Echo"));
        },
        varies: false,
    }));
    let at_build = WRITTEN.load(Ordering::Relaxed);
    for path in ["/any", "/narrow", "/any"] {
        assert_eq!(challenges(&call(&app, get_request(path)).await.headers), ["Echo"]);
    }
    assert_eq!(WRITTEN.load(Ordering::Relaxed), at_build);
}

/// The scheme of the credential writes the challenge. It gets the scopes that the route needs.
#[actix_web::test]
async fn missing_scope_is_told_by_the_scheme_of_a_token() {
    let app = app!(Palisade::builder().authenticator(jwt()).authenticator(Echo {
        write: |context: &ChallengeContext<'_>, challenges: &mut Challenges| {
            assert_ne!(context.cause(), ChallengeCause::InsufficientScope, "a scope is of a token");
            challenges.add(Challenge::new("Echo"));
        },
        varies: false,
    }));
    let expected = [r#"Bearer realm="api", error="insufficient_scope", scope="orders:read""#];
    for request in [
        get_request("/orders").insert_header(("x-echo", "good")),
        get_request("/orders").insert_header(("authorization", palisade_tests::bearer("alice", &[]))),
    ] {
        let response = call(&app, request).await;
        response.assert_problem(403);
        assert_eq!(challenges(&response.headers), expected);
    }
}

/// Without tokens too the client learns which scope it lacks.
#[actix_web::test]
async fn missing_scope_is_told_without_an_authenticator_of_tokens() {
    let app = app!(Palisade::builder().authenticator(Echo {
        write: |_: &ChallengeContext<'_>, challenges: &mut Challenges| challenges.add(Challenge::new("Echo")),
        varies: true,
    }));
    let response = call(&app, get_request("/orders").insert_header(("x-echo", "good"))).await;
    response.assert_problem(403);
    let expected = [r#"Bearer realm="api", error="insufficient_scope", scope="orders:read""#];
    assert_eq!(challenges(&response.headers), expected);
}

#[test]
fn scheme_without_a_valid_challenge_is_reported_at_startup() {
    type Write = fn(&ChallengeContext<'_>, &mut Challenges);
    let cases: [(Write, &str); 5] = [
        (|_, _| {}, "[]"),
        (|_, challenges| challenges.add(Challenge::new("Two words")), "[Two words]"),
        (|_, challenges| challenges.add(Challenge::new("Echo\r\nSet-Cookie: a=b")), "Set-Cookie"),
        (|_, challenges| challenges.add(Challenge::new("Echo").with("a b", "c")), "a b=\"c\""),
        (
            |context, challenges| {
                // Only one of the two causes has the mistake.
                let twice = context.cause() == ChallengeCause::Rejected;
                challenges.add(Challenge::new("Echo").with("a", "1").with(if twice { "A" } else { "b" }, "2"));
            },
            "a=\"1\", A=\"2\"",
        ),
    ];
    for (write, named) in cases {
        let error = Palisade::builder().authenticator(Echo { write, varies: false }).build().unwrap_err().to_string();
        assert!(error.contains("authenticator") && error.contains("\"Echo\"") && error.contains(named), "{error}");
    }
}
