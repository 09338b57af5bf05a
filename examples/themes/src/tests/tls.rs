//! Plain HTTP redirects pages and rejects the API, and a certificate authenticates where a CA is trusted.

use actix_web::http::header::LOCATION;
use actix_web::test::{TestRequest, call_service, init_service};

use super::*;

#[actix_web::test]
async fn plain_http_redirects_pages_and_rejects_the_api() {
    let app = init_service(plain().unwrap().app()).await;
    let get = |path: &str, host: &str| TestRequest::with_uri(path).insert_header(("host", host)).to_request();
    for (host, target) in [("127.0.0.1:3000", "127.0.0.1"), ("localhost", "localhost"), ("evil.example", "localhost")] {
        let response = call_service(&app, get("/a?b=c", host)).await;
        assert_eq!(response.status(), 308);
        assert_eq!(response.headers().get(LOCATION).unwrap(), &format!("https://{target}:3443/a?b=c"));
    }
    assert_eq!(call_service(&app, get("/api/me", "localhost")).await.status(), 403);
}

#[actix_web::test]
async fn the_api_needs_a_certificate() {
    let folder = std::env::temp_dir().join(format!("themes-tls-{}", std::process::id()));
    // The certificate of the server, as if it were that of a CA.
    let ca = DevelopmentCertificate::in_folder("themes", &folder).unwrap();
    let clients = clients_of(ca.path().unwrap()).unwrap();
    tls(&folder, Some(&clients)).unwrap();
    let app = init_service(App::new().service(routes()).wrap(configure(Some(clients)).unwrap())).await;
    for (path, status) in [("/", 200), ("/api/me", 401)] {
        let request = TestRequest::with_uri(path).insert_header(("host", "localhost")).to_request();
        assert_eq!(call_service(&app, request).await.status(), status, "{path}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
