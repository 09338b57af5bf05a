//! How often a caller is checked again: an interval that nobody meant leaves connections open (CWE-613), or asks the stores all the time
//! (CWE-400).

use std::time::Duration;

use actix_web::App;
use actix_web::test::init_service;
use palisade::admission::Admission;
use palisade::{authenticated, get};
use palisade_tests::log::Log;
use palisade_tests::{bearer, builder, call, get_request};

#[get("/default")]
#[authenticated]
async fn default(admission: Admission) -> String {
    format!("{admission:?}")
}

#[get("/chosen")]
#[authenticated]
async fn chosen(admission: Admission, request: actix_web::HttpRequest) -> String {
    let milliseconds = request.query_string().parse().unwrap();
    format!("{:?}", admission.check_every(Duration::from_millis(milliseconds)))
}

macro_rules! body {
    ($builder:expr, $path:expr) => {{
        let app = App::new().service(default).service(chosen).wrap($builder.build().unwrap());
        let request = get_request($path).insert_header(("authorization", bearer("alice", &[])));
        call(&init_service(app).await, request).await.body
    }};
}

#[actix_web::test]
async fn interval_of_the_application_holds_where_a_handler_chooses_none() {
    let rarely = || builder().check_admissions_every(Duration::from_secs(30));
    assert!(body!(builder(), "/default").contains("interval: 500ms"));
    assert!(body!(rarely(), "/default").contains("interval: 30s"));
    assert!(body!(rarely(), "/chosen?2000").contains("interval: 2s"));
}

#[actix_web::test]
async fn interval_out_of_bounds_is_a_configuration_error() {
    for (milliseconds, is_allowed) in [(0, false), (499, false), (500, true), (300_000, true), (300_001, false)] {
        let built = builder().check_admissions_every(Duration::from_millis(milliseconds)).build();
        assert_eq!(built.is_ok(), is_allowed, "{milliseconds}");
        if let Err(error) = built {
            assert!(error.to_string().contains("from 500 milliseconds to 5 minutes"), "{error}");
        }
    }
}

#[actix_web::test]
async fn interval_of_a_handler_out_of_bounds_is_replaced_and_logged() {
    let (log, _guard) = Log::start();
    for (path, used) in [("/chosen?0", "500ms"), ("/chosen?499", "500ms"), ("/chosen?300001", "300s")] {
        assert!(body!(builder(), path).contains(&format!("interval: {used}")), "{path}");
        log.assert_one(&["misconfigured", "/chosen", "check_every", "from 500 milliseconds to 5 minutes", used]);
    }
    for path in ["/chosen?500", "/chosen?300000"] {
        body!(builder(), path);
        assert_eq!(log.take(), [""; 0]);
    }
}
