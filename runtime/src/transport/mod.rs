//! What surrounds a request on the wire: headers, origins, addresses.

pub(crate) mod address_ranges;
pub(crate) mod client_addr;
pub(crate) mod cors;
pub(crate) mod headers;
pub(crate) mod sanity;
