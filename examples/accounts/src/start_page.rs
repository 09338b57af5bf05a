//! The page that a browser shows first.
//!
//! The threat is a page whose injected script or style runs (OWASP ASVS V3.4.3). So the page has no script, and its style needs the
//! nonce of the response.

use actix_web::web::Html;
use palisade::{get, headers, headers::CspNonce, public};

const STYLE: &str = "body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; \
                     color-scheme: light dark } code { font-size: 0.95em }";
const CONTENT: &str = "<h1>accounts</h1>\n\
    <p>This server is an example of an API that palisade protects. Its start has printed <code>curl</code> lines to try.</p>\n\
    <ul>\n\
    <li><a href=\"/health\"><code>/health</code></a>: the process is alive</li>\n\
    <li><a href=\"/ready\"><code>/ready</code></a>: its database responds</li>\n\
    <li><code>/api/admin/policies</code>: who may call which route, for the administrator</li>\n\
    </ul>\n";

/// Says what this server is.
#[get("/")]
#[public("says what this server is")]
#[headers(pages)]
pub async fn start_page(nonce: CspNonce) -> Html {
    Html::new(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>accounts</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style nonce=\"{nonce}\">{STYLE}</style>\n{CONTENT}</html>\n"
    ))
}
