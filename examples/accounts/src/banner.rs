//! The text that the server prints at startup: its address, the administrator, and `curl` lines to try.
//!
//! The banner goes to standard output and the log to standard error, because the banner may contain a secret: the generated
//! password of the administrator, which must not be in a log (OWASP ASVS V16.2.5).

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    path::Path,
};

use palisade::rate_limit::RateLimitMode;

use crate::{random, seed::Seed};

/// The values that the banner shows.
pub struct Banner<'a> {
    /// The HTTPS listener.
    pub https: SocketAddr,
    /// The plain HTTP listener, if it is on.
    pub http: Option<SocketAddr>,
    /// The generated certificate, which is passed to `curl` with `--cacert`.
    pub certificate: Option<&'a Path>,
    /// The email of the administrator.
    pub admin_email: &'a str,
    /// Whether the administrator was created by this start.
    pub seed: &'a Seed,
    /// Whether rate limits reject requests.
    pub rate_limit_mode: RateLimitMode,
    /// Whether other servers share the sessions and the rate limits.
    pub shared: bool,
}

impl Banner<'_> {
    /// Prints the banner. A closed standard output is ignored, so that the server still starts.
    pub fn print(&self) {
        let _ = io::stdout().lock().write_all(self.render().as_bytes());
        let _ = io::stdout().flush();
    }

    fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "listening on https://{}", self.https)?;
        match self.http {
            Some(http) => {
                writeln!(out, "listening on http://{http} (redirects pages to HTTPS, rejects everything else)")?
            }
            None => writeln!(out, "not listening on plain HTTP")?,
        }
        match self.seed {
            Seed::AlreadyExists => writeln!(out, "administrator: already exists")?,
            Seed::ConfiguredPassword => {
                writeln!(out, "administrator: {}, with the password of ACCOUNTS_ADMIN_PASSWORD", self.admin_email)?
            }
            Seed::GeneratedPassword(password) => {
                let password = password.expose();
                writeln!(out, "administrator: {}, password {password} (shown this once)", self.admin_email)?;
            }
        }
        // The URL is not shown, because it may contain a password.
        let stores = if self.shared { "in Redis (ACCOUNTS_REDIS_URL)" } else { "in the database and in memory" };
        writeln!(out, "sessions and rate limits: {stores}")?;
        if self.only_observes() {
            writeln!(out, "rate limits: only observed, no request is rejected")?;
        }
        writeln!(out, "\nTo try it, paste these into a shell, from the top:\n")?;
        for step in self.steps() {
            writeln!(out, "  # {}\n  {}", step.comment, step.command)?;
        }
        writeln!(out)
    }

    fn steps(&self) -> Vec<Step> {
        let curl = self.curl();
        let url = self.url();
        // Random at each start: a fixed account would leave a known password behind.
        let unique = random::hex::<6>().unwrap_or_default();
        let email = format!("visitor-{unique}@example.com");
        let password = random::hex::<12>().unwrap_or_default();
        let post =
            |path: &str, body: &str| format!("{curl} {url}{path} -H 'content-type: application/json' -d '{body}'");
        let credentials = format!(r#"{{"email":"{email}","password":"{password}"}}"#);
        let login = post("/auth/login", &credentials);
        let failed_login = post("/auth/login", &format!(r#"{{"email":"{email}","password":"wrong"}}"#));
        let mut steps = vec![
            Step {
                comment: "201: creates an account",
                command: post(
                    "/auth/register",
                    &format!(r#"{{"name":"Visitor","email":"{email}","password":"{password}"}}"#),
                ),
            },
            Step {
                comment: "logs in and keeps the token",
                command: format!(r#"TOKEN=$({login} | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')"#),
            },
            Step {
                comment: "200: the caller",
                command: format!(r#"{curl} {url}/api/me -H "Authorization: Bearer $TOKEN""#),
            },
            Step { comment: "401: no token", command: format!("{curl} {url}/api/me") },
            Step {
                comment: "403: not an administrator",
                command: format!(r#"{curl} {url}/api/users -H "Authorization: Bearer $TOKEN""#),
            },
            Step { comment: "404: no such route", command: format!("{curl} {url}/api/nowhere") },
            Step {
                comment: "422: the validation errors of each member",
                command: post("/auth/register", r#"{"name":"V","email":"nobody","password":"short"}"#),
            },
        ];
        if !self.only_observes() {
            steps.push(Step {
                comment: "429: the sixth wrong password (logins are then rejected for 15 minutes)",
                command: format!("for try in 1 2 3 4 5 6; do {failed_login}; done"),
            });
        }
        steps
    }

    fn only_observes(&self) -> bool {
        self.rate_limit_mode == RateLimitMode::Observe
    }

    /// Prints the status after the body. `-sS` hides the progress meter and shows errors.
    ///
    /// `--http1.1` is needed because the server may reject a request before it has read the body (RFC 9113 §8.1 allows that).
    /// With HTTP/2, curl (7.88, for example) may then report a stream error instead of the response.
    fn curl(&self) -> String {
        let mut curl = r"curl --http1.1 -sS -w ' %{http_code}\n'".to_owned();
        if let Some(certificate) = self.certificate {
            let _ = write!(curl, " --cacert {}", quote_for_shell(&certificate.to_string_lossy()));
        }
        // The generated certificate is valid only for loopback names, even if the server listens on another address.
        if self.certificate.is_some() && !self.is_reachable_by_loopback() {
            let host = match self.https.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            let _ = write!(curl, " --resolve 'localhost:{}:{host}'", self.https.port());
        }
        curl
    }

    fn url(&self) -> String {
        let port = self.https.port();
        match self.https.ip() {
            ip if self.certificate.is_none() && !ip.is_unspecified() => format!("https://{}", self.https),
            IpAddr::V6(ip) if ip.is_loopback() || ip.is_unspecified() => format!("https://[::1]:{port}"),
            IpAddr::V4(ip) if ip.is_unspecified() || ip.octets() == [127, 0, 0, 1] => {
                format!("https://127.0.0.1:{port}")
            }
            _ => format!("https://localhost:{port}"),
        }
    }

    fn is_reachable_by_loopback(&self) -> bool {
        !self.url().contains("localhost")
    }
}

struct Step {
    comment: &'static str,
    command: String,
}

/// Quotes the string as one word of a POSIX shell.
fn quote_for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(https: &str) -> String {
        banner_of(https, false)
    }

    fn banner_of(https: &str, shared: bool) -> String {
        let banner = Banner {
            https: https.parse().unwrap(),
            http: None,
            certificate: Some(Path::new("/it's here/tls.crt")),
            admin_email: "admin@example.com",
            seed: &Seed::AlreadyExists,
            rate_limit_mode: RateLimitMode::Enforce,
            shared,
        };
        banner.render()
    }

    #[test]
    fn first_line_names_the_address() {
        assert!(banner("127.0.0.1:4433").starts_with("listening on https://127.0.0.1:4433\n"));
    }

    #[test]
    fn banner_names_the_stores() {
        assert!(banner("127.0.0.1:1").contains("\nsessions and rate limits: in the database and in memory\n"));
        assert!(banner_of("127.0.0.1:1", true).contains("\nsessions and rate limits: in Redis (ACCOUNTS_REDIS_URL)\n"));
    }

    #[test]
    fn example_address_is_covered_by_the_certificate() {
        assert!(banner("127.0.0.1:1").contains(" https://127.0.0.1:1/api/me"));
        assert!(banner("0.0.0.0:1").contains(" https://127.0.0.1:1/api/me"));
        assert!(banner("[::]:1").contains(" https://[::1]:1/api/me"));
        let elsewhere = banner("192.0.2.7:1");
        assert!(elsewhere.contains(" https://localhost:1/api/me"));
        assert!(elsewhere.contains("--resolve 'localhost:1:192.0.2.7'"));
        assert!(banner("[2001:db8::7]:1").contains("--resolve 'localhost:1:[2001:db8::7]'"));
    }

    #[test]
    fn certificate_path_is_quoted_for_the_shell() {
        assert!(banner("127.0.0.1:1").contains(r"--cacert '/it'\''s here/tls.crt'"));
    }
}
