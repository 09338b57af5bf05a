//! CWE-295, CWE-298, CWE-299, CWE-326: certificates of the server that change while it runs, and certificates of clients.

mod bound_tokens;
mod client_certificates;
mod client_header;
mod mistakes;
mod names;
mod reloading;
mod resumption;
mod support;
