//! The access matrix: each route is called by each kind of caller.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use actix_web::body::{self, MessageBody};
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_util::Stream;

use super::outcome::Access;
use super::personas::{Persona, Personas};
use crate::dry_run::{DryRun, LetThrough};
use crate::policy_table::{PolicyRow, PolicyTable};
use crate::principal::Principal;
use crate::role::RoleName;
use crate::settings::RequestState;

/// Which caller may call which route. `Display` shows it as a Markdown table.
#[derive(Clone, Debug)]
pub struct AccessMatrix {
    personas: Vec<String>,
    rows: Vec<(String, Vec<Access>)>,
}

impl AccessMatrix {
    /// The results for a route, such as `GET /users/{id}`, in the order of the personas.
    #[must_use]
    pub fn row(&self, route: &str) -> Option<&[Access]> {
        self.rows.iter().find(|(own, _)| own == route).map(|(_, results)| results.as_slice())
    }

    /// The number of calls that were checked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len().saturating_mul(self.personas.len())
    }

    /// Whether no call was checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of the page to commit: see [`assert_access!`](crate::testing::assert_access).
    #[must_use]
    pub fn to_markdown(&self) -> String {
        format!(
            "# Access matrix\n\nThe response of the guard to each kind of caller. `in` means that the request reaches the handler. A test writes \
             this page. Run that test with `PALISADE_BLESS=1` to renew the page.\n\n{self}"
        )
    }
}

impl fmt::Display for AccessMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
        let first = width(&mut self.rows.iter().map(|(route, _)| route.len().saturating_add(2))).max(5);
        let line = |f: &mut fmt::Formatter<'_>, route: &str, cells: &[String]| {
            write!(f, "| {route:first$} |")?;
            for (cell, persona) in cells.iter().zip(&self.personas) {
                write!(f, " {cell:width$} |", width = persona.len().max(3))?;
            }
            writeln!(f)
        };
        line(f, "route", &self.personas)?;
        let dashes: Vec<String> = self.personas.iter().map(|persona| "-".repeat(persona.len().max(3))).collect();
        line(f, &"-".repeat(first), &dashes)?;
        for (route, results) in &self.rows {
            line(f, &format!("`{route}`"), &results.iter().map(Access::to_string).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// Calls each route of the table as each persona, and compares each response with the policy.
///
/// The calls are dry runs: they end before the arguments of the handler are extracted, so no handler runs, no data changes and no
/// rate limit is charged. Each call is made twice, the second time with a broken body. Both must have the same result, and the body
/// must not be read. `table` is the table of the routes that `app` serves, such as `routes().policies()`.
///
/// # Panics
///
/// If a response differs from the policy: the message lists all differences. Also if the rules need a path parameter or a row
/// that is missing: the message names what to add.
///
/// ```
/// use actix_web::{App, test::init_service};
/// use palisade::testing::{Access, Persona, Personas, access_matrix};
/// use palisade::{Jwt, Palisade, Principal, get, owner_or_admin};
///
/// #[get("/users/{id}")]
/// #[owner_or_admin(id)]
/// async fn show_user() -> &'static str {
///     "you"
/// }
///
/// # #[actix_web::main] async fn main() -> Result<(), palisade::ConfigError> {
/// let routes = || palisade::scope("/api").service(show_user);
/// let jwt = Jwt::hs256("https://issuer.example", "my-api", b"at least 32 bytes, from a file or the environment")?;
/// let palisade = Palisade::builder().authenticator(jwt).routes(&routes()).build()?;
/// let app = init_service(App::new().service(routes()).wrap(palisade)).await;
/// let personas = Personas::new()
///     .parameter("id", "alice")
///     .persona(Persona::anonymous())
///     .persona(Persona::of("owner", Principal::new("Bearer", "issuer", "alice")))
///     .persona(Persona::of("other", Principal::new("Bearer", "issuer", "bob")));
/// let matrix = access_matrix(&app, &routes().policies(), &personas).await;
/// let results = matrix.row("GET /api/users/{id}").unwrap().iter().map(Access::to_string).collect::<Vec<_>>();
/// assert_eq!(results, ["401", "in", "403"]);
/// # Ok(()) }
/// ```
pub async fn access_matrix<S, B>(app: &S, table: &PolicyTable, personas: &Personas) -> AccessMatrix
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    assert!(!table.rows().is_empty(), "the policy table is empty, so there is nothing to call");
    let mut matrix = AccessMatrix {
        personas: personas.list().iter().map(|persona| persona.name().to_owned()).collect(),
        rows: Vec::new(),
    };
    let mut wrong = Vec::new();
    for row in table.rows() {
        for method in row.methods() {
            let route = format!("{method} {}", row.path());
            let mut results = Vec::new();
            for persona in personas.list() {
                let access = check(app, row, method, personas, persona, &mut wrong).await;
                results.push(access);
            }
            matrix.rows.push((route, results));
        }
    }
    assert!(wrong.is_empty(), "these responses differ from the policies:\n{}\n\n{matrix}", wrong.join("\n"));
    matrix
}

async fn check<S, B>(
    app: &S,
    row: &PolicyRow,
    method: &str,
    personas: &Personas,
    persona: &Persona,
    wrong: &mut Vec<String>,
) -> Access
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let call_name = || format!("{method} {} as {}", row.path(), persona.name());
    let read = Arc::new(AtomicBool::new(false));
    let plain = call(app, request(row, method, personas, persona, None)).await;
    let broken = call(app, request(row, method, personas, persona, Some(&read))).await;
    if let Some(admin) = plain.admin.as_ref().filter(|admin| *admin != row.admin_role()) {
        let help = format!(
            "the role of administrators is \"{admin}\" in the application and \"{}\" in the table: use the table of \
             `palisade.policies()`, or add `.with_admin_role(\"{admin}\")` to the table",
            row.admin_role()
        );
        if !wrong.contains(&help) {
            wrong.push(help);
        }
    }
    let expected = personas.expected(row, persona, plain.principal.as_ref().or(persona.principal()));
    if plain.access != expected {
        wrong.push(format!("{}: {}, but the policy requires {expected}", call_name(), plain.access));
    }
    if read.load(Ordering::Relaxed) {
        wrong.push(format!("{}: the body was read before the caller was admitted", call_name()));
    }
    if (plain.access, &plain.body) != (broken.access, &broken.body) {
        wrong.push(format!(
            "{}: a broken body changes the response from {} to {}",
            call_name(),
            plain.access,
            broken.access
        ));
    }
    plain.access
}

