//! The cost of a decision in Redis, compared with a script that reads and writes one key and with another limiter, interleaved
//! in one run. The processor time is that of this process and, apart from it, that of the server.
//!
//! `cargo bench -p palisade --features redis --bench redis_rate_limits`

use std::fs;
use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade::__v1::rate_limits::RedisDecisions as _;
use palisade::__v1::rate_limits::{ChargeRequest, Client, Limit};
use palisade::rate_limit::RedisRateLimits;
use palisade::redis::RedisConnection;
use redis::aio::MultiplexedConnection;

const ROUNDS: usize = 7;
const CALLS: usize = 6400;
const HOUR: Duration = Duration::from_secs(3600);

struct Server(Child, u16);

impl Server {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        let process = command.current_dir("/tmp").stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self(process, port);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The least that a counter needs: one key is read, written and given an expiry.
const BARE: &str =
    "local n = redis.call('GET', KEYS[1]) or 0; redis.call('SET', KEYS[1], n + 1, 'PX', ARGV[1]); return n + 1";

/// Wall-clock time, and processor time of this process and of the server, for each call in microseconds.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    client: f64,
    server: f64,
}

/// The processor time of a process, in ticks of 10 ms.
fn ticks(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

async fn measure<F: Future<Output = ()> + 'static>(
    server: u32,
    in_flight: usize,
    calls: usize,
    one: impl Fn(usize) -> F + Clone + 'static,
) -> Cost {
    let both = || [ticks(std::process::id()), ticks(server)];
    let (before, began) = (both(), Instant::now());
    let tasks: Vec<_> = (0..in_flight)
        .map(|task| {
            let one = one.clone();
            tokio::task::spawn_local(async move {
                for call in 0..calls / in_flight {
                    one(task * calls + call).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no call panics");
    }
    let each = 1_000_000.0 / calls as f64;
    let wall = began.elapsed().as_secs_f64() * each;
    let after = both();
    let [client, server] = [0, 1].map(|of| (after[of] - before[of]) / 100.0 * each);
    Cost { wall, client, server }
}

fn charge_request(bucket: u64, limit: u32, client: usize) -> ChargeRequest<'static> {
    let address = std::net::Ipv4Addr::from_bits(u32::try_from(client % 1000).unwrap_or(0));
    let limit = Limit::new(limit, HOUR).expect("neither is zero");
    ChargeRequest {
        bucket,
        limit,
        cost: 1,
        client: Client::Address(address.into()),
        binding: true,
        settles_later: false,
    }
}

async fn bare(mut connection: MultiplexedConnection, name: String, call: usize) {
    let mut command = redis::cmd("EVALSHA");
    command.arg(&name).arg(1).arg(format!("key of a bare counter {}", call % 1000)).arg(3_600_000);
    command.query_async::<()>(&mut connection).await.expect("an answer");
}

fn main() {
    let Some(server) = Server::start() else {
        println!("not run: redis-server is not installed");
        return;
    };
    let url = format!("redis://127.0.0.1:{}/0", server.1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, run(url, server.0.id()));
}

async fn run(url: String, server: u32) {
    let client = redis::Client::open(url.clone()).expect("an address");
    let connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg(BARE);
    let name: String = load.query_async(&mut connection.clone()).await.expect("a name");
    let redis = RedisConnection::builder(&url, "bench", [7; 32]).timeout(Duration::from_secs(30));
    let rate_limits = RedisRateLimits::new(&redis.build().expect("a connection"));
    let rival = actix_limitation::Limiter::builder(&url).limit(1_000_000).period(HOUR).build().expect("an address");

    println!(
        "| case | in flight | µs | client CPU | server CPU | µs : bare | client : bare | server : bare | client : actix-limitation |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for in_flight in [1, 64] {
        let mut costs: [Vec<Cost>; 5] = Default::default();
        for _ in 0..ROUNDS {
            let (connection, name) = (connection.clone(), name.clone());
            costs[0].push(
                measure(server, in_flight, CALLS, move |call| bare(connection.clone(), name.clone(), call)).await,
            );
            for (case, limit) in [(1, 16), (2, 1_000_000)] {
                let rate_limits = rate_limits.clone();
                let one = move |call| {
                    let rate_limits = rate_limits.clone();
                    async move {
                        drop(
                            rate_limits
                                .reserve(&[charge_request(u64::from(limit), limit, call)])
                                .await
                                .expect("an answer"),
                        )
                    }
                };
                costs[case].push(measure(server, in_flight, CALLS, one).await);
            }
            let rate_limits = rate_limits.clone();
            let three = move |call| {
                let rate_limits = rate_limits.clone();
                async move {
                    let requests = [
                        charge_request(1, 100_000, call),
                        charge_request(2, 1_000_000, call),
                        charge_request(3, 10_000_000, call),
                    ];
                    drop(rate_limits.reserve(&requests).await.expect("an answer"));
                }
            };
            costs[3].push(measure(server, in_flight, CALLS, three).await);
            let rival = rival.clone();
            let count = move |call: usize| {
                let rival = rival.clone();
                async move {
                    let _status = rival.count(format!("client {}", call % 1000)).await.expect("an answer");
                }
            };
            // Each call costs so much that fewer calls give the same precision.
            costs[4].push(measure(server, in_flight, CALLS / 4, count).await);
        }
        let cases = [
            "bare EVALSHA of GET and SET",
            "one request, N = 16",
            "one request, N = 1,000,000",
            "three requests",
            "actix-limitation",
        ];
        let median = |costs: &[Cost], of: fn(&Cost) -> f64| {
            let mut all: Vec<f64> = costs.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let wall: Vec<f64> = costs.iter().map(|costs| median(costs, |cost| cost.wall)).collect();
        // Ticks are coarse, so the mean of all rounds is used.
        let mean = |of: fn(&Cost) -> f64| -> Vec<f64> {
            costs.iter().map(|costs| costs.iter().map(of).sum::<f64>() / costs.len() as f64).collect()
        };
        let (client, server) = (mean(|cost| cost.client), mean(|cost| cost.server));
        for (case, name) in cases.iter().enumerate() {
            let (w, c, s) = (wall[case], client[case], server[case]);
            let ratios = [w / wall[0], c / client[0], s / server[0], c / client[4]].map(|ratio| format!("{ratio:.2}"));
            println!("| {name} | {in_flight} | {w:.1} | {c:.1} | {s:.1} | {} |", ratios.join(" | "));
        }
    }
}
