//! The Model Context Protocol, over stdio and over HTTP: plain messages, hostile ones, and the official Python client.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use lexivec::{Database, Document, Metric, Options};
use lexivec_server::access::{CollectionNames, KeyRing, NewKey, Role, Scope};
use lexivec_tests::{Killed, left_out};
use serde_json::{Value, json};

use crate::http::Running;
use crate::metrics::python;
use crate::{arg, lexivec};

const VERSION: &str = "2025-06-18";

/// A text that is longer than a passage and than what `get_documents` returns at once.
fn long_text() -> String {
    (0..4_000).map(|i| format!("word{i} ")).collect::<String>() + "slipstream at the end"
}

/// A directory with one collection of three documents.
fn shelf(path: &Path) {
    let database = Database::open(path).expect("opened");
    let papers =
        database.create("papers", Options::new().vector(2, Metric::Cosine)).expect("created");
    let documents = vec![
        Document::new("lift")
            .text_in("title", "Lift")
            .text("A wing in a slipstream lifts more.")
            .vector(vec![1.0, 0.0])
            .payload("year", 1958)
            .payload("place", json!({"city": "Cranfield"})),
        Document::new("heat")
            .text("Heat in a boundary layer.")
            .vector(vec![0.0, 1.0])
            .payload("year", 1961),
        Document::new("long").text(long_text()).payload("note", "x".repeat(1_000)),
    ];
    papers.upsert(documents).expect("written");
    papers.flush().expect("flushed");
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": VERSION, "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}}})
}

fn call(id: u64, tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}})
}

/// A client that speaks with something that serves tools.
trait Client {
    /// The answer to a request.
    fn ask(&mut self, request: &Value) -> Value;

    /// The value that a tool gives; its text is the same as JSON.
    fn tool(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask(&call(1, tool, arguments));
        let result = &answer["result"];
        assert_eq!(result["isError"], false, "{answer}");
        let text = result["content"][0]["text"].as_str().expect("a text");
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(value, result["structuredContent"]);
        value
    }

