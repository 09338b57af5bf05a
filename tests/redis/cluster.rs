//! A Redis Cluster for one test: three primaries and three replicas.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_tests::missing::not_run;
use tempfile::TempDir;

pub struct Cluster {
    nodes: Vec<Node>,
}

struct Node {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Cluster {
    /// `None` if Redis is not installed. In CI this fails instead.
    pub fn start() -> Option<Self> {
        let there = |program| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !there("redis-server") || !there("redis-cli") {
            not_run("redis-server or redis-cli");
            return None;
        }
        // Clusters start one after the other, so that no two get the same free ports.
        static STARTING: Mutex<()> = Mutex::new(());
        let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Self { nodes: free_ports(6).into_iter().map(Node::start).collect() };
        let began = Instant::now();
        for node in &cluster.nodes {
            while std::net::TcpStream::connect(("127.0.0.1", node.port)).is_err() {
                assert!(began.elapsed() < Duration::from_secs(30), "a node does not respond");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let made = create.output().expect("redis-cli");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for node in &cluster.nodes {
            // A replica that has not copied its primary yet cannot be promoted.
            while !node.prints(&["cluster", "info"], "cluster_state:ok") || !node.is_primary_or_in_step() {
                assert!(began.elapsed() < Duration::from_secs(60), "the cluster does not come up");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Some(cluster)
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("redis://127.0.0.1:{}", node.port)).collect()
    }

    /// Waits until the replicas have all writes that their primaries have now.
    pub fn wait_for_replicas(&self) {
        let began = Instant::now();
        for node in self.nodes.iter().filter(|node| node.prints(&["role"], "master")) {
            let number = |name: &str| {
                let text = node.run(&["info", "replication"]);
                let from = text.find(name).unwrap_or_else(|| panic!("no {name} in {text}")) + name.len();
                let digits: String = text[from..].chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<u64>().expect("a number")
            };
            let written = number("master_repl_offset:");
            while number("state=online,offset=") < written {
                assert!(began.elapsed() < Duration::from_secs(30), "a replica does not follow");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Kills the first primary, as a crash does, and returns its port.
    pub fn kill_a_primary(&mut self) -> u16 {
        let primary = self.nodes.iter_mut().find(|node| node.prints(&["role"], "master")).expect("a primary");
        primary.process.kill().expect("our child process");
        primary.process.wait().expect("its end");
        primary.port
    }

    /// The port of the node that has this key now.
    pub fn port_of(&self, key: &str) -> u16 {
        let slot = self.nodes[5].run(&["cluster", "keyslot", key]).trim().parse::<u16>().expect("a slot");
        let nodes = self.nodes[5].run(&["cluster", "nodes"]);
        let has = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
        };
        let line = nodes.lines().find(|line| line.split(' ').skip(8).any(has)).expect("a node that owns the slot");
        line.split([':', '@']).nth(1).expect("a port").parse().expect("a number")
    }

    /// The keys of all nodes that respond.
    pub fn keys(&self) -> Vec<String> {
        let all = self
            .nodes
            .iter()
            .flat_map(|node| node.run(&["keys", "tests:*"]).lines().map(str::to_owned).collect::<Vec<_>>());
        let mut keys: Vec<String> = all.filter(|key| key.starts_with("tests:")).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl Node {
    fn start(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"])
            .args(["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        Self { process, port, _folder: folder }
    }

    fn run(&self, words: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn prints(&self, words: &[&str], expected: &str) -> bool {
        self.run(words).contains(expected)
    }

    fn is_primary_or_in_step(&self) -> bool {
        let role = self.run(&["info", "replication"]);
        let followed = role.contains("role:master") && role.contains("state=online");
        followed || role.contains("master_link_status:up")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A node also listens at its port plus 10,000. So both ports must be free, and the higher one must be valid.
fn free_ports(count: usize) -> Vec<u16> {
    let mut held = Vec::new();
    let candidates =
        (0..30_000).map(|at| 20_000 + u16::try_from((std::process::id() * 7 + at) % 30_000).expect("small"));
    for port in candidates {
        if held.len() == count {
            break;
        }
        if let (Ok(one), Ok(bus)) =
            (TcpListener::bind(("127.0.0.1", port)), TcpListener::bind(("127.0.0.1", port + 10_000)))
        {
            held.push((port, one, bus));
        }
    }
    assert_eq!(held.len(), count, "free ports");
    held.into_iter().map(|(port, ..)| port).collect()
}
