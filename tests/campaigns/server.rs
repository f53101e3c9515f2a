//! A server of the real command as a child process, and a connection to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Killed;

/// Longest time that one answer may take.
const LONGEST: Duration = Duration::from_secs(5);

/// A server that is killed, whatever happens.
pub(super) struct Server {
    child: Killed,
    address: String,
}

impl Server {
    /// Starts a server of a directory; returns once it listens.
    pub(super) fn start(dir: &Path) -> Result<Self, String> {
        Self::start_with(dir, &[])
    }

    /// Starts a server of a directory with further options; returns once it listens.
    pub(super) fn start_with(dir: &Path, options: &[&str]) -> Result<Self, String> {
        let mut serve = Command::new(crate::command());
        serve.args(["serve", &dir.to_string_lossy(), "--bind", "127.0.0.1:0", "--json"]);
        serve.args(options).stderr(Stdio::null());
        let (child, ready) = crate::listening(serve)?;
        let address = ready["address"].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, address })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Its exit status, if it has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.0.try_wait().ok().flatten()
    }

    pub(super) fn connect(&self) -> Option<Stream> {
        let stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(LONGEST)).ok()?;
        Some(Stream(BufReader::new(stream)))
    }
}

/// One connection to a server, over which one request after another goes.
pub(super) struct Stream(BufReader<TcpStream>);

impl Stream {
    /// Sends a request; returns status and body, `None` if the server has stopped or does not answer in time.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &Value) -> Option<(u16, String)> {
        self.send_with(method, path, body, None)
    }

    /// Sends a request with a key, as [`send`](Self::send) does.
    pub(super) fn send_with(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Option<(u16, String)> {
        let body = body.to_string();
        let key = key.map_or(String::new(), |key| format!("api-key: {key}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        self.0.read_line(&mut line).ok().filter(|&n| n > 0)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.0.read_line(&mut header).ok().filter(|&n| n > 0)?;
            let header = header.trim().to_ascii_lowercase();
            if let Some(n) = header.strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            if header.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).ok()?;
        Some((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}