    /// The text of a tool that fails.
    fn fails(&mut self, tool: &str, arguments: Value) -> String {
        let answer = self.ask(&call(1, tool, arguments));
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// The names of the tools.
    fn names(&mut self) -> Vec<String> {
        let answer = self.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
        let tools = answer["result"]["tools"].as_array().expect("tools");
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }
}

/// The command, as a client starts it.
struct Piped {
    child: Killed,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Piped {
    fn start(args: &[&str]) -> Self {
        let mut child = lexivec_tests::bare(["mcp"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("stdout"));
        let mut client = Self { child: Killed(child), input, output: BufReader::new(output) };
        let answer = client.ask(&initialize());
        assert_eq!(answer["result"]["protocolVersion"], VERSION, "{answer}");
        assert_eq!(answer["result"]["serverInfo"]["name"], "lexivec");
        client.send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
        client
    }

    fn send(&mut self, text: &str) {
        self.input.as_mut().expect("stdin").write_all(text.as_bytes()).expect("sent");
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("stdout has messages alone")
    }
}

impl Client for Piped {
    fn ask(&mut self, request: &Value) -> Value {
        self.send(&format!("{request}\n"));
        let answer = self.next();
        assert_eq!(answer["id"], request["id"], "{answer}");
        answer
    }
}

/// One request for each message, with a key if there is one.
struct Http<'s>(&'s Running, Option<String>);

impl Http<'_> {
    fn post(&self, body: &str, accept: &str) -> (u16, Value) {
        let mut request = ureq::post(format!("http://{}/mcp", self.0.address))
            .config()
            .http_status_as_error(false)
            .build()
            .header("content-type", "application/json")
            .header("accept", accept);
        if let Some(key) = &self.1 {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut answer = request.send(body).expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

const BOTH: &str = "application/json, text/event-stream";

impl Client for Http<'_> {
    fn ask(&mut self, request: &Value) -> Value {
        let (status, answer) = self.post(&request.to_string(), BOTH);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["id"], request["id"], "{answer}");
        answer
    }
}

/// Every tool that reads, whatever the way to it.
fn read(client: &mut impl Client) {
    let listed = client.tool("list_collections", json!({}));
    assert_eq!(listed, json!({"collections": [{"name": "papers", "documents": 3}]}));

    let about = client.tool("describe_collection", json!({"collection": "papers"}));
    assert_eq!(about["documents"], 3);
    assert_eq!(about["vector_fields"], json!([{"name": "vector", "dim": 2, "metric": "cosine"}]));
    assert_eq!(about["makes_vectors"], false);
    let year = json!({"path": "year", "kinds": ["number"], "example": 1961});
    let paths = about["payload"].as_array().expect("paths");
    assert!(paths.contains(&year), "{about}");
    assert!(paths.iter().any(|path| path["path"] == "place.city"), "{about}");

    let ask = json!({"collection": "papers", "text": "slipstream"});
    let found = client.tool("search", ask.clone());
    let hits = found["hits"].as_array().expect("hits");
    assert_eq!(hits.iter().map(|hit| &hit["id"]).collect::<Vec<_>>(), ["lift", "long"]);
    assert!(hits.iter().all(|hit| hit.get("ledger").is_none()), "{found}");
    let passages = |hit: &Value| -> Vec<String> {
        let list = hit["passages"].as_array().expect("passages").iter();
        list.map(|passage| passage["text"].as_str().expect("a text").to_owned()).collect()
    };
    assert!(passages(&hits[0]).contains(&"A wing in a slipstream lifts more.".to_owned()));
    let of_long = passages(&hits[1]);
    assert!(of_long.iter().any(|text| text.contains("slipstream") && text.len() < 1_000));
    let note = hits[1]["payload"]["note"].as_str().expect("a note");
    assert!(note.ends_with('…') && note.len() < 400, "{note}");

    // A hit of the vector leg has the beginning of its text.
    let by_vector = json!({"collection": "papers", "vector": [0, 1], "limit": 1});
    let found = client.tool("search", by_vector);
    assert_eq!(found["hits"][0]["id"], "heat");
    assert_eq!(passages(&found["hits"][0]), ["Heat in a boundary layer."]);

    for filter in [json!("year < 1960"), json!({"year": {"$lt": 1960}})] {
        let mut asked = ask.clone();
        asked["filter"] = filter;
        let found = client.tool("search", asked);
        assert_eq!((&found["matching"], &found["hits"][0]["id"]), (&json!(1), &json!("lift")));
    }
    let explained = client.tool(
        "search",
        json!({"collection": "papers", "text": "slipstream", "vector": [1, 0], "mode": "hybrid",
            "fusion": "scores", "vector_share": 0.5, "limit": 1, "passages": 0, "explain": true}),
    );
    assert!(explained["plan"].is_array() && explained["hits"][0].get("passages").is_none());
    assert_eq!(explained["hits"][0]["ledger"]["score"], explained["hits"][0]["score"]);

    let ids = json!(["long", "no such", "lift"]);
    let read = client.tool("get_documents", json!({"collection": "papers", "ids": ids}));
    assert_eq!(read["missing"], json!(["no such"]));
    assert_eq!(read["documents"][1]["payload"]["place"]["city"], "Cranfield");
    assert_eq!(read["documents"][0]["payload"]["note"], "x".repeat(1_000));
    let (mut text, mut next) = (String::new(), json!(0));
    while !next.is_null() {
        let part = client.tool(
            "get_documents",
            json!({"collection": "papers", "ids": ["long"], "from_char": next}),
        );
        let part = &part["documents"][0]["texts"]["text"];
        text.push_str(part["text"].as_str().expect("a text"));
        next = part["next_char"].clone();
    }
    assert_eq!(text, long_text());
}

/// The refusals of the tools, with the reason in each.
fn refuse(client: &mut impl Client) {
    for (tool, arguments, expected) in [
        ("search", json!({"collection": "papers"}), "give text, vector, or both"),
        ("search", json!({"text": "wing"}), "missing field `collection`"),
        ("search", json!({"collection": "none", "text": "a"}), "list_collections gives the names"),
        ("search", json!({"collection": "papers", "text": "a", "k": 3}), "unknown field `k`"),
        ("search", json!({"collection": "papers", "text": "a", "limit": 51}), "limit of 50"),
        ("search", json!({"collection": "papers", "text": "a", "filter": "year >"}), "filter"),
        ("search", json!({"collection": "papers", "text": "a", "filter": 5}), "filter"),
        ("search", json!({"collection": "papers", "text": "a", "fusion": "best"}), "best"),
        ("search", json!({"collection": "papers", "vector": [1]}), "components"),
        ("search", json!({"collection": "papers", "text": "a", "profile": "p"}), "profile"),
        (
            "search",
            json!({"collection": "papers", "text": "a", "fusion": "rrf", "vector_share": 0.5}),
            "vector_share",
        ),
        ("get_documents", json!({"collection": "papers", "ids": []}), "at least one"),
        ("get_documents", json!({"collection": "papers", "ids": vec!["a"; 51]}), "limit of 50"),
        ("list_collections", json!({"a": 1}), "unknown field `a`"),
        ("describe_collection", json!({"collection": "../papers"}), "No such collection"),
    ] {
        let text = client.fails(tool, arguments.clone());
        assert!(text.contains(expected), "{tool} {arguments}: {text:?} lacks {expected:?}");
    }
    for (method, code) in [("no/such", -32601), ("resources/list", -32601)] {
        let answer = client.ask(&json!({"jsonrpc": "2.0", "id": 7, "method": method}));
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    let answer = client.ask(&call(8, "drop_everything", json!({})));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|m| m.contains("list_collections")));
}

/// Documents that are written, found and deleted.
fn write(client: &mut impl Client) {
    let documents = json!([{"id": "new", "title": "New", "text": "A propeller", "payload": {"year": 2001}},
        {"id": "other", "text": {"title": "T", "text": "Another propeller"}}]);
    let add = json!({"collection": "papers", "documents": documents});
    let written = client.tool("add_documents", add);
    assert_eq!((&written["written"], &written["durable"]), (&json!(2), &json!(true)));
    let ask = json!({"collection": "papers", "text": "propeller"});
    assert_eq!(client.tool("search", ask.clone())["hits"].as_array().map(Vec::len), Some(2));
    for (documents, expected) in [
        (json!([{"id": "a"}, {"id": "b", "txt": 1}]), "unknown field `txt`"),
        (json!([{"id": "a", "vector": [1, 2, 3]}]), "components"),
        (json!([]), "at least one"),
    ] {
        let add = json!({"collection": "papers", "documents": documents});
        let text = client.fails("add_documents", add);
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
    }
    let removed = json!({"collection": "papers", "ids": ["new", "other", "never"]});
    assert_eq!(client.tool("delete_documents", removed)["deleted"], 2);
    assert_eq!(client.tool("search", ask)["hits"], json!([]));
}

const READS: [&str; 4] = ["list_collections", "describe_collection", "search", "get_documents"];
const WRITES: [&str; 2] = ["add_documents", "delete_documents"];

#[test]
fn an_agent_reads_over_stdio_next_to_a_writer() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let server = Running::start(&root);
    let mut client = Piped::start(&[arg(&root)]);
    assert_eq!(client.names(), READS);
    read(&mut client);
    refuse(&mut client);
    let answer = client.ask(&call(3, "add_documents", json!({})));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");

