//! Which certificate a client gets, by the name that it asks for, and which versions of TLS are spoken.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{rt, web::ServiceConfig};
use palisade::Palisade;
use palisade::tls::{Tls, TlsBuilder};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::support::{Ca, Files, Server};

fn nothing(_: &mut ServiceConfig) {}

fn start(tls: TlsBuilder) -> Server {
    Server::start(&tls.build().unwrap(), Palisade::builder().build().unwrap(), nothing)
}

/// The handshake of a client that asks for this name, or for none if it is an address. Returns the certificate, and the protocol of
/// HTTP.
fn handshake(server: &Server, ca: &Ca, name: &str) -> std::io::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.der.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let session = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", server.port))?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let certificate = stream.conn.peer_certificates().unwrap()[0].to_vec();
    Ok((certificate, stream.conn.alpn_protocol().map(<[u8]>::to_vec)))
}

#[actix_web::test]
async fn certificate_is_chosen_by_name() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let first = ca.server(&["one.example", "127.0.0.1"]);
    let other = ca.server(&["two.example", "*.two.example"]);
    let [[chain, key], [other_chain, other_key]] = [files.pair("one", &first), files.pair("two", &other)];
    let tls = || Tls::builder().certificate(&chain, &key).certificate(&other_chain, &other_key);
    let (lenient, strict) = (start(tls()), start(tls().reject_unknown_names()));
    let checked = rt::task::spawn_blocking(move || {
        for server in [&lenient, &strict] {
            let served = |name| handshake(server, &ca, name).unwrap();
            assert_eq!(served("one.example").0, first.der);
            for name in ["two.example", "TWO.example", "www.two.example", "WWW.two.EXAMPLE"] {
                assert_eq!(served(name).0, other.der, "{name}");
            }
            assert_eq!(served("127.0.0.1").0, first.der, "a client that calls by address asks for no name");
            // The server's order of protocols decides.
            assert_eq!(served("one.example").1.as_deref(), Some(&b"h2"[..]));
        }
        for name in ["three.example", "a.www.two.example", "example", "wo.example"] {
            // The client gets the first certificate, which is not valid for that name.
            let error = handshake(&lenient, &ca, name).unwrap_err().to_string();
            assert!(error.contains("certificate not valid for name"), "{name}: {error}");
            let error = handshake(&strict, &ca, name).unwrap_err().to_string();
            assert!(error.contains("alert"), "{name}: {error}");
        }
        (lenient, strict)
    });
    drop(checked.await.unwrap());
}

/// The first record with which the server answers a `ClientHello` of this version (RFC 5246 §7.4.1.2).
fn answer(port: u16, version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    // No session; ECDHE with AES in CBC mode, which TLS 1.1 had, and in GCM mode; no compression.
    body.extend([0, 0, 4, 0xc0, 0x09, 0xc0, 0x2b, 1, 0]);
    // Named groups: P-256. Signatures: ECDSA with SHA-256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let mut record = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    record.extend(body);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(&record).unwrap();
    let mut head = [0; 7];
    socket.read_exact(&mut head).unwrap();
    head.to_vec()
}

#[actix_web::test]
async fn versions_before_tls_1_2_are_refused() {
    let (ca, files) = (Ca::new("ca"), Files::new());
    let [chain, key] = files.pair("tls", &ca.server(&["localhost"]));
    let server = start(Tls::builder().certificate(chain, key));
    let port = server.port;
    let answers =
        rt::task::spawn_blocking(move || [[3, 0], [3, 1], [3, 2], [3, 3]].map(|version| answer(port, version)));
    let [ssl3, tls10, tls11, tls12] = answers.await.unwrap();
    for (name, answer) in [("SSL 3", ssl3), ("TLS 1.0", tls10), ("TLS 1.1", tls11)] {
        // A fatal alert: protocol_version (RFC 8446 §6).
        assert_eq!((answer[0], answer[5], answer[6]), (21, 2, 70), "{name}: {answer:?}");
    }
    assert_eq!((tls12[0], tls12[5]), (22, 2), "a ServerHello: {tls12:?}");
}
