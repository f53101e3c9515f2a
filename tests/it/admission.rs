//! Keys, scopes, rates and the audit log of a server, over HTTP.

use std::collections::BTreeSet;
use std::path::Path;

use lexivec_server::access::audit::{Entry, verify_audit};
use lexivec_server::access::{AccessOptions, RateLimits};
use lexivec_server::{Config, Server};
use serde_json::{Value, json};

use crate::http::Running;

const KEYS: &str = "/v1/keys";

/// A server whose callers have no rates, and the key of its site administrator.
fn start(database: &Path) -> (Running, String) {
    let mut config = Config::new(database);
    config.access = unlimited();
    let server = Running::with(config);
    let (status, made) =
        server.with_key("POST", KEYS, &json!({"name": "root", "role": "site_admin"}), None);
    assert_eq!(status, 201, "{made}");
    let root = text(&made, "key");
    (server, root)
}

fn unlimited() -> AccessOptions {
    let mut access = AccessOptions::default();
    access.limits.per_key = RateLimits::unlimited();
    access
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// A key of a role and a scope.
fn key(server: &Running, maker: &str, name: &str, role: &str, scope: &Value) -> String {
    let body = json!({"name": name, "role": role, "scope": scope});
    let (status, made) = server.with_key("POST", KEYS, &body, Some(maker));
    assert_eq!(status, 201, "{made}");
    text(&made, "key")
}

/// The scope of a tenant's rows in the collections that a pattern names.
fn tenant(name: &str, pattern: &str) -> Value {
    json!({"collections": [pattern], "tenant": name,
        "rows": {"filter": {"tenant": name}, "stamp": {"tenant": name}}})
}

#[test]
fn keys_are_made_shown_once_rotated_and_revoked() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = start(scratch.path());
    let own =
        |method: &str, path: &str, body: &Value| server.with_key(method, path, body, Some(&root));
    assert_eq!(server.with_key("GET", "/v1/collections", &Value::Null, None).0, 401);
    let (status, made) = own(
        "POST",
        KEYS,
        &json!({"name": "app", "role": "reader", "expires": "2999-01-01T00:00:00Z"}),
    );
    let (app, id) = (text(&made, "key"), text(&made, "id"));
    assert_eq!((status, app.len()), (201, 4 + 12 + 1 + 43));
    assert_eq!(server.with_key("GET", "/v1/collections", &Value::Null, Some(&app)).0, 200);

    let (_, listed) = own("GET", KEYS, &Value::Null);
    assert!(!listed.to_string().contains(&app[17..]), "no list has a secret");
    assert_eq!(listed["keys"][1]["prefix"], json!(format!("lxv_{id}")));
    assert!(listed["keys"][1]["last_used"].is_string(), "{listed}");

    // Both are accepted until the overlap is over, and the old one is not from then on.
    let (status, rotated) =
        own("POST", &format!("{KEYS}/{id}/rotate"), &json!({"overlap_seconds": 3600}));
    assert_eq!((status, &rotated["replaces"]), (201, &json!(id)));
    let next = text(&rotated, "key");
    for accepted in [&app, &next] {
        assert_eq!(server.with_key("GET", "/v1/collections", &Value::Null, Some(accepted)).0, 200);
    }
    for ended in [text(&rotated, "id"), id] {
        assert_eq!(own("DELETE", &format!("{KEYS}/{ended}"), &Value::Null).0, 200);
    }
    for refused in [&app, &next] {
        assert_eq!(server.with_key("GET", "/v1/collections", &Value::Null, Some(refused)).0, 401);
    }
    for (body, status) in [
        (json!({"name": "app", "role": "root"}), 400),
        (json!({"name": "app", "role": "reader", "expires": "yesterday"}), 400),
        (json!({"name": "app", "role": "reader", "expires": "1999-01-01T00:00:00Z"}), 400),
        (json!({"name": "root", "role": "reader"}), 409),
        (json!({"name": "", "role": "reader"}), 400),
        (json!({"name": "app"}), 400),
        (json!({"name": "app", "role": "reader", "scope": {"colections": []}}), 400),
    ] {
        let answer = own("POST", KEYS, &body);
        assert_eq!(answer.0, status, "{body} {answer:?}");
    }
    assert_eq!(own("DELETE", &format!("{KEYS}/000000000000"), &Value::Null).0, 404);
}

