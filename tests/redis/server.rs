//! A Redis server for one test: on a free port, in its own folder, stopped when the test ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_tests::missing::not_run;
use tempfile::TempDir;

pub struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// `None` if Redis is not installed. In CI this fails instead.
    pub fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            not_run("redis-server");
            return None;
        }
        // Servers start one after the other, so that no two get the same free port. If another program takes the port
        // meanwhile, the next attempt uses another port.
        static STARTING: Mutex<()> = Mutex::new(());
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its number").port();
            let folder = tempfile::tempdir().expect("a folder");
            let mut server = Self { process: spawn(free, &folder), port: free, folder };
            if server.responds() {
                return Some(server);
            }
        }
        panic!("redis-server does not start");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Suspends the server: it keeps its connections and does not respond.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "our child process");
    }

    /// Kills the server, as a crash does.
    pub fn kill(&mut self) {
        self.process.kill().expect("our child process");
        self.process.wait().expect("its end");
    }

    /// Starts an empty server in place of the killed one.
    pub fn restart(&mut self) {
        self.process = spawn(self.port, &self.folder);
        self.wait_until_it_answers();
    }

    /// Each key, with its value.
    pub async fn dump(&self) -> String {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
        let mut dump = String::new();
        for key in keys {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.expect("a type");
            let mut read = match kind.as_str() {
                "hash" => redis::cmd("HGETALL"),
                "zset" => redis::cmd("ZRANGE"),
                _ => redis::cmd("MGET"),
            };
            read.arg(&key);
            if kind == "zset" {
                read.arg(0).arg(-1);
            }
            let values: redis::RedisResult<Vec<Vec<u8>>> = read.query_async(&mut connection).await;
            let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.expect("a time");
            assert!(left > 0, "{key} never expires");
            let values = values.expect("its value");
            let values = values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>();
            dump.push_str(&format!("{key} {values:?}\n"));
        }
        dump
    }

    fn wait_until_it_answers(&mut self) {
        assert!(self.responds(), "redis-server ended");
    }

    /// Waits until the server responds. Returns `false` if it ended.
    fn responds(&mut self) -> bool {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "redis-server does not respond");
            if self.process.try_wait().expect("its state").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process.try_wait().expect("its state").is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}
