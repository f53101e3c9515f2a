//! Heads of requests that two servers would read differently, or that a foreign page makes a browser send.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::http::Running;

/// Sends bytes and gives all that comes back until the server ends the connection.
fn answer(server: &Running, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.address).expect("connected");
    stream.write_all(sent.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server ends the connection");
    answer
}

#[test]
fn ambiguous_requests_are_refused_and_end_their_connection() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let count = "/v1/collections/c/count";
    assert_eq!(server.json("PUT", "/v1/collections/c", &json!({})).0, 201);
    let json = "content-type: application/json\r\n";
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let hidden = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (target, head, status) in [
        (count, "host: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n", 400),
        (count, "host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        (count, "host: localhost\r\nhost: other\r\ntransfer-encoding: chunked\r\n", 400),
        (count, "host: localhost\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n", 400),
        (count, "host: localhost\r\ntransfer-encoding: gzip, chunked\r\n", 501),
        (count, "host: localhost\r\ntransfer-encoding: x\r\ntransfer-encoding: chunked\r\n", 501),
        (
            "http://other/v1/collections/c/count",
            "host: localhost\r\ntransfer-encoding: chunked\r\n",
            400,
        ),
        (count, "host: localhost\r\ntransfer-encoding: chunked\r\n", 200),
        (
            "http://localhost/v1/collections/c/count",
            "host: localhost\r\ntransfer-encoding: chunked\r\n",
            200,
        ),
    ] {
        let sent = format!("POST {target} HTTP/1.1\r\n{json}{head}\r\n{chunks}{hidden}");
        let answer = answer(&server, &sent);
        let what = format!("{target} {head:?}: {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one request, one answer: {what}");
    }
    // Requests of a known length follow each other on a connection.
    let sized =
        format!("POST {count} HTTP/1.1\r\nhost: localhost\r\n{json}content-length: 2\r\n\r\n{{}}");
    let last = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = answer(&server, &format!("{sized}{hidden}{sized}{last}"));
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 4, "{answer}");
}

#[test]
fn foreign_pages_change_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    assert_eq!(server.json("PUT", "/v1/collections/c", &json!({})).0, 201);
    let own = format!("origin: http://{}\r\n", server.address);
    let foreign = "origin: http://other.example\r\n";
    let nowhere = "origin: null\r\n";
    let (form, text) =
        ("content-type: application/x-www-form-urlencoded\r\n", "content-type: text/plain\r\n");
    let (kind, script) = ("content-type: application/json\r\n", "x-requested-with: curl\r\n");
    for (head, status) in [
        ("", 415),
        (text, 415),
        (form, 415),
        (kind, 200),
        (script, 200),
        (&format!("{kind}{own}"), 200),
        (&format!("{kind}{foreign}"), 403),
        (&format!("{script}{foreign}"), 403),
        (&format!("{kind}{nowhere}"), 403),
    ] {
        for route in ["flush", "compact", "verify"] {
            let answer = answer(
                &server,
                &format!(
                    "POST /v1/collections/c/{route} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
                     content-length: 0\r\n{head}\r\n",
                    server.address
                ),
            );
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{route} {head:?}: {answer}");
        }
    }
    for method in ["DELETE", "PUT"] {
        let path = "/v1/collections/c/synonyms";
        let answer = answer(
            &server,
            &format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{foreign}\r\n"
            ),
        );
        assert!(answer.starts_with("HTTP/1.1 403 "), "{method}: {answer}");
    }
    // Nothing that a form can send does anything on any route.
    let mut forms = 0;
    for route in lexivec_server::routes()
        .iter()
        .filter(|route| route.methods.iter().any(|(method, _)| *method == "POST"))
    {
        let path = route.path.replace("{collection}", "c");
        let (status, _, answer) = server.call("POST", &path, "text/plain", "{}");
        assert_eq!(status, 415, "{path}: {answer}");
        forms += 1;
    }
    assert!(forms > 15, "{forms}");
}
