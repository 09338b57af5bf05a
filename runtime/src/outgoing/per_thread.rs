//! The HTTP client of this thread. A connection that is kept for the next call belongs to the runtime of the thread that made it, and
//! workers have runtimes of their own.

use std::cell::RefCell;

use reqwest::Client;

use super::{Outgoing, Shared};

/// How many clients a thread keeps.
const MOST: usize = 16;

struct OfThisThread {
    number: u64,
    loopback: bool,
    client: Client,
}

thread_local! {
    /// The client that was used last is the last one.
    static CLIENTS: RefCell<Vec<OfThisThread>> = const { RefCell::new(Vec::new()) };
}

/// The client for addresses on the loopback interface, or for all others.
pub(super) fn client(outgoing: &Outgoing, loopback: bool) -> reqwest::Result<Client> {
    let shared: &Shared = &outgoing.0;
    if let Some(known) = CLIENTS.with_borrow_mut(|known| take(known, shared.number, loopback)) {
        return Ok(known);
    }
    let client = shared.client(loopback)?;
    let made = OfThisThread { number: shared.number, loopback, client: client.clone() };
    CLIENTS.with_borrow_mut(|known| {
        if known.len() >= MOST {
            known.remove(0);
        }
        known.push(made);
    });
    Ok(client)
}

fn take(known: &mut Vec<OfThisThread>, number: u64, loopback: bool) -> Option<Client> {
    let index = known.iter().position(|known| known.number == number && known.loopback == loopback)?;
    let found = known.remove(index);
    let client = found.client.clone();
    known.push(found);
    Some(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::OutgoingSettings;

    #[test]
    fn thread_keeps_a_bounded_number_of_clients() {
        let all: Vec<Outgoing> = (0..MOST).map(|_| Outgoing::new(&OutgoingSettings::default()).unwrap()).collect();
        for outgoing in &all {
            client(outgoing, true).unwrap();
        }
        // The first one is used again, so the second one goes.
        client(&all[0], true).unwrap();
        client(&all[0], false).unwrap();
        let known = CLIENTS.with_borrow(|known| known.iter().map(|known| known.number).collect::<Vec<_>>());
        assert_eq!(known.len(), MOST);
        assert!(!known.contains(&all[1].0.number) && known.ends_with(&[all[0].0.number; 2]));
    }
}
