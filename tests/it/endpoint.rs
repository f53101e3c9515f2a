//! Models behind an endpoint of OpenAI's shape: the command asks our own server, and says what is wrong elsewhere.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use lexivec::model::{Precision, open_embedder};
use lexivec_server::Config;
use serde_json::{Value, json};

use crate::http::Running;
use crate::transformer::folder;
use crate::{arg, lexivec, lexivec_ok};

const TEXTS: [&str; 4] = ["the wing", "wing flow and heat", "", "lift, drag: wing"];

/// A server with the model `mean`, in floats.
fn serving(directory: &Path) -> Running {
    let mut config = Config::new(directory.join("served"));
    config.embedder = Some(open_embedder(folder("mean"), Some(Precision::Float)).expect("opened"));
    Running::with(config)
}

/// The texts as a file of documents, often enough that one call does not take all.
fn input(directory: &Path) -> PathBuf {
    let line = |i: usize| json!({"id": format!("d{i:03}"), "text": TEXTS[i % 4]}).to_string();
    let lines: Vec<String> = (0..200).map(line).collect();
    let path = directory.join("in.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

/// The rows with their vectors, as they are printed.
fn rows(dir: &Path) -> Vec<Value> {
    let ids: Vec<String> = (0..200).map(|i| format!("d{i:03}")).collect();
    let mut args = vec!["get", arg(dir), "--json"];
    args.extend(ids.iter().map(String::as_str));
    let printed = lexivec_ok(&args);
    printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn vectors_of_the_endpoint_are_those_of_its_model() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, input) = (serving(scratch.path()), input(scratch.path()));
    let url = format!("http://{}/v1", server.address);
    let (near, far) = (scratch.path().join("near"), scratch.path().join("far"));
    let mean = folder("mean");
    let local = ["--model", arg(&mean), "--precision", "float"];
    let remote = ["--model-url", url.as_str(), "--model-name", "mean"];
    let ingest = |dir: &Path, model: &[&str]| {
        let args = [&["ingest", arg(dir), "--jsonl", arg(&input)], model].concat();
        lexivec_ok(&args)
    };
    ingest(&near, &local);
    ingest(&far, &remote);
    assert_eq!(rows(&far), rows(&near));
    assert!(
        rows(&far).iter().filter(|row| row["vectors"].is_object()).count() >= 150,
        "no vectors"
    );
    let search = |dir: &Path, model: &[&str]| {
        let args = ["search", arg(dir), "heat of a wing", "--mode", "vector", "--json"];
        let found: Value =
            serde_json::from_str(&lexivec_ok(&[&args[..], model].concat())).expect("JSON");
        found["hits"].clone()
    };
    let expected = search(&near, &local);
    assert_eq!(search(&far, &remote), expected);
    // A slash at the end is the same endpoint, and a dimension that is known is not asked for.
    let slash = format!("{url}/");
    let known = ["--model-url", &slash, "--model-name", "mean", "--model-dim", "32"];
    assert_eq!(search(&far, &known), expected);

    // Another model, another endpoint, another dimension.
    let refused = |model: &[&str], code: i32, expected: &str| {
        let args = ["search", arg(&far), "wing", "--mode", "vector"];
        let output = lexivec(&[&args[..], model].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
    };
    refused(&local, 1, "cannot be compared");
    refused(&["--model-url", &url, "--model-name", "other"], 1, "\"mean\" is; name that one");
    refused(
        &["--model-url", &url, "--model-name", "mean", "--model-dim", "16"],
        1,
        "cannot be compared",
    );
    let new = scratch.path().join("new");
    let wrong = ["--model-url", &url, "--model-name", "mean", "--model-dim", "16"];
    let args = [&["ingest", arg(&new), "--jsonl", arg(&input)], &wrong[..]].concat();
    let stderr = lexivec(&args);
    let stderr = String::from_utf8_lossy(&stderr.stderr).into_owned();
    assert!(stderr.contains("has 32 components, and 16 are expected"), "{stderr}");
    refused(&["--model-url", &url], 2, "--model-name");
    refused(&[&remote[..], &local[..2]].concat(), 2, "cannot be used with");
    refused(&["--model-url", "host/v1", "--model-name", "m"], 2, "give one as https://HOST/v1");
    refused(&[&remote[..], &["--model-key-env", "LEXIVEC_NO_SUCH"]].concat(), 2, "is not set");
    // A query to a server that has stopped.
    let closed = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address");
    let closed = format!("http://{closed}/v1");
    refused(&["--model-url", &closed, "--model-name", "mean"], 1, "is the server running");
    // One that has other routes.
    let elsewhere = format!("http://{}/v2", server.address);
    refused(&["--model-url", &elsewhere, "--model-name", "mean"], 1, "check the URL");
}

#[test]
fn garbage_is_reported_without_the_key() {
    const SECRET: &str = "sk-very-secret";
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepted");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\"float\"}") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.extend(byte);
        }
        let body = format!("not JSON {SECRET}");
        let head_out = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head_out.as_bytes()).expect("sent");
        String::from_utf8_lossy(&head).into_owned()
    });
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, documents) = (scratch.path().join("c"), input(scratch.path()));
    let output = lexivec_tests::bare(["ingest", arg(&index), "--jsonl", arg(&documents)])
        .args(["--model-url", &url, "--model-name", "m", "--model-key-env", "A_KEY"])
        .env("A_KEY", SECRET)
        .output()
        .expect("the command runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let asked = thread.join().expect("ended");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("not what an endpoint for embeddings gives"), "{stderr}");
    assert!(stderr.contains(&url) && !stderr.contains(SECRET), "{stderr}");
    // It was sent, so that it could have been shown.
    assert!(asked.contains(SECRET), "{asked}");
    assert!(!scratch.path().join("c").exists(), "a collection was left behind");
}