    // What the server writes, creates and drops is seen at the next call.
    let count = |client: &mut Piped, text: &str| {
        let found = client.tool("search", json!({"collection": "papers", "text": text}));
        found["hits"].as_array().expect("hits").len()
    };
    assert_eq!(count(&mut client, "propeller"), 0);
    let row = json!({"id": "p", "text": "propeller"});
    assert_eq!(server.json("POST", "/v1/collections/papers/documents", &row).0, 200);
    assert_eq!(count(&mut client, "propeller"), 1);
    assert_eq!(server.json("POST", "/v1/collections/papers/flush", &json!({})).0, 200);
    assert_eq!(count(&mut client, "propeller"), 1);
    assert_eq!(server.json("PUT", "/v1/collections/second", &json!({})).0, 201);
    assert_eq!(client.tool("describe_collection", json!({"collection": "second"}))["documents"], 0);
    assert_eq!(server.call("DELETE", "/v1/collections/second", "", "").0, 204);
    let text = client.fails("search", json!({"collection": "second", "text": "a"}));
    assert!(text.starts_with("No such collection"), "{text}");
    let listed = client.tool("list_collections", json!({}));
    assert_eq!(listed, json!({"collections": [{"name": "papers", "documents": 4}]}));
}

#[test]
fn an_agent_writes_over_stdio_if_it_may() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    {
        let mut client = Piped::start(&[arg(&root), "--write"]);
        assert_eq!(client.names(), [&READS[..], &WRITES].concat());
        read(&mut client);
        write(&mut client);
        // A second writer is refused, and a reader is not.
        let second = lexivec(&["mcp", arg(&root), "--write"]);
        let stderr = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("open for writing"), "{stderr}");
        assert!(second.stdout.is_empty());
        assert_eq!(Piped::start(&[arg(&root)]).names(), READS);
        // The end of stdin is the end of the process.
        client.input = None;
        assert!(client.child.0.wait().expect("ended").success());
    }
    let missing = lexivec(&["mcp", arg(&scratch.path().join("none"))]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("does not exist"));
}

