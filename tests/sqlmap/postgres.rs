//! A PostgreSQL server for `tests/sqlmap/run`: prints the URLs of two new databases and the path of its log, and stops when standard
//! input is closed.

#![forbid(unsafe_code)]

use std::io::Read as _;

use palisade_tests::postgres::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut server = Server::start().expect("PostgreSQL is installed");
    for _ in 0..2 {
        println!("{}", server.database().await.url);
    }
    println!("{}", server.log().display());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    server.stop();
}
