//! The page at `/ui`: each of its files is served, confined by a policy, and names nothing outside.

use std::path::Path;

use serde_json::json;

use crate::http::Running;

/// Files of the page in the tree, by name.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/ui");
    let entries = std::fs::read_dir(folder).expect("listed").map(|e| e.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("read"))
    };
    entries.map(read).collect()
}

#[test]
fn every_file_of_the_page_is_served_with_its_type_and_policy() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let files = files();
    assert!(files.len() > 10, "{}", files.len());
    for (name, text) in files {
        let path = if name == "index.html" { "/ui".to_owned() } else { format!("/ui/{name}") };
        let (status, kind, body) = server.call("GET", &path, "", "");
        assert_eq!((status, &body), (200, &text), "{name}");
        let wanted = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!(kind, wanted, "{name}");
        let raw = server.raw(
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        );
        let head = raw.split("\r\n\r\n").next().unwrap_or_default();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-cache",
        ] {
            assert!(head.contains(header), "{name} lacks {header}: {head}");
        }
    }
    let (status, kind, _) = server.call("GET", "/ui/none.js", "", "");
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"));
}

/// Ways in which a file of the page could run data as markup or load from elsewhere.
fn faults(name: &str, text: &str) -> Vec<String> {
    let never = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "https://",
        "localStorage",
    ];
    let inline = [" style=", " onclick=", "<script>"];
    let bare = text.replace("http://www.w3.org/2000/svg", "");
    let found = never.iter().chain(&["http://"]).filter(|word| bare.contains(**word));
    let marked = inline.iter().filter(|word| name.ends_with(".html") && bare.contains(**word));
    found.chain(marked).map(|word| format!("{name}: {word}")).collect()
}

#[test]
fn no_file_of_the_page_runs_data_or_loads_from_elsewhere() {
    let found: Vec<String> = files().iter().flat_map(|(name, text)| faults(name, text)).collect();
    assert_eq!(found, [""; 0]);
    assert_eq!(faults("a.js", "node.innerHTML = title"), ["a.js: innerHTML"]);
    assert_eq!(faults("a.html", "<p style='x'>"), ["a.html:  style="]);
}

#[test]
fn a_map_places_the_rows_that_a_filter_admits() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let at = |rest: &str| format!("/v1/collections/wings{rest}");
    let fields = json!({"vectors": [{"name": "vector", "dim": 3, "metric": "l2"}]});
    assert_eq!(server.json("PUT", &at(""), &fields).0, 201);
    let rows: Vec<_> = (0..9)
        .map(|i| json!({"id": format!("d{i}"), "vector": [i, 0, 1], "payload": {"n": i, "odd": i % 2 == 1}}))
        .collect();
    assert_eq!(server.json("POST", &at("/documents"), &json!(rows)).0, 200);
    let (status, map) = server.json("POST", &at("/map"), &json!({"value": "n"}));
    assert_eq!((status, &map["rows"], &map["vector"]), (200, &json!(9), &json!("vector")), "{map}");
    assert!(map["explained"].as_f64().is_some_and(|share| share > 0.999_999), "{map}");
    for point in map["points"].as_array().expect("points") {
        // The rows are on a line: the first component is the number, less the mean.
        let (x, n) = (point["x"].as_f64().expect("x"), point["value"].as_f64().expect("n"));
        assert!((x - (n - 4.0)).abs() < 1e-6, "{point}");
    }
    let some = json!({"filter": "odd", "limit": 2});
    let (_, map) = server.json("POST", &at("/map"), &some);
    let ids: Vec<_> =
        map["points"].as_array().expect("points").iter().map(|p| p["id"].clone()).collect();
    assert_eq!((json!(ids), &map["rows"]), (json!(["d1", "d5"]), &json!(4)));
    for wrong in [
        json!({"limit": 0}),
        json!({"limit": 2_001}),
        json!({"vector": "w"}),
        json!({"filter": "n >"}),
    ] {
        assert_eq!(server.json("POST", &at("/map"), &wrong).0, 400, "{wrong}");
    }
}
