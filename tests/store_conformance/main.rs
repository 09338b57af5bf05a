//! CWE-362, CWE-367, CWE-613, CWE-639: every store of sessions, revocations and API keys keeps the same laws: memory, Redis, SQLite and
//! PostgreSQL.

mod api_keys;
mod backends;
mod cookies;
mod flows;
mod replays;
mod revocations;
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../redis/server.rs"]
mod server;
mod sessions;
mod sql;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Texts that a store must keep apart, keep as they are, and never read as a part of a statement, a pattern or a key.
pub const HOSTILE: [&str; 20] = [
    "",
    " ",
    "ada ",
    " ada",
    "Ada",
    "adä",
    "ada\u{0308}",
    "\u{1F512}\u{10FFFF}\u{FFFE}",
    "a'; DELETE FROM palisade_sessions; --",
    "' OR '1'='1",
    "\"ada\"",
    "\\'",
    "%",
    "_d_",
    "$1 ?1 {0} :x",
    "a\nb\r\tc",
    "\u{0}",
    "ada\u{0}",
    "\u{1}",
    "\u{1}0\u{1}1\u{0}",
];

/// A text of 20,000 characters that cannot be compressed, so that no index of a database holds it by chance.
pub fn long_text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(33 + u8::try_from((state >> 33) % 94).unwrap())
    })
    .take(20_000)
    .collect()
}

/// [`HOSTILE`] and two long texts that differ in their last character.
pub fn hostile_texts() -> Vec<String> {
    let long = long_text(7);
    HOSTILE.into_iter().map(str::to_owned).chain([format!("{long}a"), format!("{long}b")]).collect()
}

/// The moment without what is smaller than a millisecond, which stores need not keep.
pub fn to_millis(moment: SystemTime) -> SystemTime {
    let since = moment.duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap())
}

pub fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(900)
}

/// One test for each law and each backend.
macro_rules! check_laws {
    ($laws:ident: $list:tt, $($module:ident: $backend:ident),* $(,)?) => {
        $(crate::check_laws! { @one $laws $list $module $backend })*
    };
    (@one $laws:ident [$($law:ident),* $(,)?] $module:ident $backend:ident) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $law() {
                    if let Some(backend) = <crate::backends::$backend as crate::backends::Backend>::start().await {
                        crate::$laws::$law(&backend).await;
                    }
                }
            )*
        }
    };
}
pub(crate) use check_laws;
