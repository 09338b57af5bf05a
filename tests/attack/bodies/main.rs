//! CWE-400, CWE-409: request bodies that cost the server far more than the client.

mod bombs;
mod compressed;
mod limits;
mod limits_on_the_wire;
mod slow;
