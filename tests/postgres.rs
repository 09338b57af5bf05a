//! A PostgreSQL server for the tests of one binary: on a free port of the loopback interface, in a temporary folder, stopped when the
//! test process has ended, even by a panic or a signal. Each test has a database of its own.
//!
//! The server is Debian's (package `postgresql`), or any from version 15 on whose programs are in `PATH`. It logs each statement that
//! it runs, and [`Database::statements`] reads them.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::missing::not_run;

/// Creates a cluster and starts its server, and waits until standard input is closed: by [`Server::stop`], or by the end of the test
/// process, however it ends. Arguments: the folder of the programs, and the folder of the cluster.
const SUPERVISOR: &str = r#"
"$1/initdb" -D "$2/data" -U tests -E UTF8 --locale=C --no-sync --no-instructions \
    --auth-local=reject --auth-host=password --pwfile="$2/password" >"$2/start" 2>&1 &&
cat "$2/settings" >>"$2/data/postgresql.conf" &&
"$1/pg_ctl" -D "$2/data" -l "$2/start" -w -t 60 start >/dev/null 2>&1 &&
echo ready || { cat "$2/start"; echo failed; }
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1
rm -rf "$2"
"#;

/// A server. One that a test starts for itself is stopped when it is dropped.
pub struct Server {
    supervisor: Child,
    port: u16,
    password: String,
    folder: PathBuf,
}

/// A database on the server of this test binary that no other test uses. `None` if PostgreSQL is not installed.
pub async fn database() -> Option<Database> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    Some(SHARED.get_or_init(Server::start).as_ref()?.database().await)
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |entry: &std::fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
    let debian = debian.filter_map(|entry| Some((version(&entry)?, entry.path().join("bin"))));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest = debian.filter(|(_, folder)| folder.join("initdb").exists()).max().map(|(_, folder)| folder);
    newest.or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
}

/// The user and the group of `postgres`, if this process is root's: the server refuses to run as root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("the program `id`");
        String::from_utf8(output.stdout).expect("a number").trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?))
}

impl Server {
    /// Starts a server. `None` if PostgreSQL is not installed. In CI this fails instead.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            not_run("postgresql");
            return None;
        };
        // If another program takes the free port meanwhile, the next attempt uses another port.
        let mut said = String::new();
        for _ in 0..10 {
            match Self::start_once(&programs) {
                Ok(server) => return Some(server),
                Err(error) => said = error,
            }
        }
        panic!("PostgreSQL does not start: {said}");
    }

    fn start_once(programs: &Path) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its number").port();
        // The supervisor removes it.
        let folder = tempfile::tempdir().expect("a folder").keep();
        let random = || RandomState::new().hash_one(port);
        let password = format!("{:016x}{:016x}", random(), random());
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             log_statement = all\nlogging_collector = on\nlog_destination = jsonlog\nlog_directory = '{0}'\n\
             log_filename = 'server'\nlog_rotation_age = 0\nlog_rotation_size = 0\n",
            folder.display()
        );
        let mut command = Command::new("sh");
        if let Some((user, group)) = unprivileged() {
            for file in ["password", "settings"] {
                std::fs::write(folder.join(file), "").expect("a file in the folder");
                chown(folder.join(file), Some(user), Some(group)).expect("root may do this");
            }
            chown(&folder, Some(user), Some(group)).expect("root may do this");
            command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups", "sh"]);
        }
        std::fs::write(folder.join("password"), &password).expect("a file in the folder");
        std::fs::write(folder.join("settings"), settings).expect("a file in the folder");
        let mut supervisor = command
            .args(["-c", SUPERVISOR, "supervisor"])
            .args([programs, &folder])
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")])
            .current_dir(&folder)
            // So that Ctrl-C ends the test process alone, and the supervisor cleans up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let output = BufReader::new(supervisor.stdout.take().expect("it is piped"));
        let mut said = String::new();
        for line in output.lines().map_while(Result::ok) {
            if line == "ready" {
                return Ok(Self { supervisor, port, password, folder });
            }
            if line == "failed" {
                break;
            }
            said.push_str(&line);
            said.push('\n');
        }
        drop(supervisor.stdin.take());
        let _ = supervisor.wait();
        Err(said)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The log of all statements: a JSON object in each line. It is removed when the server stops.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.json")
    }

    /// Stops the server at once, as a crash does, and forgets its databases.
    pub fn stop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }

    /// A new database.
    pub async fn database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("a connection");
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut connection).await.expect("a database");
        connection.close().await.expect("its end");
        Database { url: self.url(&name), name, log: self.log() }
    }

    fn url(&self, database: &str) -> String {
        self.url_at(self.port, database)
    }

    fn url_at(&self, port: u16, database: &str) -> String {
        format!("postgres://tests:{}@127.0.0.1:{port}/{database}?sslmode=disable", self.password)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A database of one test.
pub struct Database {
    pub url: String,
    pub name: String,
    log: PathBuf,
}

impl Database {
    /// The address of the database behind another port, such as that of a proxy.
    pub fn url_at(&self, port: u16) -> String {
        let mut url: url::Url = self.url.parse().expect("an address");
        url.set_port(Some(port)).expect("a host");
        url.into()
    }

    /// Every statement that the server ran in this database until now, in the order of their start, with the values of its
    /// parameters.
    pub async fn statements(&self) -> Vec<Statement> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("/* marker {} */", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url).await.expect("a connection");
        sqlx::raw_sql(AssertSqlSafe(marker.clone() + " SELECT 1")).execute(&mut connection).await.expect("an answer");
        connection.close().await.expect("its end");
        let began = Instant::now();
        // The server writes its log in another process, a little later.
        loop {
            let statements = self.logged();
            if let Some(end) = statements.iter().position(|statement| statement.text.starts_with(&marker)) {
                let ours = statements.into_iter().take(end);
                return ours.filter(|statement| !statement.text.starts_with("/* marker ")).collect();
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the log of the server does not go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn logged(&self) -> Vec<Statement> {
        let log = std::fs::read_to_string(&self.log).expect("the log of the server");
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["dbname"] == *self.name).filter_map(|line| Statement::read(&line)).collect()
    }
}

/// A statement, as the server logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its text, as the server got it.
    pub text: String,
    /// `parameters: $1 = 'ada', $2 = NULL`; empty if it has none.
    pub parameters: String,
}

impl Statement {
    fn read(line: &Value) -> Option<Self> {
        let message = line["message"].as_str()?;
        let text = match message.strip_prefix("statement: ") {
            Some(text) => text,
            None => message.strip_prefix("execute ")?.split_once(": ")?.1,
        };
        let parameters = line["detail"].as_str().unwrap_or_default().to_owned();
        Some(Self { text: text.to_owned(), parameters })
    }
}
