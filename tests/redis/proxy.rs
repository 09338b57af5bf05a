//! A proxy that simulates a slow network: it delays bytes, keeps their order, and has no limit for the bytes under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

#[derive(Clone)]
pub struct Proxy {
    port: u16,
    delay: Arc<AtomicU64>,
    handshake: Arc<AtomicU64>,
}

impl Proxy {
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = Self {
            port: listener.local_addr().expect("its number").port(),
            delay: Arc::default(),
            handshake: Arc::default(),
        };
        let (delay, handshake) = (Arc::clone(&proxy.delay), Arc::clone(&proxy.handshake));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                let ready = Instant::now() + Duration::from_millis(handshake.load(Ordering::Relaxed));
                tokio::spawn(carry(near_read, far_write, Arc::clone(&delay), ready));
                tokio::spawn(carry(far_read, near_write, Arc::default(), ready));
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub fn delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).expect("a short one"), Ordering::Relaxed);
    }

    /// New connections carry no data for this long, like a TLS handshake over a slow network.
    pub fn handshake(&self, duration: Duration) {
        self.handshake.store(u64::try_from(duration.as_millis()).expect("a short one"), Ordering::Relaxed);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Arc<AtomicU64>, ready: Instant) {
    let (sender, mut parts) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, part)) = parts.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&part).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        let due = ready.max(Instant::now() + Duration::from_millis(delay.load(Ordering::Relaxed)));
        if sender.send((due, buffer[..size].to_vec())).is_err() {
            return;
        }
    }
}