#[test]
fn an_administrator_makes_keys_within_its_own_scope() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = start(scratch.path());
    let a = key(&server, &root, "a", "admin", &tenant("a", "shelf-*"));
    let b = key(&server, &root, "b", "admin", &tenant("b", "shelf-*"));
    let mine = |body: Value| server.with_key("POST", KEYS, &body, Some(&a));
    for (role, scope, status) in [
        ("reader", tenant("a", "shelf-1"), 201),
        ("admin", tenant("a", "shelf-*"), 201),
        ("site_admin", tenant("a", "shelf-*"), 403),
        ("reader", tenant("b", "shelf-1"), 403),
        ("reader", tenant("a", "*"), 403),
        ("reader", json!({"collections": ["shelf-1"]}), 403),
        ("reader", json!({}), 403),
        ("reader", json!({"collections": ["shelf-1"], "tenant": "a"}), 403),
    ] {
        let answer =
            mine(json!({"name": format!("{role}-{status}"), "role": role, "scope": scope}));
        assert_eq!(answer.0, status, "{role} {scope} {answer:?}");
    }
    // Keys of others are neither listed nor revoked, and their names' keys not given away.
    let (_, listed) = server.with_key("GET", KEYS, &Value::Null, Some(&b));
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(1), "{listed}");
    let (_, all) = server.with_key("GET", KEYS, &Value::Null, Some(&root));
    let first = text(&all["keys"][0], "id");
    let missing =
        server.with_key("DELETE", &format!("{KEYS}/000000000000"), &Value::Null, Some(&a));
    let foreign = server.with_key("DELETE", &format!("{KEYS}/{first}"), &Value::Null, Some(&a));
    assert_eq!(foreign.1.to_string().replace(&first, "000000000000"), missing.1.to_string());
    let taken = mine(json!({"name": "b", "role": "reader", "scope": tenant("a", "shelf-1")}));
    assert_eq!(taken.0, 409);
    assert!(!taken.1.to_string().contains(&b[4..16]), "{taken:?}");
}

#[test]
fn a_tenant_reads_and_writes_its_own_rows() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = start(scratch.path());
    assert_eq!(server.with_key("PUT", "/v1/collections/shelf", &json!({}), Some(&root)).0, 201);
    let keys: Vec<String> = ["a", "b"]
        .iter()
        .map(|name| key(&server, &root, name, "writer", &tenant(name, "shelf")))
        .collect();
    let call = |caller: usize, method: &str, rest: &str, body: Value| {
        let path = format!("/v1/collections/shelf{rest}");
        server.with_key(method, &path, &body, Some(&keys[caller]))
    };
    let row = |id: &str, word: &str| json!({"id": id, "text": format!("wing {word}"), "payload": {"n": 1, "tenant": "forged"}});
    assert_eq!(
        call(0, "POST", "/documents", json!([row("a1", "alpha"), row("a2", "alpha")])).0,
        200
    );
    assert_eq!(call(1, "POST", "/documents", json!([row("b1", "beta")])).0, 200);
    assert_eq!(call(0, "GET", "/documents/a1", Value::Null).1["payload"]["tenant"], "a");

    // Nothing of the other tenant is in any answer, whatever is asked.
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("GET", "/documents/b1", Value::Null),
        ("POST", "/search", json!({"text": "wing", "filter": {"tenant": "b"}, "explain": true})),
        (
            "POST",
            "/search",
            json!({"text": "beta OR wing", "with_text": true, "facets": [{"field": "tenant"}]}),
        ),
        ("POST", "/explain", json!({"text": "beta", "why_not": "b1"})),
        ("POST", "/scroll", json!({"filter": {"$not": {"tenant": "a"}}})),
        ("POST", "/facet", json!({"field": "tenant"})),
        ("POST", "/suggest", json!({"text": "bet"})),
        ("POST", "/count", json!({"filter": {"tenant": "b"}})),
        ("POST", "/search/batch", json!({"requests": [{"text": "beta"}]})),
    ] {
        let (_, answer) = call(0, method, rest, body.clone());
        let answer = answer.to_string();
        for foreign in ["beta", "\"b\""] {
            assert!(!answer.contains(foreign), "{method} {rest} {body}: {foreign} in {answer}");
        }
    }
    assert_eq!(call(0, "POST", "/count", json!({})).1, json!({"count": 2}));
    assert_eq!(call(0, "GET", "", Value::Null).1["documents"], 2);
    let list = server.with_key("GET", "/v1/collections", &Value::Null, Some(&keys[0])).1;
    assert_eq!(list, json!({"collections": [{"name": "shelf", "documents": 2}]}));

    // Foreign ids are not replaced, changed or deleted.
    assert_eq!(call(0, "POST", "/documents", json!([row("b1", "alpha")])).0, 404);
    assert_eq!(call(0, "PATCH", "/documents/b1", json!({"payload": {"n": 2}})).0, 404);
    assert_eq!(call(0, "DELETE", "/documents", json!({"ids": ["b1"]})).1["deleted"], 0);
    assert_eq!(call(0, "DELETE", "/documents", json!({"filter": {"tenant": "b"}})).1["deleted"], 0);
    assert_eq!(call(0, "PATCH", "/documents/a1", json!({"payload": {"tenant": "b"}})).0, 200);
    assert_eq!(call(0, "GET", "/documents/a1", Value::Null).1["payload"]["tenant"], "a");
    assert_eq!(call(1, "POST", "/count", json!({})).1, json!({"count": 1}));

    // A cursor of one is of no use to the other.
    let (_, page) =
        call(0, "POST", "/search", json!({"text": "wing", "limit": 1, "cursor": {"reach": 10}}));
    let token = page["cursor"].as_str().map(str::to_owned);
    if let Some(token) = token {
        assert_eq!(call(1, "POST", "/search", json!({"cursor": token})).0, 410);
        assert_eq!(call(0, "POST", "/search", json!({"cursor": token})).0, 200);
    } else {
        panic!("no cursor in {page}");
    }
}

