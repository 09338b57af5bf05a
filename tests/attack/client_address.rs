//! A client that chooses its own address to get a fresh rate limit, or to use up another client's (CWE-348, CWE-290;
//! ASVS V15.3.4, V4.1.3).

use std::net::{IpAddr, SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpServer, rt};
use palisade::proxy::ForwardedBy;
use palisade::{Palisade, PalisadeBuilder, get, public, rate_limit};
use palisade_tests::{PEER, builder, call};

#[get("/three")]
#[public]
#[rate_limit(3, "15m")]
async fn three() -> &'static str {
    "ok"
}

fn edge() -> ForwardedBy {
    ForwardedBy::EdgeHeader("fly-client-ip".to_owned())
}

/// 10.0.0.0/8 and the host that runs the test are trusted proxies, which write this header.
fn behind_proxies(by: ForwardedBy) -> PalisadeBuilder {
    builder().trusted_proxies(["10.0.0.0/8", "127.0.0.1"]).forwarded_by(by)
}

fn from(peer: &str, headers: &[(&'static str, String)]) -> TestRequest {
    let peer: SocketAddr = (peer.parse::<IpAddr>().unwrap(), 4711).into();
    headers.iter().cloned().fold(TestRequest::get().uri("/three").peer_addr(peer), TestRequest::append_header)
}

/// All these requests come from one client, so the limit of three admits three.
async fn assert_one_client(palisade: Palisade, requests: impl Fn(usize) -> TestRequest) {
    let app = init_service(App::new().service(palisade::scope("").service(three)).wrap(palisade)).await;
    for turn in 0..3 {
        assert_eq!(call(&app, requests(turn)).await.status, 200, "{turn}");
    }
    for turn in 3..6 {
        call(&app, requests(turn)).await.assert_problem(429);
    }
}

async fn assert_own_clients(palisade: Palisade, requests: impl Fn(usize) -> TestRequest) {
    let app = init_service(App::new().service(palisade::scope("").service(three)).wrap(palisade)).await;
    for turn in 0..10 {
        assert_eq!(call(&app, requests(turn)).await.status, 200, "{turn}");
    }
}

/// Each header in which an application might look for the client's address.
fn all_forged(turn: usize) -> Vec<(&'static str, String)> {
    let lists = [("x-forwarded-for", format!("6.6.6.{turn}")), ("forwarded", format!("for=6.6.6.{turn}"))];
    let names = ["x-real-ip", "fly-client-ip", "cf-connecting-ip", "true-client-ip", "client-ip", "x-client-ip"];
    lists.into_iter().chain(names.map(|name| (name, format!("6.6.6.{turn}")))).collect()
}

#[actix_web::test]
async fn untrusted_peer_headers_give_no_fresh_limit() {
    let peer = PEER.split_once(':').unwrap().0;
    for by in [ForwardedBy::XForwardedFor, ForwardedBy::Forwarded, edge()] {
        assert_one_client(behind_proxies(by).build().unwrap(), |turn| from(peer, &all_forged(turn))).await;
    }
    assert_one_client(builder().build().unwrap(), |turn| from("10.0.0.1", &all_forged(turn))).await;
}

#[actix_web::test]
async fn other_forwarding_headers_give_no_fresh_limit() {
    for (by, own, value) in [
        (ForwardedBy::XForwardedFor, "x-forwarded-for", "198.51.100.1"),
        (ForwardedBy::Forwarded, "forwarded", "for=198.51.100.1"),
        (edge(), "fly-client-ip", "198.51.100.1"),
    ] {
        for present in [true, false] {
            assert_one_client(behind_proxies(by.clone()).build().unwrap(), |turn| {
                let mut headers = all_forged(turn);
                headers.retain(|(name, _)| *name != own);
                headers.extend(present.then(|| (own, value.to_owned())));
                from("10.0.0.1", &headers)
            })
            .await;
        }
    }
}

#[actix_web::test]
async fn forged_leftmost_hop_gives_no_fresh_limit() {
    for (by, name, hop) in
        [(ForwardedBy::XForwardedFor, "x-forwarded-for", ""), (ForwardedBy::Forwarded, "forwarded", "for=")]
    {
        let lines = |turn: usize| {
            let forged = format!("{hop}6.6.6.{turn}");
            match turn % 3 {
                0 => vec![format!("{forged}, {hop}198.51.100.1, {hop}10.0.0.2")],
                1 => vec![forged, format!("{hop}198.51.100.1, {hop}10.0.0.2")],
                _ => vec![format!("\"{forged}"), format!("{hop}198.51.100.1"), format!("{hop}10.0.0.2")],
            }
        };
        let request = |turn| from("10.0.0.1", &lines(turn).into_iter().map(|line| (name, line)).collect::<Vec<_>>());
        assert_one_client(behind_proxies(by).build().unwrap(), request).await;
    }
}

#[actix_web::test]
async fn unreadable_hop_gives_no_fresh_limit() {
    for (by, name, twice) in [
        (ForwardedBy::XForwardedFor, "x-forwarded-for", false),
        (ForwardedBy::Forwarded, "forwarded", false),
        (edge(), "fly-client-ip", true),
    ] {
        let request = |turn: usize| {
            let bad = [
                format!("_x{turn}"),
                format!("for=_x{turn}"),
                format!("for=6.6.6.{turn}:80"),
                format!("6.6.6.{turn} x"),
                format!("for=6.6.6.{turn};for=198.51.100.1"),
            ];
            let mut headers = vec![(name, bad[turn % 5].clone())];
            if twice && turn.is_multiple_of(2) {
                headers = vec![(name, format!("6.6.6.{turn}")), (name, "198.51.100.1".to_owned())];
            }
            from("10.0.0.1", &headers)
        };
        assert_one_client(behind_proxies(by).build().unwrap(), request).await;
    }
}

#[actix_web::test]
async fn clients_behind_a_trusted_proxy_are_counted_separately() {
    for (by, name, hop) in [
        (ForwardedBy::XForwardedFor, "x-forwarded-for", ""),
        (ForwardedBy::Forwarded, "forwarded", "for="),
        (edge(), "fly-client-ip", ""),
    ] {
        let request = |turn| from("10.0.0.1", &[(name, format!("{hop}198.51.100.{turn}"))]);
        assert_own_clients(behind_proxies(by).build().unwrap(), request).await;
    }
}

#[actix_web::test]
async fn rotating_ipv6_address_gives_no_fresh_limit() {
    let within = |bits: usize, turn: usize| match bits {
        64 => format!("2001:db8:1:ab00:{turn}::1"),
        56 => format!("2001:db8:1:ab{turn:02x}::1"),
        _ => format!("2001:db8:1:ab00::{turn}"),
    };
    let with = |bits| builder().ipv6_prefix(bits).build().unwrap();
    assert_one_client(builder().build().unwrap(), |turn| from(&within(64, turn), &[])).await;
    assert_own_clients(builder().build().unwrap(), |turn| from(&within(56, turn), &[])).await;
    assert_one_client(with(56), |turn| from(&within(56, turn), &[])).await;
    assert_own_clients(with(128), |turn| from(&within(128, turn), &[])).await;
    // The same through a proxy.
    let behind = behind_proxies(ForwardedBy::Forwarded).ipv6_prefix(56).build().unwrap();
    assert_one_client(behind, |turn| from("10.0.0.1", &[("forwarded", format!("for=\"[{}]\"", within(56, turn)))]))
        .await;
}

#[actix_web::test]
async fn mapped_ipv4_addresses_count_as_ipv4() {
    assert_own_clients(builder().build().unwrap(), |turn| from(&format!("::ffff:198.51.100.{turn}"), &[])).await;
    let either = ["198.51.100.1", "::ffff:198.51.100.1"];
    assert_one_client(builder().build().unwrap(), |turn| from(either[turn % 2], &[])).await;
    let palisade = behind_proxies(ForwardedBy::XForwardedFor).build().unwrap();
    let proxy = ["10.0.0.1", "::ffff:10.0.0.1"];
    assert_one_client(palisade, |turn| from(proxy[turn % 2], &[("x-forwarded-for", either[turn % 2].to_owned())]))
        .await;
}

#[test]
fn unsafe_proxy_settings_are_config_errors() {
    for range in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "2000::/3"] {
        let mistake = Palisade::builder().trusted_proxies([range]).build().err().unwrap();
        assert_eq!(mistake.setting(), "trusted_proxies", "{range}");
    }
    assert_eq!(Palisade::builder().forwarded_by(edge()).build().err().unwrap().setting(), "forwarded_by");
    for name in ["authorization", "cookie", "host", "no header"] {
        let rejected = behind_proxies(ForwardedBy::EdgeHeader(name.to_owned())).build();
        assert_eq!(rejected.err().unwrap().setting(), "forwarded_by", "{name}");
    }
    for bits in [0, 31, 129] {
        assert_eq!(Palisade::builder().ipv6_prefix(bits).build().err().unwrap().setting(), "ipv6_prefix", "{bits}");
    }
}

/// A server on this address, and the port that the system picked.
fn serve(address: &str, palisade: Palisade) -> (ServerHandle, u16) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = move || App::new().service(palisade::scope("").service(three)).wrap(palisade.clone());
    let server = HttpServer::new(app).workers(2).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    rt::spawn(server);
    (handle, port)
}

