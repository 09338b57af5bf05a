//! What an application says about connections: for how long browsers use only HTTPS, and which hosts it serves.
//!
//! Threat: a setting that ends a protection of the whole application, and that no route shows (CWE-1188). Promise: the head of the
//! table shows both settings, also if they are the default.

use serde::Serialize;

use crate::headers::ApplicationHeaders;
use crate::host::HostRules;

/// Both settings, as they are shown.
#[derive(Clone, Debug)]
pub(crate) struct TransportSettings {
    /// `None`: the header is not sent.
    pub(super) hsts: Option<String>,
    pub(super) hosts: ShownHosts,
}

/// The hosts of an application, as they are shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownHosts {
    rule: &'static str,
    names: Vec<String>,
}

impl TransportSettings {
    pub(crate) fn new(headers: &ApplicationHeaders, hosts: &HostRules) -> Self {
        let hosts = ShownHosts { rule: hosts.keyword(), names: hosts.names() };
        Self { hsts: headers.hsts().map(str::to_owned), hosts }
    }

    /// Sentences for the head of the table.
    pub(super) fn sentences(&self) -> [String; 2] {
        let hsts = match self.hsts.as_deref() {
            None => "not sent".to_owned(),
            Some(value @ "max-age=0") => format!("{value}, so browsers forget that the hosts use only HTTPS"),
            Some(value) => value.to_owned(),
        };
        let hosts = match self.hosts.rule {
            "any" => "every host, also over a loopback address".to_owned(),
            "of_listener" => "loopback names over a loopback address, and every host over another one".to_owned(),
            _ => self.hosts.names.join(", "),
        };
        [format!("Over TLS: Strict-Transport-Security is {hsts}."), format!("Hosts: {hosts}.")]
    }
}
