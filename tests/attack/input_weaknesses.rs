//! Weaknesses of input validation, each as a test of its name: a nested field that is silently not validated (CWE-20), a rejected value that
//! is echoed in the error or in the log (CWE-209, CWE-532), and unknown fields that are accepted (mass assignment, CWE-915).

use std::collections::HashMap;

use actix_multipart::form::MultipartForm;
use actix_web::App;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use palisade::input::{Json, Multipart, Text};
use palisade::{get, patch, post, public, validate};
use palisade_tests::log::Log;
use palisade_tests::{call, get_request, palisade, post_request, request};
use serde::Deserialize;
use validator::Validate;

/// `nest_all_fields` validates what would be forgotten.
#[derive(Deserialize, Validate)]
#[validate(nest_all_fields)]
struct Customer {
    address: Address,
    more: Vec<Address>,
    by_name: HashMap<String, Address>,
    last: Option<Address>,
}

#[derive(Deserialize, Validate)]
#[validate(nest_all_fields)]
struct Address {
    place: Place,
}

#[derive(Deserialize, Validate, garde::Validate)]
struct Place {
    #[validate(length(max = 5))]
    #[garde(length(max = 5))]
    city: String,
}

/// `garde` does not compile without a rule, `dive` or `skip` for each field.
#[derive(Deserialize, garde::Validate)]
struct GardeCustomer {
    #[garde(dive)]
    address: Option<Box<GardeAddress>>,
    #[garde(dive)]
    more: Vec<GardeAddress>,
}

#[derive(Deserialize, garde::Validate)]
struct GardeAddress {
    #[garde(dive)]
    place: Place,
}

/// What the documentation warns of.
#[derive(Deserialize, Validate)]
struct Forgetful {
    #[validate(length(max = 5))]
    name: String,
    address: Place,
}

#[post("/customers")]
#[public]
#[validate]
async fn nested(customer: Json<Customer>) -> String {
    let Customer { address, more, by_name, last } = customer.into_inner();
    format!("{} {} {} {}", address.place.city, more.len(), by_name.len(), last.is_some())
}

#[post("/garde")]
#[public]
#[validate]
async fn garde_customer(customer: Json<GardeCustomer>) -> String {
    format!("{} {}", customer.address.is_some(), customer.more.len())
}

#[post("/forgetful")]
#[public]
#[validate]
async fn forgetful(customer: Json<Forgetful>) -> String {
    format!("{} {}", customer.name, customer.address.city)
}

