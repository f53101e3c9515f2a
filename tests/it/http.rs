//! The server over real connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use lexivec_server::{Config, Server};
use serde_json::{Value, json};

/// A server on a free port, stopped when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) agent: ureq::Agent,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A client that takes every status for an answer. It makes a connection for each request: one whose body was not read,
/// as that of a request that is refused, is closed by the server.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .build()
        .new_agent()
}

impl Running {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::with(Config::new(directory))
    }

    pub(crate) fn with(mut config: Config) -> Self {
        config.bind = "127.0.0.1:0".parse().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let server = Server::start(config).await.expect("started");
                ready.send(server.address().expect("an address")).expect("sent");
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = address.recv().expect("the server listens");
        Self { address, agent: agent(), stop: Some(stop), thread: Some(thread) }
    }

    /// Status, content type and body of an answer.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (u16, String, String) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", kind)
            .body(body.to_owned())
            .expect("a request");
        let config = self.agent.configure_request(request).allow_non_standard_methods(true).build();
        let mut answer = self.agent.run(config).expect("an answer");
        let kind =
            answer.headers().get("content-type").map(|v| v.to_str().expect("text").to_owned());
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), kind.unwrap_or_default(), body)
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, _, answer) = self.call(method, path, "application/json", &text);
        (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    /// Sends bytes as they are and gives what comes back.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        stream.write_all(bytes).expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A path below the collection of the test.
fn at(rest: &str) -> String {
    format!("/v1/collections/wings/{rest}")
}

/// A hybrid request with most of its knobs.
fn hybrid() -> Value {
    json!({"text": "flow", "vector": [1, 1], "filter": {"n": {"$gte": 2}},
        "fusion": {"weighted": {"alpha": 0.5}}, "explain": true, "with_text": true})
}

#[test]
fn a_collection_from_its_creation_to_its_end() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    {
        let server = Running::start(&root);
        create_and_write(&server);
        search(&server);
        search_in_batches(&server);
        explain(&server);
        group_and_count(&server);
        measure_recall(&server);
        read_and_patch(&server);
        scroll_and_delete(&server);
        maintain(&server);
    }
    let server = Running::start(&root);
    assert_eq!(server.json("GET", "/v1/collections/wings", &json!(null)).1["documents"], 4);
    // Its snapshot is not lost by the way.
    assert_eq!(server.call("DELETE", "/v1/collections/wings", "", "").0, 409);
    assert_eq!(server.call("DELETE", "/v1/collections/wings?snapshots=true", "", "").0, 204);
    assert_eq!(server.json("GET", "/v1/collections/wings", &json!(null)).0, 404);
    let left =
        std::fs::read_dir(&root).expect("listed").map(|entry| entry.expect("one").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["LOCK"], "the files remain");
}

/// A collection, and four documents as JSON and as JSON lines.
fn create_and_write(server: &Running) {
    assert_eq!(server.json("GET", "/v1/collections", &json!(null)).1, json!({"collections": []}));
    let vectors = json!({"vectors": [{"name": "vector", "dim": 2, "metric": "l2"}]});
    let (status, made) = server.json("PUT", "/v1/collections/wings", &vectors);
    assert_eq!((status, &made["name"]), (201, &json!("wings")));
    assert_eq!(server.json("PUT", "/v1/collections/wings", &vectors).0, 409);

    let documents = json!([
        {"id": "a", "title": "wing", "text": "a wing", "vector": [0, 0], "payload": {"n": 1}},
        {"id": "b/ü", "text": "a wing and a flow", "vector": [1, 1], "payload": {"n": 2}},
    ]);
    let path = &at("documents");
    let (status, receipt) = server.json("POST", path, &documents);
    assert_eq!((status, &receipt["written"]), (200, &json!(2)));
    let lines = "{\"id\":\"c\",\"text\":\"flow\"}\n\n{\"id\":\"d\",\"text\":\"heat\"}\n";
    let (status, kind, answer) = server.call("POST", path, "application/x-ndjson", lines);
    assert_eq!((status, kind.as_str(), answer.lines().count()), (200, "application/x-ndjson", 2));
}

