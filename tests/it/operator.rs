//! A server process as its operator sees it: the lines of its log, its metrics, and limits that change under it.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};

use lexivec_tests::{Killed, bare, left_out, listening};
use serde_json::{Value, json};

use crate::arg;
use crate::http::{Running, agent};
use crate::keyed::send;

/// A word that a log must not have.
const SECRET: &str = "zygomorphic";

/// A process of `lexivec serve` that logs JSON.
struct Served {
    process: Killed,
    address: String,
    log: Lines<BufReader<ChildStderr>>,
}

impl Served {
    fn start(dir: &Path, options: &[&str]) -> Self {
        let mut serve = bare(["serve", arg(dir), "--create", "--port", "0", "--json"]);
        serve.args(["--log-format", "json"]).args(options).stderr(Stdio::piped());
        let (mut process, ready) = listening(serve).expect("started");
        let address = ready["address"].as_str().expect("an address").to_owned();
        let log = BufReader::new(process.0.stderr.take().expect("piped")).lines();
        Self { process, address, log }
    }

    fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        send(&agent(), &format!("http://{}{path}", self.address), method, body, key)
    }

    /// The next line of the log that has a text in it.
    fn line_with(&mut self, text: &str) -> Value {
        let found = self.log.by_ref().map(|line| line.expect("a line")).find(|l| l.contains(text));
        let line = found.unwrap_or_else(|| panic!("no line has {text}"));
        serde_json::from_str(&line).expect("JSON")
    }

    fn signal(&self, name: &str) {
        let id = self.process.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().expect("sent");
        assert!(sent.success());
    }

    /// Ends it, and gives the lines of the log that were not read.
    fn end(mut self) -> String {
        self.signal("-TERM");
        let left: Vec<String> = self.log.by_ref().map(|line| line.expect("a line")).collect();
        assert!(self.process.0.wait().expect("ended").success());
        left.join("\n")
    }
}

/// Makes a collection of two rows, and searches it by a word and a vector.
fn search(server: &Served) {
    let fields = json!({"vectors": [{"name": "vector", "dim": 2, "metric": "cosine"}]});
    assert_eq!(server.call("PUT", "/v1/collections/papers", None, &fields).0, 201);
    let rows = json!([
        {"id": "a", "text": format!("a {SECRET} wing"), "vector": [1, 0]},
        {"id": "b", "text": "heat", "vector": [0, 1]},
    ]);
    let written = server.call("POST", "/v1/collections/papers/documents", None, &rows);
    assert_eq!(written.0, 200, "{}", written.1);
    let request = json!({"text": SECRET, "vector": [1, 0.5]});
    let (status, found) = server.call("POST", "/v1/collections/papers/search", None, &request);
    assert_eq!((status, &found["hits"][0]["id"]), (200, &json!("a")), "{found}");
}

#[test]
fn slow_searches_are_logged_with_stages_and_plan_and_words_only_if_asked_for() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut server = Served::start(&scratch.path().join("a"), &["--slow-query-ms", "0"]);
    search(&server);
    let line = server.line_with("lexivec::slow");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["route"], "/v1/collections/{collection}/search");
    assert_eq!(line["collection"], "papers");
    let inner = |name: &str| -> Value {
        serde_json::from_str(line[name].as_str().expect("JSON as text")).expect("JSON")
    };
    let stages = inner("stages");
    for stage in ["body", "wait", "prepare", "filter", "text", "vector", "fuse", "read", "write"] {
        assert!(stages[stage].as_f64().is_some_and(|took| took >= 0.0), "{stage} of {stages}");
    }
    let plan = inner("plan");
    assert_eq!(plan["segments"][0]["matching"], 2, "{plan}");
    assert!(plan["segments"][0]["strategy"].is_string(), "{plan}");
    let rest = server.end();
    assert!(!line.to_string().contains(SECRET) && !rest.contains(SECRET), "{line} {rest}");

    let mut server =
        Served::start(&scratch.path().join("b"), &["--slow-query-ms", "0", "--log-queries"]);
    search(&server);
    let body = server.line_with("lexivec::slow")["body"].clone();
    assert!(body.as_str().is_some_and(|body| body.contains(SECRET)), "{body}");
    server.end();

    let server = Served::start(&scratch.path().join("c"), &["--slow-query-ms", "3600000"]);
    search(&server);
    assert!(!server.end().contains("lexivec::slow"), "nothing took an hour");
}

#[test]
fn limits_are_read_again_on_sighup_and_faulty_ones_change_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (file, db) = (scratch.path().join("server.toml"), scratch.path().join("db"));
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("requests-per-second = 0.0001\nburst = 2");
    let mut server = Served::start(&db, &["--config", arg(&file)]);
    let new = json!({"name": "root", "role": "site_admin"});
    let (status, made) = server.call("POST", "/v1/keys", None, &new);
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().expect("a key").to_owned();
    let list = |server: &Served| server.call("GET", "/v1/collections", Some(&key), &Value::Null).0;
    assert_eq!([list(&server), list(&server), list(&server)], [200, 200, 429]);
    write("burst = 0");
    server.signal("-HUP");
    let fault = server.line_with("the changed limits are not used");
    assert_eq!(fault["level"], "ERROR");
    assert!(fault["fault"].as_str().is_some_and(|f| f.contains("burst")), "{fault}");
    assert_eq!(list(&server), 429);
    write("requests-per-second = 0.0001\nburst = 4");
    server.signal("-HUP");
    server.line_with("the changed limits of keys and tenants hold");
    assert_eq!([list(&server), list(&server), list(&server)], [200, 200, 429]);
}

#[test]
fn metrics_are_in_the_form_and_by_the_conventions_of_prometheus() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    server.json("PUT", "/v1/collections/papers", &json!({}));
    server.json("POST", "/v1/collections/papers/documents", &json!([{"id": "a", "text": "wing"}]));
    server.json("POST", "/v1/collections/papers/search", &json!({"text": "wing"}));
    let (status, _, text) = server.call("GET", "/metrics", "application/json", "");
    assert_eq!(status, 200);
    for stage in ["body", "wait", "text", "write"] {
        let count = format!("lexivec_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        assert!(text.lines().any(|line| line.starts_with(&count)), "{count} is not in {text}");
    }
    if Command::new("promtool").arg("--version").output().is_err() {
        return left_out("promtool, of Debian's package prometheus");
    }
    assert_eq!(promtool(&text), Ok(()));
    // A counter whose name does not end as those of counters do.
    let control = "# HELP lexivec_x Of a test.\n# TYPE lexivec_x counter\nlexivec_x 1\n";
    promtool(control).expect_err("the control is not found");
}

/// The complaints of Prometheus' checker about metrics.
fn promtool(text: &str) -> Result<(), String> {
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = check.stderr(Stdio::piped()).spawn().expect("started");
    let mut stdin = check.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("sent");
    drop(stdin);
    let output = check.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
}
