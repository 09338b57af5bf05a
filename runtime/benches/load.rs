//! Latencies over loopback at 70 % of the highest load, and the memory of the server: bare actix-web beside the whole stack.
//!
//! `cargo bench -p palisade --bench load` starts this program again as a server with one worker, and sends requests with `wrk`
//! (Debian: `wrk`), for about half a minute. Times depend on the machine, so compare the two columns of one run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use actix_web::web::{self, Json};
use actix_web::{App, HttpResponse, HttpServer};
use palisade::jwt::{Grant, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::{Cors, Palisade, owner, post, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

const CONNECTIONS: usize = 128;
const KINDS: [&str; 2] = ["bare", "stack"];

#[derive(Deserialize, Validate)]
struct Note {
    #[validate(length(min = 1, max = 100))]
    title: String,
    #[validate(range(min = 0, max = 150))]
    age: u8,
}

async fn bare(note: Json<Note>) -> HttpResponse {
    HttpResponse::Ok().body(format!("{} {}", note.title, note.age))
}

#[post("/stack/{id}")]
#[owner(id)]
#[require_role("admin")]
#[rate_limit(4_000_000_000, "1h")]
#[validate]
async fn stack(note: Json<Note>) -> HttpResponse {
    bare(note).await
}

fn issuer() -> TokenIssuer {
    TokenIssuer::hs256("https://issuer.example", "benches", [7; 32]).unwrap()
}

/// Serves until it is killed, and prints its port.
async fn serve(kind: String) -> std::io::Result<()> {
    let cors = Cors::allow_origins(["https://app.example.com"]).allow_credentials();
    let palisade = Palisade::builder().authenticator(issuer().verifier().build().unwrap()).cors(cors);
    let palisade = palisade.rate_limit_store(MemoryRateLimits::new()).build().unwrap();
    let address = ("127.0.0.1", 0);
    let (server, port) = if kind == "bare" {
        let server =
            HttpServer::new(|| App::new().route("/bare/{id}", web::post().to(bare))).workers(1).bind(address)?;
        let port = server.addrs()[0].port();
        (server.run(), port)
    } else {
        let app = move || App::new().service(stack).wrap(palisade.clone());
        let server = HttpServer::new(app).workers(1).bind(address)?;
        let port = server.addrs()[0].port();
        (server.run(), port)
    };
    println!("{port}");
    std::io::stdout().flush()?;
    server.await
}

/// A server in a process of its own, which ends with this value.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(kind: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["serve", kind])
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, url: format!("http://127.0.0.1:{}/{kind}/7", port.trim()) }
    }

    /// Resident memory in kB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests each second, and microseconds at 50, 99 and 99.9 percent.
struct Load {
    rate: f64,
    latencies: [f64; 3],
}

/// Sends requests for some seconds. Each connection pauses for `pause` milliseconds on average.
fn send(server: &Server, token: &str, seconds: u32, pause: f64) -> Load {
    let script = env::temp_dir().join(format!("palisade-load-{}.lua", std::process::id()));
    let delay = if pause > 0.0 {
        // An exponential distribution, as of independent clients.
        format!("function delay() return math.floor(0.5 - math.log(1 - math.random()) * {pause}) end")
    } else {
        String::new()
    };
    let text = format!(
        r#"
        wrk.method = "POST"
        wrk.body = '{{"title":"a title","age":42}}'
        wrk.headers["Content-Type"] = "application/json"
        wrk.headers["Origin"] = "https://app.example.com"
        wrk.headers["Authorization"] = "Bearer {token}"
        {delay}
        function done(summary, latency, requests)
            local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
            print("measured", summary.requests / summary.duration * 1e6, bad,
                latency:percentile(50), latency:percentile(99), latency:percentile(99.9))
        end
        "#
    );
    fs::write(&script, text).unwrap();
    let (connections, seconds) = (format!("-c{CONNECTIONS}"), format!("-d{seconds}s"));
    let output = Command::new("wrk").args(["-t1", &connections, &seconds, "-s"]).arg(&script).arg(&server.url).output();
    let _ = fs::remove_file(&script);
    let text = String::from_utf8(output.expect("wrk runs").stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("measured")).expect("wrk prints the line of the script");
    let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[1], 0.0, "each response is 200: {text}");
    Load { rate: numbers[0], latencies: [numbers[2], numbers[3], numbers[4]] }
}

fn measure() {
    let token = issuer().issue(&Grant::new("7", Duration::from_secs(900)).roles(["admin"])).unwrap();
    println!("| | requests/s | 70 %: requests/s | p50 | p99 | p99.9 | memory after load |");
    println!("|---|---|---|---|---|---|---|");
    for kind in KINDS {
        let server = Server::start(kind);
        send(&server, &token, 2, 0.0);
        let highest = send(&server, &token, 5, 0.0);
        // Milliseconds from one request of a connection to its next one. A first run shows how much of them is not the pause.
        let cycle = CONNECTIONS as f64 * 1000.0 / (0.7 * highest.rate);
        let first = send(&server, &token, 4, cycle);
        let beside_the_pause = CONNECTIONS as f64 * 1000.0 / first.rate - cycle;
        let load = send(&server, &token, 8, (cycle - beside_the_pause).max(0.1));
        let [p50, p99, p999] = load.latencies.map(|micros| micros / 1000.0);
        println!(
            "| {kind} | {:.0} | {:.0} | {p50:.2} ms | {p99:.2} ms | {p999:.2} ms | {:.1} MB |",
            highest.rate,
            load.rate,
            server.memory() as f64 / 1024.0
        );
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("serve"), Some(kind)) => actix_web::rt::System::new().block_on(serve(kind)).unwrap(),
        _ if Command::new("wrk").arg("-v").output().is_err() => {
            println!("load: wrk is missing, so nothing was measured")
        }
        _ => measure(),
    }
}