#[test]
fn one_collection_is_served_by_its_directory() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let inside = std::fs::read_dir(&root).expect("listed").map(|entry| entry.expect("one").path());
    let one = inside.into_iter().find(|path| path.is_dir()).expect("a collection");
    read(&mut Piped::start(&[arg(&one)]));
}

/// Lines that are no messages, or too long: the next message is answered, and nothing else is on stdout.
#[test]
fn hostile_lines_keep_nothing_from_the_next_message() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let mut client = Piped::start(&[arg(&root)]);
    let deep = format!("{}\n", "[".repeat(100_000));
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"{}\"}}\n", "x".repeat(3 << 20));
    for line in ["\n", "not JSON\n", "{\"id\":\n", "\u{0}\u{1}\n", &deep, &long] {
        client.send(line);
        assert_eq!(client.names(), READS, "after {:?}", line.get(..20));
    }
    // JSON that is no message has an error without an id.
    let batch = format!("[{},{}]\n", call(1, "list_collections", json!({})), initialize());
    for line in ["5\n", "{}\n", "[]\n", &batch] {
        client.send(line);
        let answer = client.next();
        assert_eq!(answer["error"]["code"], -32600, "{line}: {answer}");
        assert_eq!(client.names(), READS, "{line}");
    }
    // A call that is cancelled before it is read, and an answer without a question.
    for line in [
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}}),
        json!({"jsonrpc": "2.0", "id": 99, "result": {}}),
        json!({"jsonrpc": "2.0", "method": "notifications/no/such"}),
    ] {
        client.send(&format!("{line}\n"));
        assert_eq!(client.names(), READS, "{line}");
    }
}

#[test]
fn an_agent_reads_and_writes_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let server = Running::start(&root);
    let mut client = Http(&server, None);
    let answer = client.ask(&initialize());
    assert_eq!(answer["result"]["serverInfo"]["name"], "lexivec");
    assert!(answer["result"]["instructions"].as_str().is_some_and(|i| i.contains("add_documents")));
    assert_eq!(client.names(), [&READS[..], &WRITES].concat());
    read(&mut client);
    refuse(&mut client);
    write(&mut client);
}

#[test]
fn messages_over_http_pass_the_checks_of_all_requests() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let server = Running::start(&root);
    let client = Http(&server, None);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    assert_eq!(client.post(&list, BOTH).0, 200);
    let (status, answer) = client.post(&list, "text/html");
    assert_eq!((status, &answer["code"]), (406, &json!("invalid_request")));
    assert!(answer["detail"].as_str().is_some_and(|d| d.contains("text/event-stream")), "{answer}");
    let batch = format!("[{list},{list}]");
    for body in ["not JSON", "{}", "5", &batch, &"[".repeat(100_000)] {
        let (status, answer) = client.post(body, BOTH);
        assert!((400..500).contains(&status), "{status} {answer}");
    }
    let (status, answer) = client.post(&format!("\"{}\"", "x".repeat(2 << 20)), BOTH);
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_request")), "{answer}");
    let notified = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    assert_eq!(client.post(&notified, BOTH).0, 202);
    for method in ["GET", "DELETE", "PUT"] {
        assert_eq!(server.call(method, "/mcp", "application/json", "").0, 405, "{method}");
    }
    assert_eq!(server.call("POST", "/mcp", "text/plain", &list).0, 415);
    for (name, value) in [("host", "evil.example"), ("origin", "http://evil.example")] {
        let refused = ureq::post(format!("http://{}/mcp", server.address))
            .config()
            .http_status_as_error(false)
            .build()
            .header("content-type", "application/json")
            .header("accept", BOTH)
            .header(name, value)
            .send(&list)
            .expect("an answer");
        assert_eq!(refused.status().as_u16(), 403, "{name}");
    }
}

