//! An unmodified client of the Model Context Protocol: the package `@modelcontextprotocol/client` from npm.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use palisade_tests::node::{packages, script};
use serde_json::Value;

/// The client, which ends with this value.
pub struct McpClient(Child);

impl McpClient {
    /// `None` if it is not installed.
    pub fn start() -> Option<Self> {
        let folder = packages("provider", &[])?;
        let mut node = Command::new("node");
        node.arg(script("provider", "mcp.mjs", &folder)).stdin(Stdio::piped()).stdout(Stdio::piped());
        Some(Self(node.spawn().expect("node starts")))
    }

    /// Sends a line, and returns the answer. The client waits in a thread of its own, because the server runs in this one.
    pub async fn ask(&mut self, line: Value) -> Value {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.next().await
    }

    /// The next answer.
    pub async fn next(&mut self) -> Value {
        let output = self.0.stdout.take().unwrap();
        let (output, answer) = tokio::task::spawn_blocking(move || {
            let mut output = BufReader::new(output);
            let mut answer = String::new();
            output.read_line(&mut answer).unwrap();
            (output.into_inner(), answer)
        })
        .await
        .unwrap();
        self.0.stdout = Some(output);
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("not an answer of the client: {answer:?}"))
    }
}

impl Drop for McpClient {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("the client ends");
    }
}
