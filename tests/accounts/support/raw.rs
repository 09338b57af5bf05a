//! Raw bytes on a connection, for requests that a regular client would not send.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::{Server, TEST_TIMEOUT};

/// A TLS connection that speaks HTTP/1.1.
pub struct RawTls(StreamOwned<ClientConnection, TcpStream>);

impl RawTls {
    pub fn connect(server: &Server) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(server.data().join("tls.crt")).expect("PEM");
        roots.add(certificate).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a configuration");
        Self(StreamOwned::new(connection, patient(server.https)))
    }

    pub fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush()).expect("the text is sent");
    }

    /// Sends a request that asks to close the connection, and reads the whole response.
    pub fn exchange(mut self, request: &str) -> String {
        self.send(request);
        let mut response = Vec::new();
        self.0.read_to_end(&mut response).unwrap_or_else(|error| panic!("{error} after {response:?}"));
        String::from_utf8_lossy(&response).into_owned()
    }

    /// Reads up to and including this text.
    pub fn read_until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {read:?}"));
            read.extend(byte);
        }
        String::from_utf8(read).expect("text")
    }
}

fn patient(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TEST_TIMEOUT)).expect("a time");
    stream
}

/// Sends a plaintext request and returns the head and the body of the response.
pub fn plain(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = patient(address);
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("the response ends");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}