/// A key sees and changes through the tools what it sees and changes through all routes.
#[test]
fn a_key_confines_the_tools() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let ring = KeyRing::open(&root).expect("opened");
    let mut names = 0..;
    let mut key = |role: Role, scope: Scope| {
        let name = format!("key {}", names.next().unwrap_or(0));
        let new = NewKey { name, role, scope, expires: None };
        Some(ring.store().create(new, 1).expect("made").0.reveal())
    };
    let tenant = |name: &str| Scope::of_tenant(CollectionNames::all(), name);
    let others = CollectionNames::of(["others-*".to_owned()]);
    let keys = [
        key(Role::Reader, Scope::everything()),
        key(Role::Writer, tenant("a")),
        key(Role::Reader, tenant("b")),
        key(Role::Writer, Scope { collections: others, ..Scope::everything() }),
    ];
    let server = Running::start(&root);
    let [mut reader, mut writer, mut tenant, mut elsewhere] = keys.map(|key| Http(&server, key));
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    assert_eq!(Http(&server, None).post(&list, BOTH).0, 401);

    assert_eq!(reader.names(), READS);
    read(&mut reader);
    let row = json!({"id": "of-a", "text": "propeller"});
    let add = json!({"collection": "papers", "documents": [row]});
    let answer = reader.ask(&call(1, "add_documents", add.clone()));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");

    assert_eq!(writer.names(), [&READS[..], &WRITES].concat());
    let count = |client: &mut Http| {
        let found = client.tool("search", json!({"collection": "papers", "text": "propeller"}));
        let about = client.tool("describe_collection", json!({"collection": "papers"}));
        (found["hits"].as_array().map_or(0, Vec::len), about["documents"].as_u64().unwrap_or(0))
    };
    assert_eq!(count(&mut writer), (0, 0));
    assert_eq!(writer.tool("add_documents", add)["written"], 1);
    assert_eq!(count(&mut writer), (1, 1));
    assert_eq!(count(&mut reader), (1, 4));
    assert_eq!(count(&mut tenant), (0, 0));
    let asked = json!({"collection": "papers", "ids": ["of-a", "lift"]});
    let found = tenant.tool("get_documents", asked.clone());
    assert_eq!(found["missing"], json!(["of-a", "lift"]), "{found}");
    let about = tenant.tool("describe_collection", json!({"collection": "papers"}));
    assert_eq!(about["payload"], json!([]));
    // Rows of others are not deleted, and not replaced.
    assert_eq!(writer.tool("delete_documents", asked)["deleted"], 1);
    let taken = json!({"collection": "papers", "documents": [{"id": "lift", "text": "mine"}]});
    writer.fails("add_documents", taken);
    assert_eq!(count(&mut reader).1, 3);

    let listed = elsewhere.tool("list_collections", json!({}));
    assert_eq!(listed, json!({"collections": []}));
    let text = elsewhere.fails("search", json!({"collection": "papers", "text": "wing"}));
    assert!(text.starts_with("No such collection"), "{text}");
}

/// The official client, unchanged, over both transports. Skipped if Python lacks it; under CI that fails.
#[test]
fn the_official_python_client_works_unchanged() {
    let there = Command::new(python()).args(["-c", "import mcp, jsonschema"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI needs the client; `make test` installs it");
        left_out("the Python package mcp; `make test`");
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    shelf(&root);
    let server = Running::start(&root);
    let output = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("agent.py"))
        .arg(lexivec_tests::command())
        .arg(&root)
        .arg(format!("http://{}/mcp", server.address))
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (transport, tools) in [("stdio", READS.len()), ("http", READS.len() + WRITES.len())] {
        let seen = &answer[transport];
        assert_eq!(seen["server"], "lexivec", "{answer}");
        assert_eq!(seen["tools"], tools, "{answer}");
        assert_eq!(seen["hits"], json!(["lift", "long"]), "{answer}");
        assert_eq!(seen["error"], true, "{answer}");
    }
    assert_eq!(answer["http"]["written"], 1, "{answer}");
}
