//! CWE-862: a generic handler is as guarded as any other one, with and without palisade's route attribute.

use std::fmt::Display;
use std::sync::Arc;

use actix_web::test::init_service;
use actix_web::web::{Data, Path};
use actix_web::{App, web};
use palisade::{Endpoint, authenticated, get, owner, public, rate_limit};
use palisade_tests::{bearer, call, get_request, palisade};

trait Rows: 'static {
    fn name(&self) -> &'static str;
}

struct Postgres;
struct Sqlite;

impl Rows for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }
}

impl Rows for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }
}

#[get("/rows")]
#[authenticated]
async fn list<R: Rows>(rows: Data<R>) -> &'static str {
    rows.name()
}

#[get("/users/{id}/{number}")]
#[owner(id)]
#[rate_limit(2, "1m")]
async fn numbered<R, const N: usize>(rows: Data<R>, path: Path<(String, usize)>) -> String
where
    R: Rows + ?Sized,
{
    format!("{} {} {N}", rows.name(), path.1)
}

/// It is routed by actix-web.
#[authenticated]
async fn plain<R: Rows, T: Display + Clone>(rows: Data<R>, text: Data<T>) -> String {
    format!("{} {}", rows.name(), **text)
}

#[public]
async fn not_found<R: Rows>(rows: Data<R>) -> &'static str {
    rows.name()
}

#[actix_web::test]
async fn a_generic_handler_is_mounted_by_its_name_with_a_type() {
    let routes = palisade::scope("/api")
        .service(palisade::scope("/postgres").service(list::<Postgres>))
        .service(palisade::scope("/sqlite").service(list::<Sqlite>()))
        .default_service(not_found::<Sqlite>());
    let app = App::new().app_data(Data::new(Postgres)).app_data(Data::new(Sqlite));
    let app = init_service(app.service(routes).service(list::<Postgres>()).wrap(palisade())).await;
    for (path, expected) in [("/api/postgres/rows", "postgres"), ("/api/sqlite/rows", "sqlite"), ("/rows", "postgres")]
    {
        call(&app, get_request(path)).await.assert_problem(401);
        let response = call(&app, get_request(path).insert_header(("authorization", bearer("alice", &[])))).await;
        assert_eq!(response.body, expected, "{path}");
    }
    assert_eq!(call(&app, get_request("/api/nowhere")).await.body, "sqlite");
}

#[actix_web::test]
async fn unsized_types_and_constants_are_type_arguments() {
    let rows: Arc<dyn Rows> = Arc::new(Sqlite);
    let app = App::new().app_data(Data::from(rows)).service(palisade::scope("/x").service(numbered::<dyn Rows, 7>));
    let app = init_service(app.wrap(palisade())).await;
    let request_as = |name: &str| get_request("/x/users/alice/3").insert_header(("authorization", bearer(name, &[])));
    call(&app, request_as("bob")).await.assert_problem(403);
    assert_eq!(call(&app, request_as("alice")).await.body, "sqlite 3 7");
    call(&app, request_as("alice")).await.assert_problem(429);
}

#[actix_web::test]
async fn a_generic_function_is_routed_by_actix_web() {
    let app = App::new().app_data(Data::new(Sqlite)).app_data(Data::new("text".to_owned()));
    let app = init_service(app.route("/plain", web::get().to(plain::<Sqlite, String>())).wrap(palisade())).await;
    call(&app, get_request("/plain")).await.assert_problem(401);
    let response = call(&app, get_request("/plain").insert_header(("authorization", bearer("alice", &[])))).await;
    assert_eq!(response.body, "sqlite text");
}

#[test]
fn a_generic_handler_is_in_the_policy_table() {
    fn policy_of<E: Endpoint>(_: E) -> String {
        format!("{} {}", E::POLICY.handler(), E::POLICY.rule())
    }
    assert_eq!(policy_of(list::<Postgres>()), "attack_generic_handlers::list authenticated");
    let table = palisade::scope("/x").service(numbered::<Sqlite, 1>).policies();
    assert_eq!(table.rows()[0].access(), "owner(id)");
}
