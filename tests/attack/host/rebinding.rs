//! A name of the attacker that resolves to 127.0.0.1.

use actix_web::App;
use actix_web::http::Method;
use actix_web::test::init_service;
use actix_web::web::Data;
use palisade_tests::{call, request};

use super::{Calls, Server, builder, note, post};

#[actix_web::test]
async fn a_loopback_listener_responds_to_loopback_names_only() {
    for host in ["localhost:3000", "APP.localhost", "127.0.0.1", "127.1.2.3:1", "[::1]:8443"] {
        let server = Server::start(builder().build().unwrap());
        assert_eq!(server.host(host).await, 200, "{host}");
        assert_eq!(server.over_http2(Some(host), &[]).await, Some(200), "{host}");
        server.stop().await;
    }
    let server = Server::start(builder().build().unwrap());
    for host in
        ["evil.example", "evil.example:3000", "localhost.evil.example", "notlocalhost", "192.0.2.7", "localhost."]
    {
        assert_eq!(server.host(host).await, 421, "{host}");
        assert_eq!(server.over_http2(Some(host), &[]).await, Some(421), "{host}");
        assert_eq!(server.reasons(), ["host_not_allowed"; 2], "{host}");
    }
    assert_eq!(server.host("localhost@evil.example").await, 400);
    // Browsers name a host, so a request without one comes from none.
    assert_eq!(server.raw("POST /note HTTP/1.0\r\nContent-Length: 0\r\n\r\n").await.status(), 200);
    server.stop().await;
}

#[actix_web::test]
async fn ipv6_loopback_is_protected_too() {
    let server = Server::start_on("[::1]:0", std::net::Ipv6Addr::LOCALHOST.into(), builder().build().unwrap());
    assert_eq!(server.host("[::1]:1").await, 200);
    assert_eq!(server.host("evil.example").await, 421);
    server.stop().await;
}

#[actix_web::test]
async fn a_list_replaces_the_default() {
    let server = Server::start(builder().hosts(["api.example.com"]).build().unwrap());
    assert_eq!(server.host("api.example.com").await, 200);
    assert_eq!(server.host("localhost").await, 421);
    server.stop().await;
    let server = Server::start(builder().hosts(["api.example.com"]).danger_any_host().build().unwrap());
    assert_eq!(server.host("evil.example").await, 200);
    assert_eq!(server.host("").await, 200);
    server.stop().await;
}

#[actix_web::test]
async fn a_trusted_proxy_names_the_host_of_its_client() {
    let server = Server::start(builder().trusted_proxies(["127.0.0.0/8"]).build().unwrap());
    let forwarded = post("Host: api.example.com\r\nX-Forwarded-For: 198.51.100.7\r\n");
    assert_eq!(server.raw(&forwarded).await.status(), 200);
    server.stop().await;
    let listed = builder().trusted_proxies(["127.0.0.0/8"]).hosts(["api.example.com"]).build().unwrap();
    let server = Server::start(listed);
    assert_eq!(server.raw(&forwarded).await.status(), 200);
    assert_eq!(server.raw(&forwarded.replace("api", "evil")).await.status(), 421);
    server.stop().await;
}

/// Only a connection on this machine can be that of a browser on this machine.
#[actix_web::test]
async fn requests_without_a_local_connection_may_name_any_host() {
    let app = App::new().app_data(Data::new(Calls::default())).service(note).wrap(builder().build().unwrap());
    let app = init_service(app).await;
    let named = || request(Method::POST, "/note").insert_header(("host", "api.example.com"));
    assert_eq!(call(&app, named()).await.status, 200);
    let local = named().peer_addr("127.0.0.1:4711".parse().unwrap());
    call(&app, local).await.assert_problem(421);
}
