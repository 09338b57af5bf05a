//! Access to another user's rows (BOLA: OWASP API1, CWE-639; ASVS V8.2.2): a foreign row and a missing row get the
//! same bytes for the same work.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Data;
use palisade::resource::{OwnerKey, Unavailable};
use palisade::{
    Owned, Principal, Resource, RowFilter, Scope, authenticated, authorize, get, owner, owner_or_admin, public, put,
    tenant,
};
use palisade_tests::inside::Inside;
use palisade_tests::{builder, call_as, call_raw, get_request, palisade, request, with_body_that_panics_when_read_as};

#[derive(Clone, Debug)]
struct Document {
    author: &'static str,
    tenant: Option<&'static str>,
    text: &'static str,
}

#[derive(Default)]
struct Documents {
    rows: HashMap<u64, Document>,
    loads: AtomicUsize,
}

impl Resource for Document {
    type Id = u64;
    type Store = Documents;

    async fn load(documents: &Documents, id: u64) -> Result<Option<Self>, Unavailable> {
        documents.loads.fetch_add(1, Ordering::Relaxed);
        if id == 503 { Err(Unavailable) } else { Ok(documents.rows.get(&id).cloned()) }
    }

    fn owner(&self) -> impl OwnerKey {
        self.author
    }

    fn tenant(&self) -> Option<Cow<'_, str>> {
        self.tenant.map(Cow::Borrowed)
    }
}

struct Item(u64, String);

impl Resource for Item {
    type Id = (u64, String);
    type Store = Documents;

    async fn load(documents: &Documents, (order, name): (u64, String)) -> Result<Option<Self>, Unavailable> {
        Ok(documents.rows.contains_key(&order).then_some(Self(order, name)))
    }

    fn owner(&self) -> impl OwnerKey {
        if self.0 == 1 { "alice" } else { "bob" }
    }
}

#[get("/documents/{id}")]
#[owner_or_admin(id, of = Document)]
async fn show(document: Owned<Document>) -> String {
    document.text.to_owned()
}

#[put("/documents/{id}")]
#[owner(id, of = Document)]
async fn change(body: String, mut document: Owned<Document>) -> String {
    document.text = "changed";
    format!("{} {body}", document.into_inner().text)
}

#[get("/revealed/{id}")]
#[owner(id, of = Document, deny = 403)]
async fn revealed(document: Owned<Document>) -> String {
    document.text.to_owned()
}

#[get("/orders/{order}/items/{item}")]
#[owner(order, item, of = Item)]
async fn item(item: Owned<Item>) -> String {
    format!("{} {}", item.0, item.1)
}

#[get("/parents/{order}/items/{item}")]
#[authorize(owner(order, of = Document) && !role("suspended"))]
async fn of_a_parent(parent: Owned<Document>) -> String {
    parent.text.to_owned()
}

#[get("/folders/{folder}/documents/{id}")]
#[authorize(owner(folder, id, of = Folder) || owner(id, of = Document))]
async fn in_a_folder(document: Owned<Document>) -> String {
    document.text.to_owned()
}

/// Folder 1 belongs to alice, whichever document in it is requested.
struct Folder;

impl Resource for Folder {
    type Id = (u64, u64);
    type Store = Documents;

    async fn load(_: &Documents, (folder, _): (u64, u64)) -> Result<Option<Self>, Unavailable> {
        Ok((folder == 1).then_some(Self))
    }

    fn owner(&self) -> impl OwnerKey {
        "alice"
    }
}

#[get("/forgotten/{id}")]
#[authenticated]
async fn forgotten(document: Inside<Owned<Document>>) -> String {
    document.0.text.to_owned()
}

#[get("/list")]
#[authenticated]
async fn list(filter: RowFilter) -> String {
    format!("{filter:?}")
}

#[get("/open_list")]
#[public]
async fn open_list(filter: Inside<RowFilter>) -> String {
    format!("{:?}", filter.0)
}

#[get("/profile")]
#[owner(user, from_scope)]
#[tenant(org, from_scope)]
async fn profile() -> &'static str {
    "in"
}