#[test]
fn acts_and_refusals_are_in_the_audit_log() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = start(scratch.path());
    let a = key(&server, &root, "a", "admin", &tenant("a", "shelf"));
    let by =
        |key: &str, method: &str, path: &str| server.with_key(method, path, &json!({}), Some(key));
    assert_eq!(by(&root, "PUT", "/v1/collections/shelf").0, 201);
    assert_eq!(by(&root, "POST", "/v1/collections/shelf/flush").0, 200);
    assert_eq!(by(&a, "DELETE", "/v1/collections/shelf").0, 403);
    assert_eq!(by("lxv_000000000000_A", "GET", "/v1/collections").0, 401);
    assert_eq!(by(&root, "GET", "/v1/collections").0, 200);
    let (_, page) = by(&root, "GET", "/v1/audit?limit=1000");
    let entries = page["entries"].as_array().expect("entries");
    let actions: Vec<&str> = entries.iter().filter_map(|e| e["action"].as_str()).collect();
    let wanted = ["unauthenticated", "refused", "maintain", "create", "key.create", "key.create"];
    assert_eq!(actions, wanted, "the newest first");
    for entry in entries {
        let members: BTreeSet<&str> =
            entry.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, Entry::MEMBERS.into_iter().collect());
    }
    assert_eq!(entries[3]["target_resource"], "shelf");
    assert_eq!(entries[1]["organization_id"], "a");
    assert!(!page.to_string().contains(&root[17..]), "no entry has a secret");
    assert_eq!((&page["total"], &page["has_more"]), (&json!(6), &json!(false)));
    // Reading writes no entry, exporting does; a tenant reads its own.
    let (_, own) = by(&a, "GET", "/v1/audit");
    assert_eq!((&own["total"], &own["entries"][0]["action"]), (&json!(1), &json!("refused")));
    let (status, kind, csv) = server.get_with_key("/v1/audit/export?format=csv", &root);
    assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(csv.lines().next(), Some(Entry::MEMBERS.join(",").as_str()));
    assert_eq!(csv.lines().count(), 7);
    assert_eq!(by(&root, "GET", "/v1/audit?action=audit.export").1["total"], 1);
    for wrong in ["limit=0", "limit=1001", "limit=x", "offset=-1", "date=today", "colour=red"] {
        assert_eq!(by(&root, "GET", &format!("/v1/audit?{wrong}")).0, 400, "{wrong}");
    }
    drop(server);
    let report = verify_audit(scratch.path()).expect("read");
    assert!(report.intact && report.entries == 7, "{report:?}");
}

