//! Too many requests inside of handlers at once (CWE-400, CWE-770): never more than the limit, and each place is given back.

mod places;
mod races;