/// Text and hybrid searches.
fn search(server: &Running) {
    let search = &at("search");
    let (status, found) = server.json("POST", search, &json!({"text": "wing", "top_k": 5}));
    assert_eq!((status, found["hits"].as_array().map(Vec::len)), (200, Some(2)));
    assert_eq!(found["hits"][0]["id"], "a");
    let hybrid = hybrid();
    let found = server.json("POST", search, &hybrid).1;
    let hit = &found["hits"][0];
    assert_eq!((&hit["id"], &hit["text"]["text"]), (&json!("b/ü"), &json!("a wing and a flow")));
    assert_eq!(hit["ledger"]["contributions"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(1));
}

/// A batch answers like single searches.
fn search_in_batches(server: &Running) {
    let search = &at("search");
    let hybrid = hybrid();
    let found = server.json("POST", search, &hybrid).1;
    let wing = json!({"text": "wing", "top_k": 5});
    let (status, answers) = server.json(
        "POST",
        &format!("{search}/batch"),
        &json!({"requests": [&wing, &hybrid, &wing]}),
    );
    assert_eq!(status, 200);
    let one = server.json("POST", search, &wing).1;
    assert_eq!(answers, json!([one, found, one]));
}

/// Plans, ledgers, reranking, and the stage at which a document was dropped.
fn explain(server: &Running) {
    let search = &at("search");
    let explain = &at("explain");
    let mut ranked = json!({"text": "flow", "vector": [1, 1], "fusion": {"dbsf": {}}, "limit": 1,
        "rerank": {"mmr": {"lambda": 0.5, "depth": 2, "budget_ms": 60_000}}});
    let answer = server.json("POST", explain, &ranked).1;
    assert_eq!(
        (&answer["rerank"]["applied"], &answer["hits"][0]["id"]),
        (&json!(true), &json!("b/ü"))
    );
    assert!(answer["plan"].is_array() && answer["hits"][0]["ledger"]["terms"].is_array());
    ranked["why_not"] = json!("c");
    let explained = server.json("POST", explain, &ranked).1;
    let cut = json!({"stage": "cut", "rank": 2, "fused_rank": 2, "last": 1});
    for (key, value) in cut.as_object().expect("an object") {
        assert_eq!(&explained[key], value, "{explained}");
    }
    let unsure = json!({"vector": [0, 1], "floor": {"leg": "vector", "score": 2.0}});
    assert_eq!(server.json("POST", search, &unsure).1["confident"], false);
    let unknown = json!({"text": "wing", "profile": "none"});
    let (status, problem) = server.json("POST", search, &unknown);
    assert_eq!(status, 400, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("\"none\" is not known")));
    ranked["score_threshold"] = json!(1e9);
    ranked["why_not"] = json!("b/ü");
    assert_eq!(server.json("POST", explain, &ranked).1["stage"], "below_threshold");
    let near = json!({"vector": [0, 1], "params": {"target_recall": 0.9}});
    assert_eq!(server.json("POST", search, &near).1["exact"], true);
}

/// Groups and facets, in a search and alone.
fn group_and_count(server: &Running) {
    let search = &at("search");
    let gathered = json!({"vector": [0, 0], "group_by": {"field": "n", "size": 1},
        "facets": [{"field": "n"}], "filter": {"n": {"$exists": true}}});
    let found = server.json("POST", search, &gathered).1;
    let group = &found["groups"]["list"][0];
    assert_eq!((&group["value"], &group["hits"][0]["id"]), (&json!(1), &json!("a")));
    assert_eq!((&found["hits"], &found["groups"]["complete"]), (&json!([]), &json!(true)));
    let facet = server.json("POST", &at("facet"), &json!({"field": "n", "filter": {"n": 2}}));
    let counts = json!({"field": "n", "values": [{"value": 2, "count": 1}], "distinct": 1});
    assert_eq!(facet, (200, counts));
    assert_eq!(found["facets"][0]["distinct"], 2);
    for wrong in [json!({"field": ""}), json!({"field": "n", "limit": 1_000_000})] {
        assert_eq!(server.json("POST", &at("facet"), &wrong).0, 400);
    }
}

/// Recall of given and of sampled queries.
fn measure_recall(server: &Running) {
    let recall = &at("recall");
    let (status, report) = server.json("POST", recall, &json!({"queries": [[0, 1]], "k": 1}));
    assert_eq!((status, &report["recall"]["mean"]), (200, &json!(1.0)));
    assert_eq!(report["segments"][0]["matching"], 4);
    let (status, report) = server.json("POST", recall, &json!({"samples": 2}));
    assert_eq!((status, &report["queries"]), (200, &json!(2)));
}