fn routes() -> Scope {
    palisade::scope("")
        .service(show)
        .service(change)
        .service(revealed)
        .service(item)
        .service(of_a_parent)
        .service(forgotten)
        .service(in_a_folder)
        .service(list)
        .service(open_list)
        .service(palisade::scope("/orgs/{org}").service(palisade::scope("/users/{user}").service(profile)))
}

fn documents() -> Data<Documents> {
    let document = |author, tenant, text| Document { author, tenant, text };
    let rows = [
        (1, document("alice", None, "alice's")),
        (2, document("bob", None, "bob's")),
        (3, document("", None, "nobody's")),
        (4, document("alice", Some("acme"), "acme's")),
    ];
    Data::new(Documents { rows: rows.into(), loads: AtomicUsize::new(0) })
}

fn who(subject: &str, roles: &[&str]) -> Principal {
    Principal::new("Bearer", "i", subject).with_roles(roles.iter().copied())
}

macro_rules! app {
    ($documents:expr) => {{
        let documents = $documents.clone();
        init_service(App::new().app_data(documents).service(routes()).wrap(palisade())).await
    }};
}

#[actix_web::test]
async fn foreign_and_missing_rows_are_indistinguishable() {
    let documents = documents();
    let app = app!(documents);
    let mut responses = Vec::new();
    for id in ["2", "9"] {
        let before = documents.loads.load(Ordering::Relaxed);
        let response = call_as(&app, get_request(&format!("/documents/{id}")), who("alice", &["user"])).await;
        response.assert_problem(404);
        assert_eq!(documents.loads.load(Ordering::Relaxed), before + 1, "each request loads one row");
        let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        responses.push((response.status, response.body.replace(&format!("/documents/{id}"), "/documents/?"), headers));
    }
    assert_eq!(responses[0], responses[1]);
    // Neither differs from an unknown path, except for the path in the body.
    let nowhere = call_as(&app, get_request("/nowhere"), who("alice", &["user"])).await;
    assert_eq!(nowhere.body.replace("/nowhere", "/documents/?"), responses[0].1);
}

#[actix_web::test]
async fn owner_and_admin_receive_the_checked_row() {
    let documents = documents();
    let app = app!(documents);
    assert_eq!(call_as(&app, get_request("/documents/1"), who("alice", &[])).await.body, "alice's");
    assert_eq!(documents.loads.load(Ordering::Relaxed), 1, "loaded once");
    assert_eq!(call_as(&app, get_request("/documents/1"), who("root", &["admin"])).await.body, "alice's");
    assert_eq!(documents.loads.load(Ordering::Relaxed), 2);
    call_as(&app, get_request("/documents/9"), who("root", &["admin"])).await.assert_problem(404);
    call_as(&app, get_request("/documents/503"), who("root", &["admin"])).await.assert_problem(503);
    call_as(&app, get_request("/documents/503"), who("alice", &[])).await.assert_problem(503);
    // A row without an owner belongs to nobody, not even to a principal with an empty subject.
    call_as(&app, get_request("/documents/3"), who("", &[])).await.assert_problem(404);
    for malformed_id in ["-1", "1.0", "one", "01x", "18446744073709551616", "1%00", "%20"] {
        let status =
            call_as(&app, get_request(&format!("/documents/{malformed_id}")), who("alice", &[])).await.status.as_u16();
        assert!(matches!(status, 400 | 404), "{malformed_id}: {status}");
    }
}

#[actix_web::test]
async fn row_is_checked_before_the_body_is_read() {
    let documents = documents();
    let app = app!(documents);
    for id in [2, 9] {
        let request = request(Method::PUT, &format!("/documents/{id}"));
        let request = with_body_that_panics_when_read_as(request, who("alice", &["admin"]));
        call_raw(&app, request).await.assert_problem(404);
    }
    let own = request(Method::PUT, "/documents/1").set_payload("well");
    assert_eq!(call_as(&app, own, who("alice", &[])).await.body, "changed well");
}

#[actix_web::test]
async fn deny_403_applies_only_to_foreign_rows() {
    let documents = documents();
    let app = app!(documents);
    call_as(&app, get_request("/revealed/2"), who("alice", &[])).await.assert_problem(403);
    call_as(&app, get_request("/revealed/9"), who("alice", &[])).await.assert_problem(404);
    assert_eq!(call_as(&app, get_request("/revealed/1"), who("alice", &[])).await.body, "alice's");
}

