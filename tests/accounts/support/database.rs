//! The database of a server: SQLite in its data folder, or PostgreSQL, depending on the test target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use palisade_tests::postgres;

/// `ACCOUNTS_DATABASE_URL` for the servers of this data folder. The target `accounts_postgres` has a PostgreSQL database for each
/// folder, the target `accounts` has none.
pub fn url(data: &Path) -> Option<String> {
    if env!("CARGO_CRATE_NAME") != "accounts_postgres" {
        return None;
    }
    static URLS: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());
    let mut urls = URLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(url) = urls.get(data) {
        return Some(url.clone());
    }
    // The caller may be in a runtime already.
    let create = || tokio::runtime::Runtime::new().expect("a runtime").block_on(postgres::database());
    let Some(database) = std::thread::spawn(create).join().expect("a database") else {
        // Each test of this target needs PostgreSQL, and `database` has said that it is missing.
        std::process::exit(0);
    };
    urls.insert(data.to_owned(), database.url.clone());
    Some(database.url)
}
