// Generated from examples/quickstart/src/main.rs: this is the code that the attributes of palisade expand to.
// Do not edit it. The guide explains an expansion line by line: runtime/docs/guide/expansion.md.

#![forbid(unsafe_code)]
use std::time::Duration;

use actix_web::web::{Json, Path};
use actix_web::{App, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::{Palisade, Principal};
use serde::{Deserialize, Serialize};
use validator::Validate;

#[derive(Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct Note {
    #[validate(length(min = 1, max = 200))]
    text: String,
}

#[repr(C)]
pub(crate) struct health;

impl ::palisade::__v1::Endpoint for health {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::get("/health");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(Public).of(::core::module_path!(), "health").with_reason("for the load balancer")
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn health() -> &'static str {
            "ok"
        }
        ::palisade::__v1::handler!(health; &'static str;).mount(__at)
    }
}
::palisade::__v1::add!(health; check_on_public_route, 0, (););

#[repr(C)]
pub(crate) struct me;

impl ::palisade::__v1::Endpoint for me {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::get("/me");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(Authenticated).of(::core::module_path!(), "me")
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn me(principal: Principal) -> String {
            principal.subject().to_owned()
        }
        ::palisade::__v1::handler!(me; String; Principal).mount(__at)
    }
}
::palisade::__v1::add!(me; check_on_guarded_route, 0, (); Principal);

#[repr(C)]
pub(crate) struct add_note;

impl ::palisade::__v1::Endpoint for add_note {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/users/{id}/notes");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, RateLimit, Rule::*};
        &Policy::new(Any(&[Owner("id"), Admin]))
            .of(::core::module_path!(), "add_note")
            .limits(&[RateLimit::per_seconds("add_note", 5, 60)])
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn add_note(id: Path<String>, note: Json<Note>) -> Json<Note> {
            println!("{id} noted {} characters", note.text.len());
            note
        }
        ::palisade::__v1::handler!(add_note; Json<Note>; Path<String>, Json<Note>)
            .validated(|__all, (__id, __note)| __all.of(__id).each().of(__note).each())
            .mount(__at)
    }
}
::palisade::__v1::add!(add_note; check_on_guarded_route, 1, (); Path<String>, Json<Note>);

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let issuer = TokenIssuer::hs256("https://quickstart.example", "quickstart", secret)?;
    println!("token of alice: {}", issuer.issue(&Grant::new("alice", Duration::from_secs(15 * 60)))?);
    let palisade = Palisade::builder().authenticator(issuer.verifier().build()?).build()?;
    let app = move || {
        let api = palisade::scope("/api").service(me).service(add_note);
        App::new().service(health).service(api).wrap(palisade.clone())
    };
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