#[actix_web::test]
async fn composite_ids_and_parent_ownership_work() {
    let documents = documents();
    let app = app!(documents);
    assert_eq!(call_as(&app, get_request("/orders/1/items/a%2Fb"), who("alice", &[])).await.body, "1 a/b");
    call_as(&app, get_request("/orders/2/items/x"), who("alice", &[])).await.assert_problem(404);
    call_as(&app, get_request("/orders/9/items/x"), who("alice", &[])).await.assert_problem(404);
    assert_eq!(call_as(&app, get_request("/parents/1/items/7"), who("alice", &[])).await.body, "alice's");
    call_as(&app, get_request("/parents/2/items/7"), who("alice", &[])).await.assert_problem(404);
    let loads = documents.loads.load(Ordering::Relaxed);
    call_as(&app, get_request("/parents/1/items/7"), who("alice", &["suspended"])).await.assert_problem(403);
    assert_eq!(documents.loads.load(Ordering::Relaxed), loads, "no row is loaded if the role decides");
}

#[actix_web::test]
async fn row_of_another_tenant_is_404() {
    let app = app!(documents());
    for (principal, status) in [
        (who("alice", &[]).with_tenant("acme"), 200),
        (who("root", &["admin"]).with_tenant("acme"), 200),
        (who("root", &["admin"]).with_tenant("globex"), 404),
        (who("root", &["admin"]), 404),
        (who("alice", &[]), 404),
    ] {
        assert_eq!(call_as(&app, get_request("/documents/4"), principal.clone()).await.status, status, "{principal:?}");
    }
}

#[actix_web::test]
async fn unchecked_row_is_never_handed_out() {
    let documents = documents();
    let app = app!(documents);
    call_as(&app, get_request("/forgotten/1"), who("alice", &["admin"])).await.assert_problem(500);
    let without_store = init_service(App::new().service(routes()).wrap(palisade())).await;
    call_as(&without_store, get_request("/documents/1"), who("alice", &["admin"])).await.assert_problem(500);
}

#[actix_web::test]
async fn owned_parent_does_not_expose_foreign_row() {
    let app = app!(documents());
    assert_eq!(call_as(&app, get_request("/folders/1/documents/1"), who("alice", &[])).await.body, "alice's");
    // The folder is alice's, but the document in the path is not.
    call_as(&app, get_request("/folders/1/documents/2"), who("alice", &[])).await.assert_problem(404);
    call_as(&app, get_request("/folders/1/documents/9"), who("alice", &[])).await.assert_problem(404);
}

#[actix_web::test]
async fn missing_owner_issuer_reveals_no_existing_rows() {
    let palisade = builder().authenticator(palisade_tests::jwt_of("theirs")).build().unwrap();
    let app = init_service(App::new().app_data(documents()).service(routes()).wrap(palisade)).await;
    for id in ["1", "2", "9", "503", "odd"] {
        call_as(&app, get_request(&format!("/documents/{id}")), who("alice", &[])).await.assert_problem(500);
    }
}

#[get("/twice/{id}")]
#[authorize(owner(id, of = Document) || role("auditor"))]
async fn twice(document: Owned<Document>) -> String {
    document.text.to_owned()
}

#[actix_web::test]
async fn row_is_loaded_once_per_request() {
    use palisade::policy::{Ownership, Rule};
    static HIDDEN: Ownership = Ownership::of::<Document>("Document", &["id"]);
    static REVEALED: Ownership = Ownership::of::<Document>("Document", &["id"]).revealing();
    let within = |ownership| palisade::scope("/{id}").authorize(Rule::Owns(ownership)).service(under);
    let mistake = within(&REVEALED).verify().unwrap_err().to_string();
    assert!(mistake.contains("by two attributes, only one of which has `deny = 403`"), "{mistake}");
    let documents = documents();
    let app = App::new().app_data(documents.clone()).service(twice).service(within(&HIDDEN)).wrap(palisade());
    let app = init_service(app).await;
    assert_eq!(call_as(&app, get_request("/1/under"), who("alice", &["auditor"])).await.body, "alice's");
    assert_eq!(documents.loads.load(Ordering::Relaxed), 1, "scope and route share one load of the row");
    assert_eq!(call_as(&app, get_request("/twice/2"), who("eve", &["auditor"])).await.body, "bob's");
    call_as(&app, get_request("/twice/2"), who("eve", &[])).await.assert_problem(404);
}

