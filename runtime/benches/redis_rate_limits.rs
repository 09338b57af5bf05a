//! The cost of a decision in Redis, compared with an empty script and with another limiter in the same run.
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

/// Wall-clock time and processor time of this process for each call, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    cpu: f64,
}

/// The processor time of this process, in ticks of 10 ms.
fn ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
}

async fn measure<F: Future<Output = ()> + 'static>(
    in_flight: usize,
    calls: usize,
    one: impl Fn(usize) -> F + Clone + 'static,
) -> Cost {
    let (before, began) = (ticks(), Instant::now());
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
    Cost { wall: began.elapsed().as_secs_f64() * each, cpu: (ticks() - before) / 100.0 * each }
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

async fn empty(mut connection: MultiplexedConnection, name: String) {
    let mut command = redis::cmd("EVALSHA");
    command.arg(&name).arg(1).arg("key").arg("words of about twenty-five");
    command.query_async::<()>(&mut connection).await.expect("an answer");
}

fn main() {
    let Some(server) = Server::start() else {
        println!("not run: redis-server is not installed");
        return;
    };
    let url = format!("redis://127.0.0.1:{}/0", server.1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, run(url));
}

async fn run(url: String) {
    let client = redis::Client::open(url.clone()).expect("an address");
    let connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg("return 1");
    let name: String = load.query_async(&mut connection.clone()).await.expect("a name");
    let redis = RedisConnection::builder(&url, "bench", [7; 32]).timeout(Duration::from_secs(30));
    let rate_limits = RedisRateLimits::new(&redis.build().expect("a connection"));
    let rival = actix_limitation::Limiter::builder(&url).limit(1_000_000).period(HOUR).build().expect("an address");

    println!("| case | in flight | µs | CPU µs | µs : EVALSHA | CPU : EVALSHA | CPU : actix-limitation |");
    println!("|---|---|---|---|---|---|---|");
    for in_flight in [1, 64] {
        let mut costs: [Vec<Cost>; 5] = Default::default();
        for _ in 0..ROUNDS {
            let (connection, name) = (connection.clone(), name.clone());
            costs[0].push(measure(in_flight, CALLS, move |_| empty(connection.clone(), name.clone())).await);
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
                costs[case].push(measure(in_flight, CALLS, one).await);
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
            costs[3].push(measure(in_flight, CALLS, three).await);
            let rival = rival.clone();
            let count = move |call: usize| {
                let rival = rival.clone();
                async move {
                    let _status = rival.count(format!("client {}", call % 1000)).await.expect("an answer");
                }
            };
            // Each call costs so much that fewer calls give the same precision.
            costs[4].push(measure(in_flight, CALLS / 4, count).await);
        }
        let cases = [
            "EVALSHA of an empty script",
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
        let cpu: Vec<f64> =
            costs.iter().map(|of| of.iter().map(|cost| cost.cpu).sum::<f64>() / of.len() as f64).collect();
        for (case, name) in cases.iter().enumerate() {
            let (w, c) = (wall[case], cpu[case]);
            let ratios = format!("{:.2} | {:.2} | {:.2}", w / wall[0], c / cpu[0], c / cpu[4]);
            println!("| {name} | {in_flight} | {w:.1} | {c:.1} | {ratios} |");
        }
    }
}