/// Single documents, and filters in every notation.
fn read_and_patch(server: &Running) {
    let path = &at("documents");
    let (status, row) = server.json("GET", &format!("{path}/b%2F%C3%BC"), &json!(null));
    assert_eq!((status, &row["payload"]["n"]), (200, &json!(2)));
    assert_eq!(server.json("GET", &format!("{path}/zzz"), &json!(null)).0, 404);
    let patch = json!({"payload": {"n": 5, "new": true}});
    let (status, receipt) = server.json("PATCH", &at("documents/a"), &patch);
    assert_eq!((status, &receipt["durable"]), (200, &json!(true)));
    assert_eq!(server.json("GET", &at("documents/a"), &json!(null)).1["payload"]["n"], 5);
    let big = json!({"filter": {"n": {"$gte": 5}}});
    assert_eq!(server.json("POST", &at("count"), &big).1["count"], 1);
    for same in [
        json!({"filter": "n >= 5 AND new"}),
        json!({"filter": {"must": [{"key": "n", "range": {"gte": 5}}]}}),
    ] {
        assert_eq!(server.json("POST", &at("count"), &same).1["count"], 1, "{same}");
    }
    let (status, problem) = server.json("POST", &at("count"), &json!({"filter": "n LIKE 1"}));
    let named = problem["detail"].as_str().is_some_and(|detail| detail.contains("column 3"));
    assert!(status == 400 && named, "{problem}");
}

/// Pages of documents, durability of a request, deletes.
fn scroll_and_delete(server: &Running) {
    let page = server.json("POST", &at("scroll"), &json!({"limit": 3})).1;
    assert_eq!((&page["documents"][0]["id"], &page["next"]), (&json!("a"), &json!("c")));
    let page = server.json("POST", &at("scroll"), &json!({"limit": 3, "after": "c"})).1;
    assert_eq!((&page["documents"][0]["id"], &page["next"]), (&json!("d"), &json!(null)));
    let bulk = at("documents?durability=bulk");
    assert_eq!(server.json("POST", &bulk, &json!({"id": "e"})).1["durable"], false);
    let lazy = at("documents/e?durability=bulk");
    assert_eq!(server.json("PATCH", &lazy, &json!({"payload": {}})).1["durable"], false);
    assert_eq!(server.json("PATCH", &at("documents/e?x=1"), &json!({"payload": {}})).0, 400);
    let removed = server.json("DELETE", &bulk, &json!({"ids": ["e", "none"]})).1;
    assert_eq!((&removed["deleted"], &removed["durable"]), (&json!(1), &json!(false)));
}

/// Snapshots, flush, compaction, verification, metrics.
fn maintain(server: &Running) {
    let made = server.json("PUT", &at("snapshots/first"), &json!(null));
    assert_eq!((made.0, &made.1["name"]), (200, &json!("first")));
    assert_eq!(server.json("GET", &at("snapshots"), &json!(null)).1["snapshots"][0], made.1);
    assert_eq!(server.json("POST", &at("flush"), &json!(null)).0, 200);
    assert_eq!(server.json("DELETE", &at("compact"), &json!(null)).0, 202);
    assert_eq!(server.json("POST", &at("compact?memory=few"), &json!(null)).0, 400);
    assert_eq!(server.json("POST", &at("compact"), &json!(null)).1["segments"][1], 1);
    for level in ["verify", "verify?level=quick", "verify?level=deep"] {
        assert_eq!(server.json("POST", &at(level), &json!(null)).1["problems"], json!([]));
    }
    assert_eq!(server.json("POST", &at("verify?level=all"), &json!(null)).0, 400);
    let metrics = server.call("GET", "/metrics", "", "").2;
    assert!(metrics.contains("lexivec_collection_documents{collection=\"wings\"} 4"), "{metrics}");
    assert!(metrics.contains("route=\"/v1/collections/{collection}/search\",status=\"200\"} 7"));
}

