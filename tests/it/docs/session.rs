//! A scratch directory with a shell, a server and a client, in which the commands of a page run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use lexivec_tests::Killed;

/// Address that pages name; the server under test has another port.
const SHOWN: &str = "127.0.0.1:8009";

/// Directory that pages name; the scratch directory has another path.
const HOME: &str = "/home/you";

/// State shared by the commands of one page.
pub(super) struct Session {
    scratch: tempfile::TempDir,
    server: Option<Server>,
}

struct Server {
    /// Held for its end.
    _child: Killed,
    address: String,
}

impl Session {
    /// A new session; `tests/` of the repository can be read in its directory.
    pub(super) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
        std::os::unix::fs::symlink(tests, scratch.path().join("tests")).expect("linked");
        Self { scratch, server: None }
    }

    /// Runs a command and returns what it printed.
    ///
    /// # Errors
    /// When the command fails: with what it printed, and how it ended.
    pub(super) fn run(&mut self, command: &str) -> Result<String, String> {
        if let Some(serve) = command.strip_suffix(" &") {
            return Ok(self.serve(serve));
        }
        if command == "kill %1" {
            assert!(self.server.take().is_some(), "there is no server to stop");
            return Ok(String::new());
        }
        if command.starts_with("curl ") {
            return Ok(self.curl(command));
        }
        let output = self.shell(&format!("exec 2>&1\n{command}")).output().expect("a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let text = text.replace(&*self.scratch.path().to_string_lossy(), HOME);
        match output.status.success() {
            true => Ok(text),
            false => Err(format!("{text}it ended with {}", output.status)),
        }
    }

    fn shell(&self, script: &str) -> Command {
        let built = lexivec_tests::command();
        let folder = built.parent().expect("a folder").display();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(self.scratch.path()).stdin(Stdio::null());
        lexivec_tests::without_settings(&mut shell);
        shell.env("PATH", path).env("HOME", self.scratch.path()).env("NO_COLOR", "1");
        shell.env("LC_ALL", "C").env_remove("XDG_DATA_HOME");
        shell
    }

    /// Starts a server on a free port and returns the line it prints once it listens.
    fn serve(&mut self, command: &str) -> String {
        self.server = None;
        let mut shell = self.shell(&format!("exec {command}"));
        shell.env("LEXIVEC_BIND", "127.0.0.1:0").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = shell.spawn().expect("a shell");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let line = lines.next().expect("a line of the server").expect("read");
        // The rest is read so that the server never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("http://").nth(1).map(|a| a.trim_end_matches('/').to_owned());
        let server = Server { _child: Killed(child), address: address.unwrap_or_default() };
        assert!(!server.address.is_empty(), "{command} printed {line:?}");
        let shown = line.replace(&server.address, SHOWN) + "\n";
        self.server = Some(server);
        shown
    }

    /// Sends what a call of curl means and returns the body, and what its option `-w` adds.
    fn curl(&self, command: &str) -> String {
        let words = words(command);
        let (mut method, mut kind, mut body) = (None, None, None);
        let (mut url, mut after, mut accept) = (String::new(), String::new(), None);
        let mut rest = words.into_iter().skip(1);
        while let Some(word) = rest.next() {
            let mut value =
                || rest.next().unwrap_or_else(|| panic!("{command}: {word} wants a value"));
            match word.as_str() {
                "-s" => {}
                "-X" => method = Some(value()),
                "-H" => match value().to_lowercase().split_once(": ") {
                    Some(("accept", value)) => accept = Some(value.to_owned()),
                    Some(("content-type", value)) => kind = Some(value.to_owned()),
                    _ => panic!("{command}: another header"),
                },
                "--json" => (body, kind) = (Some(value()), Some("application/json".to_owned())),
                "--data-binary" => body = Some(value()),
                "-w" => after = value(),
                _ => url = word,
            }
        }
        if let Some(file) = body.as_ref().and_then(|b| b.strip_prefix('@')) {
            body = Some(std::fs::read_to_string(self.scratch.path().join(file)).expect("the body"));
        }
        let path =
            url.strip_prefix("localhost:8009").unwrap_or_else(|| panic!("{command}: {url:?}"));
        let method =
            method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
        let header = |name: &str, value: Option<String>| {
            value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default()
        };
        let headers = header("content-type", kind) + &header("accept", accept);
        let (status, answer) = self.call(&method, path, &headers, &body.unwrap_or_default());
        answer + &after.replace("%{http_code}", &status).replace("\\n", "\n")
    }

    fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
        let server = self.server.as_ref().expect("a server that was started on the page");
        let mut stream = TcpStream::connect(&server.address).expect("connected");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status").to_owned();
        (status, body.to_owned())
    }
}

/// The words of a command, as a shell parts them.
fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == '\\' => {
                if let Some(next) = rest.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
