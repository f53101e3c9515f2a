//! Request bodies as slow clients and odd programs send them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use lexivec_server::limits::{MAX_BODY_BYTES, MAX_MEMORY_BYTES};
use serde_json::json;

use crate::http::Running;

#[test]
fn bodies_that_are_announced_and_not_sent_keep_nothing_from_others() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    assert_eq!(server.json("PUT", "/v1/collections/c", &json!({})).0, 201);
    let search = "/v1/collections/c/search";
    let mut held = Vec::new();
    for announced in
        [format!("content-length: {MAX_BODY_BYTES}"), "transfer-encoding: chunked".to_owned()]
    {
        for _ in 0..=MAX_MEMORY_BYTES / MAX_BODY_BYTES {
            let mut stream = TcpStream::connect(server.address).expect("connected");
            let head = format!(
                "POST {search} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 {announced}\r\nexpect: 100-continue\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).expect("sent");
            // The server says that it waits for the body.
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("read");
            assert!(line.starts_with("HTTP/1.1 100"), "{line}");
            held.push(stream);
        }
    }
    assert_eq!(server.json("POST", search, &json!({"text": "x"})).0, 200);
    // A client that sends a small body in pieces is answered.
    let body = r#"{"text":"x"}"#;
    let mut stream = held.pop().expect("a connection");
    for piece in body.split_inclusive(':') {
        stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).expect("sent");
    }
    stream.write_all(b"0\r\n\r\n").expect("sent");
    let mut lines = BufReader::new(&stream).lines().map(|line| line.expect("read"));
    let status = lines.find(|line| !line.is_empty());
    assert!(status.as_ref().is_some_and(|line| line.starts_with("HTTP/1.1 200")), "{status:?}");
}

#[test]
fn bodies_may_begin_with_a_mark_of_byte_order_and_ids_may_be_numbers() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let path = |rest: &str| format!("/v1/collections/c{rest}");
    for (method, rest, kind, body, status) in [
        ("PUT", "", "application/json", "\u{feff}{}", 201),
        (
            "POST",
            "/documents",
            "application/json",
            "\u{feff}[{\"id\": 1, \"text\": \"a\"}, {\"id\": 2}]",
            200,
        ),
        ("POST", "/documents", "application/x-ndjson", "\u{feff}{\"id\": 3}\n{\"id\": -4}\n", 200),
        ("POST", "/documents", "application/x-ndjson", "\u{feff}\n{\"id\": \"5\"}\n", 200),
        ("POST", "/search", "application/json", "\u{feff}{\"text\": \"a\"}", 200),
        ("POST", "/scroll", "application/json", "{\"after\": 1}", 200),
        ("POST", "/explain", "application/json", "{\"text\": \"a\", \"why_not\": 2}", 200),
        ("DELETE", "/documents", "application/json", "{\"ids\": [1, \"2\", 3]}", 200),
        ("DELETE", "/documents", "application/json", "{\"ids\": [1.5]}", 400),
    ] {
        let (found, _, answer) = server.call(method, &path(rest), kind, body);
        assert_eq!(found, status, "{method} {rest} {body}: {answer}");
    }
    let left = server.json("POST", &path("/scroll"), &json!({})).1;
    let ids: Vec<_> =
        left["documents"].as_array().expect("rows").iter().map(|d| &d["id"]).collect();
    assert_eq!(ids, ["-4", "5"]);
}