#[actix_web::test]
async fn nested_field_silently_not_validated() {
    let app = App::new().service(nested).service(garde_customer).service(forgetful);
    let app = init_service(app.wrap(palisade())).await;
    let (sound, wrong) = (r#"{"place":{"city":"Ulm"}}"#, r#"{"place":{"city":"Vienna"}}"#);
    let customer = |at: usize| {
        let of = |index| if index == at { wrong } else { sound };
        format!(r#"{{"address":{},"more":[{},{}],"by_name":{{"k":{}}},"last":{}}}"#, of(0), of(1), of(2), of(3), of(4))
    };
    let places = ["/address", "/more/0", "/more/1", "/by_name/k", "/last"];
    for (at, place) in places.iter().enumerate() {
        let response = call(&app, post_request("/customers", &customer(at))).await;
        assert_eq!(response.outcome(), format!("422 \"{place}/place/city\" length"));
    }
    assert_eq!(call(&app, post_request("/customers", &customer(places.len()))).await.outcome(), "Ulm 2 1 true");
    for (body, expected) in [
        (format!(r#"{{"address":{sound},"more":[{sound}]}}"#), "true 1"),
        (format!(r#"{{"address":{wrong},"more":[]}}"#), r#"422 "/address/place/city" length"#),
        (format!(r#"{{"address":null,"more":[{sound},{wrong}]}}"#), r#"422 "/more/1/place/city" length"#),
    ] {
        assert_eq!(call(&app, post_request("/garde", &body)).await.outcome(), expected, "{body}");
    }
    // As long as `validator` does this, the documentation must start with it.
    let skipped = call(&app, post_request("/forgetful", r#"{"name":"ada","address":{"city":"Vienna"}}"#)).await;
    assert_eq!(skipped.outcome(), "ada Vienna");
    let documentation = include_str!("../../runtime/src/validation/mod.rs");
    let (before, _) = documentation.split_once("does not validate a nested struct unless").unwrap();
    assert!(before.lines().count() < 15, "the warning is not at the head of the page");
}

#[derive(Deserialize, Validate)]
struct Login {
    #[validate(length(max = 5))]
    name: String,
    #[validate(range(max = 9))]
    age: u8,
}

#[derive(Deserialize, garde::Validate)]
struct GardeLogin {
    #[garde(length(max = 5))]
    name: String,
    #[garde(range(max = 9))]
    age: u8,
}

#[derive(MultipartForm, Validate)]
struct Parts {
    #[validate(length(max = 5))]
    name: Text<String>,
    age: Text<u8>,
}

macro_rules! handlers {
    ($($module:ident: $login:ident, $($extractors:ident)::+;)*) => {$(
        mod $module {
            use super::*;

            #[post("/json")]
            #[public]
            #[validate]
            async fn json(login: $($extractors)::+::Json<$login>) -> String {
                format!("{} {}", login.name, login.age)
            }

            #[post("/form")]
            #[public]
            #[validate]
            async fn form(login: $($extractors)::+::Form<$login>) -> String {
                format!("{} {}", login.name, login.age)
            }

            #[get("/query")]
            #[public]
            #[validate]
            async fn query(login: $($extractors)::+::Query<$login>) -> String {
                format!("{} {}", login.name, login.age)
            }

            #[get("/path/{name}/{age}")]
            #[public]
            #[validate]
            async fn path(login: $($extractors)::+::Path<$login>) -> String {
                format!("{} {}", login.name, login.age)
            }

            pub fn scope() -> palisade::Scope {
                palisade::scope(concat!("/", stringify!($module))).service(json).service(form).service(query).service(path)
            }
        }
    )*};
}
handlers! {
    validator_actix: Login, actix_web::web;
    validator_ours: Login, palisade::input;
    garde_actix: GardeLogin, actix_web::web;
    garde_ours: GardeLogin, palisade::input;
}

#[post("/parts")]
#[public]
#[validate]
async fn upload(form: Multipart<Parts>) -> String {
    format!("{} {}", *form.name, *form.age)
}

/// Requests with the secret in each place where a value can be.
fn requests_with(secret: &str) -> Vec<TestRequest> {
    let form_request = |path: &str, form: String| {
        request(Method::POST, path)
            .insert_header(("content-type", "application/x-www-form-urlencoded"))
            .set_payload(form)
    };
    let mut requests = Vec::new();
    for scope in ["/validator_actix", "/validator_ours", "/garde_actix", "/garde_ours"] {
        for body in [
            format!(r#"{{"name":"{secret}","age":1}}"#),
            format!(r#"{{"name":["{secret}"],"age":1}}"#),
            format!(r#"{{"name":"a","age":"{secret}"}}"#),
            format!(r#"{{"name":"a","name":"{secret}","age":1}}"#),
            format!(r#""{secret}""#),
            format!(r#"{{"name":{secret}}}"#),
            format!(r#"{{"name":"{secret}"#),
        ] {
            requests.push(post_request(&format!("{scope}/json"), &body));
        }
        for pairs in [
            format!("name={secret}&age=1"),
            format!("name=a&age={secret}"),
            format!("name=a&name={secret}&age=1"),
            format!("age={secret}"),
        ] {
            requests.push(get_request(&format!("{scope}/query?{pairs}")));
            requests.push(form_request(&format!("{scope}/form"), pairs));
        }
        requests.push(get_request(&format!("{scope}/path/a/{secret}")));
    }
    for (name, age) in [(secret, "1"), ("a", secret)] {
        let part = |name: &str, text: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        requests.push(
            request(Method::POST, "/parts")
                .insert_header(("content-type", "multipart/form-data; boundary=b"))
                .set_payload(format!("{}{}--b--\r\n", part("name", name), part("age", age))),
        );
    }
    requests
}

#[actix_web::test]
async fn rejected_value_is_echoed_in_the_error_or_in_the_log() {
    const SECRET: &str = "hunter2hunter2";
    let (log, _guard) = Log::start();
    let app = App::new().service(validator_actix::scope()).service(validator_ours::scope());
    let app = app.service(garde_actix::scope()).service(garde_ours::scope()).service(upload);
    let app = init_service(app.wrap(palisade())).await;
    log.take_all();
    for request in requests_with(SECRET) {
        let response = call(&app, request).await;
        assert!(matches!(response.status.as_u16(), 400 | 404 | 422), "{response:?}");
        // The `instance` of a problem is the path that the client requested, as RFC 9457 has it.
        let mut problem = response.json();
        problem.as_object_mut().unwrap().remove("instance");
        assert!(!problem.to_string().contains(SECRET), "{response:?}");
        let headers = format!("{:?}", response.headers);
        assert!(!headers.contains(SECRET), "{headers}");
        let logged = log.take_all();
        assert!(logged.contains("palisade::audit") && logged.contains("rejected"), "{logged}");
        assert!(!logged.contains(SECRET), "{logged}");
    }
}

/// What a user may change of an own profile. `role` is no part of it.
#[derive(Deserialize, Validate)]
struct Profile {
    #[validate(length(max = 5))]
    name: Option<String>,
    #[serde(default, flatten)]
    #[validate(nested)]
    contact: Option<Contact>,
}

#[derive(Deserialize, Validate)]
struct Contact {
    #[validate(length(max = 9))]
    email: String,
}

#[patch("/profile")]
#[public]
#[validate(strict)]
async fn update_profile(profile: Json<Profile>) -> String {
    let Profile { name, contact } = profile.into_inner();
    format!("{name:?} {:?}", contact.map(|contact| contact.email))
}

#[actix_web::test]
async fn unknown_fields_are_accepted_role_admin_in_a_profile_update() {
    let app = init_service(App::new().service(update_profile).wrap(palisade())).await;
    for (body, expected) in [
        (r#"{"name":"ada"}"#, r#"Some("ada") None"#),
        (r#"{"name":"ada","email":"a@b"}"#, r#"Some("ada") Some("a@b")"#),
        (r#"{"name":"ada","role":"admin"}"#, r#"422 "/role" unknown_field"#),
        (
            r#"{"role":"admin","email":"a@b","is_admin":true,"name":"ada"}"#,
            r#"422 "/is_admin" unknown_field "/role" unknown_field"#,
        ),
        // Neither another case nor an escape makes another name of it.
        (r#"{"name":"ada","Role":"admin"}"#, r#"422 "/Role" unknown_field"#),
        (r#"{"name":"ada","\u0072ole":"admin"}"#, r#"422 "/role" unknown_field"#),
        (r#"{"name":"ada","contact":{"email":"a@b"}}"#, r#"422 "/contact" unknown_field"#),
    ] {
        let sent = call(&app, post_request("/profile", body).method(Method::PATCH)).await;
        assert_eq!(sent.outcome(), expected, "{body}");
    }
}
