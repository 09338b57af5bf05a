//! What Chromium allows to pages of other origins, and what of it reaches the handlers of an API (CWE-352, CWE-942, CWE-1385;
//! ASVS V3.4, V3.5).
//!
//! The table of all cases is committed as `table.md`. `PALISADE_BLESS=1` writes it again. The tests need Chromium, and the
//! packages that `tests/run` installs from npm into `target/browser`.

mod chromium;
mod observatory;
mod pages;
mod servers;
mod sign_in;
#[expect(dead_code, unused_imports, reason = "the tests of the target `accounts` use the rest of it")]
#[path = "../accounts/support/mod.rs"]
mod support;
mod table;
