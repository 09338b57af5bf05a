//! A client that forges its address (CWE-348, ASVS V15.3.4): whatever bytes it sends before a trusted proxy adds the
//! observed address, the observed address is counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::http::header::HeaderValue;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, rt};
use palisade::proxy::ForwardedBy;
use palisade::{get, public, rate_limit};
use palisade_tests::{builder, call};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

const EDGE: &str = "cf-connecting-ip";
const LISTS: [&str; 2] = ["x-forwarded-for", "forwarded"];

#[get("/four")]
#[public]
#[rate_limit(4, "15m")]
async fn four() -> &'static str {
    "ok"
}

/// Text that has a meaning for one of the parsers, or arbitrary bytes.
fn forgery() -> impl Strategy<Value = Vec<u8>> {
    let meaning = select(vec![
        "\"",
        "\\",
        ",",
        ";",
        "=",
        " ",
        "\t",
        "for=",
        "For=",
        "by=",
        "host=\"",
        "unknown",
        "_x",
        "6.6.6.6",
        "10.0.0.2",
        ":80",
        "\"[2001:db8::6]:80\"",
        "[2001:db8::6]",
        "::ffff:10.0.0.2",
        ", for=10.0.0.2",
        ", 10.0.0.2",
        "for=10.0.0.2;",
        "proto=http",
    ]);
    let part = prop_oneof![
        6 => meaning.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(prop_oneof![Just(b'\t'), 0x20_u8..=0x7e, 0x80_u8..=0xff], 1..8),
    ];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// What the client sends under each name. A proxy may append the observed address to the last of the lines.
#[derive(Clone, Debug)]
struct Forged {
    lists: [Vec<Vec<u8>>; 2],
    edge: Vec<Vec<u8>>,
    appends_to_line: bool,
    /// The number of proxies between the one that observed the client and the server.
    proxies: usize,
    v6: bool,
}

fn forged() -> impl Strategy<Value = Forged> {
    let lines = || vec(forgery(), 0..4);
    (lines(), lines(), lines(), any::<bool>(), 0_usize..3, any::<bool>()).prop_map(
        |(one, other, edge, appends_to_line, proxies, v6)| Forged {
            lists: [one, other],
            edge,
            appends_to_line,
            proxies,
            v6,
        },
    )
}

impl Forged {
    /// The request as it arrives: each proxy appends to `own` and passes on headers that it does not know.
    fn arrives(&self, own: &str, saw: IpAddr) -> TestRequest {
        let mut request = TestRequest::get().uri("/four").peer_addr("10.0.0.1:443".parse().unwrap());
        for (name, lines) in LISTS.iter().zip(&self.lists) {
            let mut lines = lines.clone();
            if *name == own {
                self.proxies_add(&mut lines, saw, own == "forwarded");
            }
            for line in lines {
                request = request.append_header((*name, HeaderValue::from_bytes(&line).unwrap()));
            }
        }
        if own == EDGE {
            return request.insert_header((EDGE, saw.to_string()));
        }
        for line in &self.edge {
            request = request.append_header((EDGE, HeaderValue::from_bytes(line).unwrap()));
        }
        request
    }

    fn proxies_add(&self, lines: &mut Vec<Vec<u8>>, saw: IpAddr, rfc: bool) {
        let proxies = (0..self.proxies).map(|number| IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9 + number as u8)));
        for address in std::iter::once(saw).chain(proxies) {
            let hop = match (rfc, address) {
                (false, address) => address.to_string(),
                (true, IpAddr::V4(v4)) => format!("proto=https;for={v4};host=\"a\\\"b, for=6.6.6.6\""),
                (true, IpAddr::V6(v6)) => format!("by=_proxy;For=\"[{v6}]:4711\""),
            };
            match lines.last_mut().filter(|_| self.appends_to_line) {
                Some(line) => line.extend([b", ", hop.as_bytes()].concat()),
                None => lines.push(hop.into_bytes()),
            }
        }
    }
}

/// A new client for each case, outside of the proxies' network.
fn next_client(v6: bool) -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if v6 {
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | (u128::from(number) << 64) | 1))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(0xc600_0000 | number))
    }
}

#[test]
fn forged_headers_never_change_the_observed_address() {
    let system = rt::System::new();
    let headers = [ForwardedBy::XForwardedFor, ForwardedBy::Forwarded, ForwardedBy::EdgeHeader(EDGE.to_owned())];
    for (by, own) in headers.into_iter().zip([LISTS[0], LISTS[1], EDGE]) {
        let palisade = builder().trusted_proxies(["10.0.0.0/8"]).forwarded_by(by).build().unwrap();
        let app = system.block_on(init_service(App::new().service(palisade::scope("").service(four)).wrap(palisade)));
        let mut runner = TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&(forged(), forged()), |(one, other)| {
            let saw = next_client(one.v6);
            let honest = TestRequest::get().uri("/four").peer_addr((saw, 4711).into());
            // The third request comes without a proxy. All three come from one client only if all are counted for
            // this client.
            for (remaining, request) in [(3, one.arrives(own, saw)), (2, other.arrives(own, saw)), (1, honest)] {
                let response = system.block_on(call(&app, request));
                let state = response.header("ratelimit");
                prop_assert!(state.starts_with(&format!("\"four\";r={remaining};")), "{own} of {saw}: {response:?}");
            }
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{own}: {failure}"));
    }
}
