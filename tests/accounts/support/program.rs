//! Runs the server as a process.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{ADMIN_PASSWORD, TEST_TIMEOUT, database};

/// The program, built once for all tests, with their profile, beside them.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("the test's own path");
        let profile_folder = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
        let target = profile_folder.parent().expect("target/<profile>");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "accounts", "--target-dir"]).arg(target);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile_folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "accounts does not build");
        profile_folder.join(format!("accounts{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Removes the settings in the environment of the test run.
fn command(program: &Path, data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    let foreign = std::env::vars_os().map(|(name, _)| name);
    for name in foreign.filter(|name| name.to_string_lossy().starts_with("ACCOUNTS_")) {
        command.env_remove(name);
    }
    command
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "1")
        .env("ACCOUNTS_LISTEN", "127.0.0.1:0")
        .env("ACCOUNTS_HTTP_LISTEN", "127.0.0.1:0")
        .env("ACCOUNTS_DATA", data)
        .env("ACCOUNTS_WORKERS", "2")
        .envs(database::url(data).map(|url| ("ACCOUNTS_DATABASE_URL", url)))
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program with these arguments and without settings, until it exits.
pub fn run(words: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(words).env_clear().stdin(Stdio::null());
    command.output().expect("the program runs")
}

/// Runs the program with these arguments and settings, until it exits.
pub fn run_with(words: &[&str], data: &Path, settings: &[(&str, &str)]) -> Output {
    let mut command = command(program(), data, settings);
    command.args(words);
    run_to_its_end(command)
}

/// Runs a server that must fail to start, until it exits.
pub fn start_and_fail(data: &Path, settings: &[(&str, &str)]) -> Output {
    run_to_its_end(command(program(), data, settings))
}

/// The same as a user without root's permissions, for tests that run as root.
#[cfg(unix)]
pub fn start_and_fail_as_nobody(data: &Path, settings: &[(&str, &str)]) -> Output {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    // Other users may be unable to enter the build folder.
    let folder = fresh_data();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let copy = folder.path().join("accounts");
    std::fs::copy(program(), &copy).expect("a copy");
    let mut command = command(&copy, data, settings);
    command.current_dir(folder.path()).uid(NOBODY).gid(NOBODY);
    run_to_its_end(command)
}

fn run_to_its_end(mut command: Command) -> Output {
    let mut child = command.spawn().expect("the program starts");
    let began = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if began.elapsed() > TEST_TIMEOUT {
            child.kill().expect("our own child");
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// Collects the output of a stream.
struct Listening {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Listening {
    fn to(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let writer = Arc::clone(&text);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut text = writer.lock().expect("no reader panics");
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        self.text.lock().expect("no reader panics").clone()
    }

    /// The complete output, once the process has exited.
    fn rest(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        self.text()
    }

    fn ended(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// A running server. Dropping it kills the server.
pub struct Server {
    child: Child,
    output: Listening,
    log: Listening,
    data: Arc<TempDir>,
    pub https: SocketAddr,
    pub http: Option<SocketAddr>,
}

/// The exit status and output of a server.
pub struct Stopped {
    pub status: ExitStatus,
    pub log: String,
    pub data: Arc<TempDir>,
}

impl Server {
    /// Starts a server in a fresh data folder, with a known administrator password.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut all = vec![("ACCOUNTS_ADMIN_PASSWORD", ADMIN_PASSWORD)];
        all.extend_from_slice(settings);
        Self::start_in(fresh_data(), &all)
    }

    /// Starts a server in this data folder, with only these settings.
    pub fn start_in(data: Arc<TempDir>, settings: &[(&str, &str)]) -> Self {
        let mut child = command(program(), &data.path().join("data"), settings).spawn().expect("the program starts");
        let log = Listening::to(child.stderr.take().expect("piped"));
        Self::once_ready(child, log, data)
    }

    /// Starts a server whose log output is closed.
    pub fn start_unheard() -> Self {
        let data = fresh_data();
        let mut child = command(program(), &data.path().join("data"), &[]).spawn().expect("the program starts");
        drop(child.stderr.take());
        Self::once_ready(child, Listening::to(std::io::empty()), data)
    }

    fn once_ready(mut child: Child, log: Listening, data: Arc<TempDir>) -> Self {
        let output = Listening::to(child.stdout.take().expect("piped"));
        let began = Instant::now();
        let banner = loop {
            let banner = output.text();
            if banner.ends_with("\n\n") && banner.contains("422") {
                break banner;
            }
            if output.ended() || began.elapsed() >= TEST_TIMEOUT {
                // No `Server` exists yet that would stop the process when it is dropped.
                let _ = child.kill();
                panic!("the server does not start:\n{banner}{}", log.text());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let address = |scheme: &str| {
            let start = format!("listening on {scheme}://");
            let address = banner.lines().find_map(|line| line.strip_prefix(&start)?.split(' ').next());
            address.map(|address| address.parse().expect("an address"))
        };
        Self {
            https: address("https").expect("the address that it listens on"),
            http: address("http"),
            child,
            output,
            log,
            data,
        }
    }

    /// The folder with the database, the certificate and the secret.
    pub fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// The output of the server.
    pub fn banner(&self) -> String {
        self.output.text()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the log contains this text.
    pub fn wait_for_log(&self, text: &str) {
        self.wait_until(|log| log.contains(text));
    }

    /// Waits until the log satisfies the condition.
    pub fn wait_until(&self, satisfied: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !satisfied(&self.log()) {
            assert!(began.elapsed() < TEST_TIMEOUT, "the log never satisfied the condition:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal, `TERM` or `INT`, and returns at once.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// Waits for the exit of a server that is shutting down.
    pub fn ended(mut self) -> Stopped {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            assert!(began.elapsed() < TEST_TIMEOUT, "the server does not stop:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        };
        Stopped { status, log: self.log.rest(), data: Arc::clone(&self.data) }
    }

    /// Sends SIGTERM and waits for the exit.
    pub fn stop(self) -> Stopped {
        self.signal("TERM");
        self.ended()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both calls fail harmlessly if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder that is removed with its last owner; the server creates its data folder inside.
pub fn fresh_data() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().expect("a temporary folder"))
}