const JSON: &str = "application/json";
const DOCUMENTS: &str = "/v1/collections/c/documents";
const DOCUMENT: &str = "/v1/collections/c/documents/x";
const SNAPSHOT: &str = "/v1/collections/c/snapshots/..%2Fup";
const SEARCH: &str = "/v1/collections/c/search";
const BATCH: &str = "/v1/collections/c/search/batch";
const EXPLAIN: &str = "/v1/collections/c/explain";
const RECALL: &str = "/v1/collections/c/recall";
const SCROLL: &str = "/v1/collections/c/scroll";

/// Method, path, content type and body of a faulty request; status and code of its problem document.
type Fault<'a> = (&'a str, &'a str, &'a str, &'a str, u16, &'a str);

/// Faulty requests about collections and documents; `many` are more documents than a call may have.
fn faulty_writes(many: &str) -> Vec<Fault<'_>> {
    vec![
        ("PUT", "/v1/collections/No.Good", JSON, "{}", 400, "invalid_request"),
        ("PUT", "/v1/collections/..%2Fup", JSON, "{}", 400, "invalid_request"),
        (
            "PUT",
            "/v1/collections/d",
            JSON,
            r#"{"vectors":[{"name":"v","dim":0}]}"#,
            400,
            "invalid_request",
        ),
        ("PUT", "/v1/collections/d", JSON, r#"{"embed":true}"#, 400, "invalid_request"),
        ("PUT", "/v1/collections/d", JSON, r#"{"unknown":1}"#, 400, "invalid_request"),
        ("GET", "/v1/collections/none", "", "", 404, "collection_not_found"),
        ("POST", "/v1/collections/none/search", JSON, "{}", 404, "collection_not_found"),
        ("POST", DOCUMENTS, "text/plain", "{}", 415, "unsupported_media_type"),
        ("POST", DOCUMENTS, JSON, "{oops", 400, "invalid_request"),
        ("POST", DOCUMENTS, JSON, r#"[{"id":"a"},{"id":true}]"#, 400, "invalid_request"),
        ("POST", DOCUMENTS, JSON, r#"{"id":"a","vector":[1]}"#, 400, "invalid_request"),
        (
            "POST",
            DOCUMENTS,
            "application/x-ndjson",
            "{\"id\":\"a\"}\n{\"id\":\n",
            400,
            "invalid_request",
        ),
        ("POST", DOCUMENTS, JSON, many, 400, "invalid_request"),
        ("GET", "/v1/nothing", "", "", 404, "no_such_route"),
        ("PUT", DOCUMENTS, "", "", 405, "method_not_allowed"),
        ("DELETE", DOCUMENTS, JSON, "{}", 400, "invalid_request"),
        ("DELETE", DOCUMENTS, JSON, r#"{"ids":[],"filter":{}}"#, 400, "invalid_request"),
        ("PATCH", DOCUMENT, JSON, r#"{"text":"no"}"#, 400, "invalid_request"),
        ("PATCH", DOCUMENT, JSON, r#"{"payload":{"a":1}}"#, 404, "document_not_found"),
        ("PUT", SNAPSHOT, JSON, "", 400, "invalid_request"),
        ("DELETE", "/v1/collections/c/profiles/none", "", "", 404, "profile_not_found"),
    ]
}

/// Faulty searches, measurements and scrolls.
fn faulty_reads() -> Vec<Fault<'static>> {
    vec![
        ("POST", SEARCH, JSON, "{}", 400, "invalid_request"),
        ("POST", SEARCH, JSON, r#"{"text":"a","limit":10001}"#, 400, "invalid_request"),
        (
            "POST",
            SEARCH,
            JSON,
            r#"{"text":"a","filter":{"a":{"$near":1}}}"#,
            400,
            "invalid_request",
        ),
        ("POST", SEARCH, JSON, r#"{"text":"a","ef":3}"#, 400, "invalid_request"),
        ("POST", SEARCH, JSON, r#"{"vector":[1,2,3]}"#, 400, "invalid_request"),
        ("POST", SEARCH, JSON, r#"{"text":"a","deadline_ms":0}"#, 504, "deadline_exceeded"),
        ("POST", EXPLAIN, JSON, r#"{"text":"a","deadline_ms":0}"#, 504, "deadline_exceeded"),
        ("POST", SEARCH, JSON, r#"{"text":"a","deadline_ms":600001}"#, 400, "invalid_request"),
        (
            "POST",
            BATCH,
            JSON,
            r#"{"requests":[{"text":"a"},{"text":"a","deadline_ms":0}]}"#,
            504,
            "deadline_exceeded",
        ),
        ("POST", BATCH, JSON, r#"{"requests":[{"text":"a"},{}]}"#, 400, "invalid_request"),
        ("POST", SEARCH, JSON, r#"{"text":"a","rerank":{"model":{}}}"#, 400, "invalid_request"),
        ("POST", SEARCH, JSON, r#"{"text":"a","rerank":{"mmr":{"k":1}}}"#, 400, "invalid_request"),
        ("POST", EXPLAIN, JSON, r#"{"text":"a","why_not":true}"#, 400, "invalid_request"),
        ("POST", EXPLAIN, JSON, r#"{"words":"a"}"#, 400, "invalid_request"),
        ("POST", RECALL, JSON, r#"{"k":0}"#, 400, "invalid_request"),
        ("POST", RECALL, JSON, r#"{"samples":100000}"#, 400, "invalid_request"),
        ("POST", RECALL, JSON, r#"{"queries":[[1,2,3]]}"#, 400, "invalid_request"),
        (
            "POST",
            RECALL,
            JSON,
            r#"{"params":{"ef":9,"target_recall":0.9}}"#,
            400,
            "invalid_request",
        ),
        ("POST", SCROLL, JSON, r#"{"limit":100000}"#, 400, "invalid_request"),
    ]
}

#[test]
fn faults_are_problem_documents_and_change_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let one = json!({"vectors": [{"name": "vector", "dim": 2}]});
    assert_eq!(server.json("PUT", "/v1/collections/c", &one).0, 201);
    let many: Vec<Value> = (0..10_001).map(|i| json!({"id": i.to_string()})).collect();
    let many = Value::Array(many).to_string();
    let faults = faulty_writes(&many).into_iter().chain(faulty_reads());
    for (method, path, kind, body, status, code) in faults {
        let (found, kind, answer) = server.call(method, path, kind, body);
        let what = format!("{method} {path} {}: {answer}", &body[..body.len().min(60)]);
        assert_eq!((found, kind.as_str()), (status, "application/problem+json"), "{what}");
        let problem: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status)),
            "{what}"
        );
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{what}");
    }
    // Refused from the head alone, before the body is sent.
    let head = format!(
        "POST {DOCUMENTS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        (32 << 20) + 1
    );
    let answer = server.raw(head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    let (status, kind, _) = server.call("GET", "/v1/collections/%ff", "", "");
    assert_eq!((status, kind.as_str()), (400, "application/problem+json"));
    let stats = server.json("GET", "/v1/collections/c", &json!(null)).1;
    assert_eq!((&stats["documents"], &stats["generation"]), (&json!(0), &json!(1)));
}

#[test]
fn other_hosts_broken_requests_and_open_addresses_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let get =
        |head: &str| server.raw(format!("GET /healthz HTTP/1.1\r\n{head}\r\n\r\n").as_bytes());
    let close = "connection: close";
    assert!(get(&format!("host: localhost:99\r\n{close}")).starts_with("HTTP/1.1 200"));
    assert!(get(&format!("host: evil.example\r\n{close}")).starts_with("HTTP/1.1 403"));
    assert!(get(close).starts_with("HTTP/1.1 403"));
    assert!(server.raw(b"NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400"));
    let head =
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    assert!(server.raw(head.as_bytes()).starts_with("HTTP/1.1 431"));
    assert!(get(&format!("host: localhost\r\n{close}")).starts_with("HTTP/1.1 200"), "still alive");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut open = Config::new(scratch.path().join("other"));
    open.bind = "0.0.0.0:0".parse().expect("an address");
    let error = runtime.block_on(Server::start(open)).err().expect("refused").to_string();
    assert!(error.contains("there are no keys"), "{error}");
    let mut taken = Config::new(scratch.path().join("other"));
    taken.bind = server.address;
    assert!(runtime.block_on(Server::start(taken)).is_err());
}

/// A server with the collections `wings` and `others`, each of the same 30 documents.
fn with_rows(config: Config) -> Running {
    let server = Running::with(config);
    let row = |i: usize| json!({"id": format!("{i:02}"), "text": "wing ".repeat(i + 1)});
    let rows: Vec<Value> = (0..30).map(row).collect();
    for name in ["wings", "others"] {
        assert_eq!(server.json("PUT", &format!("/v1/collections/{name}"), &json!({})).0, 201);
        let path = format!("/v1/collections/{name}/documents");
        assert_eq!(server.json("POST", &path, &json!(rows)).0, 200);
    }
    server
}

fn expect_gone(server: &Running, path: &str, token: &Value) {
    let (status, problem) = server.json("POST", path, &json!({"cursor": token}));
    assert_eq!((status, &problem["code"]), (410, &json!("cursor_gone")), "{token}");
}

#[test]
fn a_cursor_gives_page_after_page_of_one_state() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = with_rows(Config::new(scratch.path()));
    let (search, others) = (&at("search"), "/v1/collections/others/search");
    let hits = |page: &Value| page["hits"].as_array().expect("hits").clone();
    let asked = json!({"text": "wing", "limit": 25, "explain": true});
    let mut whole = server.json("POST", search, &asked).1;
    let open = json!({"text": "wing", "limit": 4, "explain": true, "cursor": {"reach": 25}});
    let (status, mut page) = server.json("POST", search, &open);
    assert_eq!((status, hits(&page).len()), (200, 4));
    let first = page["cursor"].clone();
    expect_gone(&server, others, &first);
    let mut read = hits(&page);
    for (limit, size) in [(json!({}), 4), (json!({"limit": 1}), 1), (json!({"top_k": 40}), 16)] {
        // Everything changes and is merged, the page does not.
        let path = "/v1/collections/wings/documents";
        let changed = json!([{"id": "07", "text": "wing"}, {"id": "new", "text": "wing"}]);
        assert_eq!(server.json("POST", path, &changed).0, 200);
        assert_eq!(server.json("DELETE", path, &json!({"ids": ["11", "29"]})).0, 200);
        assert_eq!(server.json("POST", "/v1/collections/wings/compact", &json!(null)).0, 200);
        let mut next = limit;
        next["cursor"] = page["cursor"].clone();
        let (status, answer) = server.json("POST", search, &next);
        assert_eq!((status, hits(&answer).len()), (200, size), "{answer}");
        assert_eq!(server.json("POST", search, &next).1, answer, "asked for again");
        page = answer;
        read.extend(hits(&page));
    }
    assert_eq!(page.get("cursor"), None, "nothing is left");
    assert_eq!(json!(read), whole["hits"]);
    (whole["hits"], page["hits"]) = (json!(null), json!(null));
    assert_eq!(page, whole);
}

#[test]
fn cursors_are_checked_bounded_and_closed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = with_rows(Config::new(scratch.path()));
    let search = at("search");
    let search = search.as_str();
    let mut open = json!({"text": "wing", "limit": 4, "explain": true, "cursor": {"reach": 25}});
    let first = server.json("POST", search, &open).1["cursor"].clone();
    open["cursor"] = json!({});
    let wide = server.json("POST", search, &open).1["cursor"].clone();
    open["limit"] = json!(100);
    assert_eq!(server.json("POST", search, &open).1.get("cursor"), None, "all in one page");
    for (path, wrong) in [
        (search, json!({"text": "wing", "cursor": {"reach": 0}})),
        (search, json!({"text": "wing", "cursor": {"reach": 10_001}})),
        (search, json!({"text": "wing", "cursor": {"rich": 1}})),
        (search, json!({"text": "wing", "cursor": true})),
        (search, json!({"text": "wing", "cursor": {}, "group_by": {"field": "n"}})),
        (search, json!({"text": "wing", "cursor": first})),
        (search, json!({"cursor": first, "offset": 1})),
        ("/v1/collections/wings/search/batch", json!({"requests": [open]})),
        ("/v1/collections/wings/explain", json!({"text": "wing", "cursor": {}})),
    ] {
        let (status, problem) = server.json("POST", path, &wrong);
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_request")), "{wrong}");
    }
    expect_gone(&server, search, &json!("00000000000000000000000000000000.4"));
    expect_gone(&server, search, &json!("no token"));
    // As many as there may be: the one not used for longest is closed.
    let again = server.json("POST", search, &json!({"cursor": wide}));
    assert_eq!(again.0, 200);
    open["limit"] = json!(1);
    for _ in 0..lexivec_server::limits::MAX_CURSORS - 1 {
        assert!(server.json("POST", search, &open).1["cursor"].is_string());
    }
    expect_gone(&server, search, &first);
    assert_eq!(server.json("POST", search, &json!({"cursor": wide})), again);
    assert_eq!(server.call("DELETE", "/v1/collections/wings", "", "").0, 204);
    assert_eq!(server.json("PUT", "/v1/collections/wings", &json!({})).0, 201);
    expect_gone(&server, search, &wide);

    let mut config = Config::new(scratch.path().join("idle"));
    config.cursor_idle = std::time::Duration::ZERO;
    let server = with_rows(config);
    let token = server.json("POST", search, &open).1["cursor"].clone();
    let (status, problem) = server.json("POST", search, &json!({"cursor": token}));
    assert_eq!((token.is_string(), status, &problem["code"]), (true, 410, &json!("cursor_gone")));
}

#[test]
fn late_interaction_of_token_vectors() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let fields = json!({"tokens": [{"name": "tokens", "dim": 2}, {"name": "more", "dim": 3}]});
    assert_eq!(server.json("PUT", "/v1/collections/c", &fields).0, 201);
    let documents = json!([
        {"id": "a", "text": "wing", "tokens": [[1, 0], [0, 1]]},
        {"id": "b", "text": "wing", "tokens": {"tokens": [[0, -1]], "more": [[0, 0, 2]]}},
        {"id": "c", "text": "wing"},
    ]);
    let path = "/v1/collections/c/documents";
    assert_eq!(server.json("POST", path, &documents).0, 200);
    let (status, problem) = server.json("POST", path, &json!([{"id": "d", "tokens": [[0, 0]]}]));
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("token vector 0")), "{problem}");
    let row = server.json("GET", &format!("{path}/b"), &json!(null)).1;
    assert_eq!(row["tokens"], json!({"tokens": [[0.0, -1.0]], "more": [[0.0, 0.0, 1.0]]}));
    let search = |late: Value| {
        let body = json!({"text": "wing", "rerank": {"late_interaction": late}});
        server.json("POST", "/v1/collections/c/search", &body)
    };
    let (status, answer) = search(json!({
        "query_tokens": [[0, -2], [0.5, 0]], "field": "tokens", "depth": 3, "budget_ms": 60_000}));
    assert_eq!(status, 200, "{answer}");
    let hit =
        |i: usize| (&answer["hits"][i]["id"], &answer["hits"][i]["ledger"]["rerank"]["score"]);
    // a: 0 + 1, b: 1 + 0.
    let none = Value::Null;
    let (one, a, b, c) = (json!(1.0), json!("a"), json!("b"), json!("c"));
    assert_eq!([hit(0), hit(1), hit(2)], [(&a, &one), (&b, &one), (&c, &none)]);
    assert_eq!(answer["rerank"]["kind"], "late_interaction");
    assert_eq!(answer["rerank"]["scored"], 2);
    for (late, expected) in [
        (json!({"query_tokens": [[1, 0]]}), "name one of"),
        (json!({"query_tokens": [], "field": "more"}), "at least one token vector"),
        (json!({"field": "more"}), "no model fills"),
        (json!({"query_tokens": [[1, 0]], "field": "none"}), "no token field"),
    ] {
        let (status, problem) = search(late);
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().is_some_and(|d| d.contains(expected)), "{problem}");
    }
}

#[test]
fn one_collections_directory_is_served_alone() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("courses");
    let row = lexivec::Document::new("a").text("wing");
    let options = lexivec::Options::new().name("courses");
    lexivec::Collection::create(&dir, options).expect("made").upsert(vec![row]).expect("written");
    let server = Running::start(&dir);
    let found = server.json("POST", "/v1/collections/courses/search", &json!({"text": "wing"})).1;
    assert_eq!(found["hits"][0]["id"], "a");
    for (method, path) in [("PUT", "/v1/collections/x"), ("DELETE", "/v1/collections/courses")] {
        let (status, problem) = server.json(method, path, &json!({}));
        assert_eq!((status, &problem["code"]), (409, &json!("single_collection")), "{method}");
    }
}