#[test]
fn a_key_over_its_rate_is_answered_429_and_others_are_not() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = {
        let mut config = Config::new(scratch.path());
        // Slow enough that none comes back while the test runs.
        config.access.limits.per_key =
            RateLimits { requests_per_second: Some(1e-6), burst: 3, ..RateLimits::unlimited() };
        let server = Running::with(config);
        let made = server.with_key("POST", KEYS, &json!({"name": "r", "role": "site_admin"}), None);
        let root = text(&made.1, "key");
        (server, root)
    };
    let other = key(&server, &root, "other", "reader", &json!({}));
    let statuses: Vec<u16> = (0..5)
        .map(|_| server.with_key("GET", "/v1/collections", &Value::Null, Some(&other)).0)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let (status, headers) = server.headers_with_key("/v1/collections", &root);
    assert_eq!(status, 200, "another key has its own rate");
    assert_eq!(
        headers
            .get("ratelimit-policy")
            .map(|v| v.as_bytes().starts_with(b"\"key-requests\";q=3;w=")),
        Some(true)
    );
    assert_eq!(
        headers.get("ratelimit").map(|v| v.as_bytes().starts_with(b"\"key-requests\";r=1;t=")),
        Some(true)
    );
    let (status, headers) = server.headers_with_key("/v1/collections", &other);
    let wait: f64 = headers["retry-after"].to_str().expect("text").parse().expect("a number");
    assert!(status == 429 && wait > 1_000.0, "{status} {wait}");
}

#[test]
fn rows_that_are_written_and_asked_for_count_against_a_rate_of_rows() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut config = Config::new(scratch.path());
    config.access.limits.per_key =
        RateLimits { rows_per_second: Some(5.0), ..RateLimits::unlimited() };
    let server = Running::with(config);
    let made = server.with_key("POST", KEYS, &json!({"name": "r", "role": "site_admin"}), None);
    let root = text(&made.1, "key");
    assert_eq!(server.with_key("PUT", "/v1/collections/shelf", &json!({}), Some(&root)).0, 201);
    let rows: Vec<Value> = (0..500).map(|n| json!({"id": n, "text": "wing"})).collect();
    let path = "/v1/collections/shelf/documents";
    // One larger than the burst is admitted when nothing is owed, and paid off after it.
    assert_eq!(server.with_key("POST", path, &json!(rows), Some(&root)).0, 200);
    let (status, problem) = server.with_key("POST", path, &json!(rows[..1]), Some(&root));
    assert_eq!((status, &problem["code"]), (429, &json!("too_many_requests")), "{problem}");
    let search = json!({"text": "wing", "limit": 10});
    assert_eq!(
        server.with_key("POST", "/v1/collections/shelf/search", &search, Some(&root)).0,
        429
    );
}

#[test]
fn a_key_comes_in_one_of_two_headers() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, root) = start(scratch.path());
    let bearer = format!("Bearer {root}");
    for (headers, status) in [
        (&[("api-key", root.as_str())][..], 200),
        (&[("authorization", &bearer)], 200),
        (&[("authorization", &bearer.replace("Bearer", "bearer"))], 200),
        (&[("api-key", &root), ("authorization", &bearer)], 200),
        (&[("api-key", "lxv_1"), ("authorization", &bearer)], 401),
        (&[("authorization", &root)], 401),
        (&[("authorization", "Basic YTpi")], 401),
        (&[("cookie", &root)], 401),
    ] {
        assert_eq!(server.get_with(headers, "/v1/collections").0, status, "{headers:?}");
    }
    let by_url = format!("/v1/collections?api-key={root}");
    assert_eq!(server.get_with(&[], &by_url).0, 401);
}

#[test]
fn an_address_that_others_reach_takes_keys_and_encryption() {
    let scratch = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let attempt = |proxy: bool| {
        let mut config = Config::new(scratch.path());
        config.bind = "0.0.0.0:0".parse().expect("an address");
        config.behind_proxy = proxy;
        runtime.block_on(Server::start(config)).map(drop).map_err(|fault| fault.to_string())
    };
    let fault = attempt(true).expect_err("no keys");
    assert!(fault.contains("lexivec key create"), "{fault}");
    drop(start(scratch.path()));
    let fault = attempt(false).expect_err("no encryption");
    assert!(fault.contains("--tls-certificate") && fault.contains("--behind-proxy"), "{fault}");
    attempt(true).expect("keys and a proxy");
}
