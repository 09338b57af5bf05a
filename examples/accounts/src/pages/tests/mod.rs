//! The pages without a socket.

mod forms;
mod login;
mod site;
mod threats;
