//! The PostgreSQL server of the tests: databases of their own, a log of all statements, and nothing that is left behind.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use palisade_tests::postgres::{Server, database};
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn databases_are_separate() {
    let Some(here) = database().await else { return };
    let there = database().await.unwrap();
    let mut one = PgConnection::connect(&here.url).await.unwrap();
    let mut two = PgConnection::connect(&there.url).await.unwrap();
    sqlx::query("CREATE TABLE t (x TEXT)").execute(&mut one).await.unwrap();
    assert!(sqlx::query("SELECT x FROM t").fetch_all(&mut two).await.is_err());
}

#[tokio::test]
async fn statements_are_logged_with_their_parameters() {
    let Some(database) = database().await else { return };
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let value = "it's\n$1 \u{1F512} \\ \"x\"";
    sqlx::query("SELECT $1::text").bind(value).fetch_one(&mut connection).await.unwrap();
    sqlx::raw_sql("SELECT 7; SELECT 8").execute(&mut connection).await.unwrap();
    let statements = database.statements().await;
    let found = statements.iter().find(|statement| statement.text == "SELECT $1::text").expect("the query");
    assert_eq!(found.parameters, format!("parameters: $1 = '{}'", value.replace('\'', "''")));
    assert_eq!(statements.iter().filter(|statement| statement.text == "SELECT 7; SELECT 8").count(), 1);
    assert_eq!(database.statements().await, statements, "the log does not list how it is read");
}

/// A process that is killed stops no server by itself.
#[test]
fn server_ends_with_the_test_process() {
    if std::env::var_os("POSTGRES_CHILD").is_some() {
        let server = Server::start().expect("a server");
        println!("port {}", server.port());
        std::thread::sleep(Duration::from_secs(600));
    }
    let Some(_installed) = Server::start() else { return };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["server_ends_with_the_test_process", "--exact", "--nocapture"])
        .env("POSTGRES_CHILD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let port = output.map_while(Result::ok).find_map(|line| line.split_once("port ")?.1.parse::<u16>().ok()).unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "the server goes on without its test");
        std::thread::sleep(Duration::from_millis(20));
    }
}