/// The status that a caller at this address of the loopback network gets.
async fn status(local: &str, port: u16, headers: &[(&'static str, String)]) -> u16 {
    let client = reqwest::Client::builder().no_proxy().local_address(local.parse::<IpAddr>().unwrap()).build().unwrap();
    let request = client.get(format!("http://127.0.0.1:{port}/three"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.send().await.unwrap().status().as_u16()
}

/// The other tests set `peer_addr` by hand; this one checks the same over a real socket.
#[actix_web::test]
async fn only_the_proxy_is_trusted_over_a_socket() {
    let (server, port) = serve("127.0.0.1", behind_proxies(ForwardedBy::Forwarded).build().unwrap());
    for turn in 0..6 {
        let expected = if turn < 3 { 200 } else { 429 };
        assert_eq!(status("127.0.0.5", port, &all_forged(turn)).await, expected, "a client, turn {turn}");
        let appended = [all_forged(turn), vec![("forwarded", "for=198.51.100.1".to_owned())]].concat();
        assert_eq!(status("127.0.0.1", port, &appended).await, expected, "behind the proxy, turn {turn}");
    }
    let another = [("forwarded", "for=198.51.100.2".to_owned())];
    assert_eq!(status("127.0.0.1", port, &another).await, 200);
    server.stop(false).await;
}

/// On a dual-stack socket, IPv4 peers have mapped addresses.
#[actix_web::test]
async fn dual_stack_socket_separates_ipv4_clients() {
    let (server, port) = serve("::", behind_proxies(ForwardedBy::XForwardedFor).build().unwrap());
    for turn in 0..6 {
        let expected = if turn < 3 { 200 } else { 429 };
        assert_eq!(status("127.0.0.5", port, &all_forged(turn)).await, expected, "turn {turn}");
        let own = [("x-forwarded-for", format!("6.6.6.{turn}, 198.51.100.1"))];
        assert_eq!(status("127.0.0.1", port, &own).await, expected, "behind the proxy, turn {turn}");
    }
    assert_eq!(status("127.0.0.6", port, &[]).await, 200);
    server.stop(false).await;
}
