//! The pages without a socket.

mod forms;
mod login;
mod sign_in;
mod site;
mod threats;