/// A path that no route has, so that a default service gets the request.
const UNKNOWN: &str = "~unknown~";

fn request(
    row: &PolicyRow,
    method: &str,
    personas: &Personas,
    persona: &Persona,
    broken: Option<&Arc<AtomicBool>>,
) -> actix_http::Request {
    let mut path = personas.fill(row.path());
    let method = match method {
        // A service that gets each method, and each path below its own.
        "*" => {
            path.push_str(UNKNOWN);
            Method::GET
        }
        method => Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET),
    };
    let mut request = TestRequest::default().method(method).uri(&path);
    request = request.peer_addr(([192, 0, 2, 1], 1).into());
    if broken.is_some() {
        request = request.insert_header(("content-type", "application/json")).insert_header(("content-length", "1"));
    }
    let request = persona.sign(request);
    request.extensions_mut().insert(DryRun);
    match broken {
        Some(read) => {
            let stream: Pin<Box<dyn Stream<Item = _>>> = Box::pin(BrokenBody(Arc::clone(read)));
            request.replace_payload(Payload::Stream { payload: stream }).0
        }
        None => request,
    }
}

/// A body that ends with an error. It records whether it was read.
struct BrokenBody(Arc<AtomicBool>);

impl Stream for BrokenBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(PayloadError::Incomplete(None))))
    }
}

struct ProbeResponse {
    access: Access,
    body: Bytes,
    principal: Option<Principal>,
    /// The role of administrators in the application.
    admin: Option<RoleName>,
}

async fn call<S, B>(app: &S, request: actix_http::Request) -> ProbeResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    match app.call(request).await {
        Ok(response) => {
            let (principal, admin) = (resolved(&response), admin(&response));
            let let_through = response.response().extensions().contains::<LetThrough>();
            let access = if let_through { Access::In } else { Access::Rejected(response.status()) };
            let body = body::to_bytes(response.into_body()).await.unwrap_or_default();
            ProbeResponse { access, body, principal, admin }
        }
        Err(error) => {
            let response = error.as_response_error().error_response();
            let access = Access::Rejected(response.status());
            let body = body::to_bytes(response.into_body()).await.unwrap_or_default();
            ProbeResponse { access, body, principal: None, admin: None }
        }
    }
}

/// The principal in the request state, with its implied roles and permissions.
fn resolved<B>(response: &ServiceResponse<B>) -> Option<Principal> {
    RequestState::of(response.request()).and_then(|state| state.principal.get().cloned())
}

fn admin<B>(response: &ServiceResponse<B>) -> Option<RoleName> {
    RequestState::of(response.request()).map(|state| state.settings.admin.clone())
}

/// Compares an [`AccessMatrix`](crate::testing::AccessMatrix) with its committed page, as
/// [`assert_policies!`](crate::testing::assert_policies) does.
///
/// ```
/// use palisade::testing::AccessMatrix;
///
/// fn access_matches_the_committed_page(matrix: &AccessMatrix) {
///     palisade::testing::assert_access!("access.md", matrix);
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_access {
    ($file:expr, $matrix:expr $(,)?) => {
        $crate::__v1::assert_committed(
            &::std::path::Path::new(::core::env!("CARGO_MANIFEST_DIR")).join($file),
            &$crate::testing::AccessMatrix::to_markdown(&$matrix),
        )
    };
}