#[get("/under")]
#[owner(id, of = Document, from_scope)]
async fn under(document: Owned<Document>) -> String {
    document.text.to_owned()
}

#[actix_web::test]
async fn row_filter_shows_own_rows_or_all() {
    let app = app!(documents());
    assert_eq!(
        call_as(&app, get_request("/list"), who("alice", &["user"])).await.body,
        "Subject { subject: \"alice\", tenant: None }"
    );
    assert_eq!(call_as(&app, get_request("/list"), who("root", &["admin"])).await.body, "Everything");
    let of_acme = who("root", &["admin"]).with_tenant("acme");
    assert_eq!(call_as(&app, get_request("/list"), of_acme).await.body, "Tenant(\"acme\")", "no role crosses tenants");
    let in_acme = call_as(&app, get_request("/list"), who("alice", &["user"]).with_tenant("acme")).await.body;
    assert_eq!(in_acme, "Subject { subject: \"alice\", tenant: Some(\"acme\") }");
    call_as(&app, get_request("/open_list"), who("root", &["admin"])).await.assert_problem(500);
    // The alice of another issuer is not the alice who owns the rows.
    let palisade =
        builder().authenticator(palisade_tests::jwt_of("ours")).resource_owner_issuer("ours").build().unwrap();
    let app = init_service(App::new().app_data(documents()).service(routes()).wrap(palisade)).await;
    call_as(&app, get_request("/list"), who("alice", &["user"])).await.assert_problem(403);
    call_as(&app, get_request("/list"), who("alice", &["admin"])).await.assert_problem(403);
    call_as(&app, get_request("/documents/1"), who("alice", &["user"])).await.assert_problem(404);
    let ours = Principal::new("Bearer", "ours", "alice");
    assert_eq!(
        call_as(&app, get_request("/list"), ours.clone()).await.body,
        "Subject { subject: \"alice\", tenant: None }"
    );
    assert_eq!(call_as(&app, get_request("/documents/1"), ours).await.body, "alice's");
}

/// Whoever the issuer is: its administrator of the tenant that the application assigned has the rows of this tenant, and no other ones.
#[actix_web::test]
async fn administrator_of_an_assigned_tenant_has_its_rows_only() {
    let palisade =
        builder().authenticator(palisade_tests::jwt_of("ours")).resource_owner_issuer("ours").build().unwrap();
    let app = init_service(App::new().app_data(documents()).service(routes()).wrap(palisade)).await;
    for (principal, row, rows) in [
        (who("root", &["admin"]).with_assigned_tenant("acme"), 200, "Tenant(\"acme\")"),
        (who("root", &["admin"]).with_assigned_tenant("globex"), 404, "Tenant(\"globex\")"),
        (who("root", &["admin"]).with_tenant("acme"), 404, ""),
        // The alice of another issuer is not the alice who owns the row.
        (who("alice", &["user"]).with_assigned_tenant("acme"), 404, ""),
    ] {
        assert_eq!(call_as(&app, get_request("/documents/4"), principal.clone()).await.status, row, "{principal:?}");
        let response = call_as(&app, get_request("/list"), principal.clone()).await;
        if rows.is_empty() {
            response.assert_problem(403);
        } else {
            assert_eq!(response.body, rows, "{principal:?}");
        }
    }
}

#[actix_web::test]
async fn outer_scope_parameters_are_compared() {
    let app = app!(documents());
    let alice = || who("alice", &["admin"]).with_tenant("acme");
    assert_eq!(call_as(&app, get_request("/orgs/acme/users/alice/profile"), alice()).await.status, 200);
    call_as(&app, get_request("/orgs/acme/users/bob/profile"), alice()).await.assert_problem(403);
    call_as(&app, get_request("/orgs/globex/users/alice/profile"), alice()).await.assert_problem(403);
    let lost = palisade::scope("/orgs/{org}").service(profile);
    let mistake = lost.verify().unwrap_err().to_string();
    assert!(mistake.contains("needs the parameter `{user}`, which /orgs/{org}/profile does not have"), "{mistake}");
}
