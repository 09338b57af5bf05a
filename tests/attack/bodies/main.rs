//! Bodies that cost more than they weigh.

mod bombs;
mod compressed;
mod slow;
