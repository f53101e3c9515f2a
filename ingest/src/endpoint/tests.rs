//! Tests with a scripted endpoint: calls that are repeated, calls that are refused, and secrets that no
//! message shows.
#![allow(clippy::expect_used, clippy::panic)] // a test's ways to fail

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::*;

const SECRET: &str = "sk-0123456789";

/// A server that gives the answers it was made with, one a connection, and the requests it got.
struct Canned {
    url: String,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Canned {
    fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let mut answers = VecDeque::from(answers);
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            while let Some(answer) = answers.pop_front() {
                let (stream, _) = listener.accept().expect("accepted");
                let mut reader = BufReader::new(&stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a line");
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("content-length")
                    {
                        length = value.trim().parse().expect("a length");
                    }
                    head.push_str(&line);
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                requests.push(head + &String::from_utf8_lossy(&body));
                let _ = (&stream).write_all(answer.as_bytes());
            }
            requests
        });
        Self { url, thread: Some(thread) }
    }

    /// The requests, once every answer was sent.
    fn requests(mut self) -> Vec<String> {
        self.thread.take().expect("running").join().expect("ended")
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn good() -> String {
    answer("200 OK", "", r#"{"data": [{"index": 0, "embedding": [1, 2]}]}"#)
}

fn open(url: &str, pauses: &Arc<Mutex<Vec<u64>>>) -> Endpoint {
    let (address, pauses) = (
        Address { url, name: "m", key: Some(Key(SECRET.to_owned())), dim: Some(2) },
        pauses.clone(),
    );
    let pause = move |wait: Duration| pauses.lock().expect("a list").push(wait.as_secs());
    Endpoint::open_with(address, Box::new(pause)).expect("opened")
}

/// The result for one text, the pauses, and the requests of the server.
fn embed(answers: Vec<String>) -> (std::result::Result<Vec<f32>, String>, Vec<u64>, Vec<String>) {
    let server = Canned::start(answers);
    let pauses = Arc::default();
    let found = open(&server.url, &pauses).embed(&["wing"]);
    let found = found.map(|mut v| v.remove(0).expect("a vector")).map_err(|e| e.to_string());
    let pauses = pauses.lock().expect("a list").clone();
    (found, pauses, server.requests())
}

#[test]
fn a_busy_server_is_asked_again_and_not_for_ever() {
    let busy = |headers: &str| answer("429 Too Many Requests", headers, "{}");
    let broken = || answer("503 Service Unavailable", "", "{}");
    let (found, pauses, requests) =
        embed(vec![busy("retry-after: 7\r\n"), broken(), busy("retry-after: 900\r\n"), good()]);
    assert_eq!((found, pauses), (Ok(vec![1.0, 2.0]), vec![7, 2, 30]));
    assert_eq!(requests.len(), 4);
    let end = requests[0].split("\r\n\r\n").nth(1).expect("a body");
    let asked: serde_json::Value = serde_json::from_str(end).expect("JSON");
    let expected = serde_json::json!({"model": "m", "input": ["wing"], "encoding_format": "float"});
    assert_eq!(asked, expected);
    assert!(requests[0].starts_with("POST /v1/embeddings HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].to_lowercase().contains(&format!("authorization: bearer {SECRET}")));

    let (found, pauses, _) = embed((0..MAX_ATTEMPTS).map(|_| broken()).collect());
    let error = found.expect_err("must give up");
    assert!(error.contains("503") && error.contains("5 times; try again later"), "{error}");
    assert_eq!(pauses, [1, 2, 4, 8]);
}

#[test]
fn what_is_no_answer_is_told_at_once_and_without_the_key() {
    let echo = format!(r#"{{"error": {{"message": "no such key:\n{SECRET}"}}}}"#);
    let of = |body: &str| answer("200 OK", "", body);
    for (given, expected) in [
        (
            answer("401 Unauthorized", "", &echo),
            "no such key: [key]; give the key of this endpoint",
        ),
        (answer("404 Not Found", "", "nothing here"), "nothing here; check the URL"),
        (answer("400 Bad Request", "", r#"{"error": "too long"}"#), "400 Bad Request: too long"),
        (answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""), "the endpoint has moved"),
        (of("<html>"), "not what an endpoint for embeddings gives"),
        (of(r#"{"data": [[1, 2]]}"#), "not what an endpoint for embeddings gives"),
        (of(r#"{"data": []}"#), "0 vectors for 1 texts"),
        (of(r#"{"data": [{"index": 1, "embedding": [1, 2]}]}"#), "no vector has the index 0"),
        (of(r#"{"data": [{"index": 0, "embedding": [1]}]}"#), "1 components, and 2 are expected"),
        (of(r#"{"data": [{"index": 0, "embedding": [1, 1e39]}]}"#), "number out of range"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{".to_owned(), "no answer"),
        ("\u{1}\u{2}\r\n\r\n".to_owned(), "no answer"),
    ] {
        let (found, pauses, requests) = embed(vec![given]);
        let error = found.expect_err("must be refused");
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        assert!(error.contains("/v1/embeddings (model m)") && !error.contains(SECRET), "{error}");
        assert!(pauses.is_empty() && requests.len() == 1);
    }
    // The server's own words have the key, so that a message could.
    assert!(echo.contains(SECRET));
}

#[test]
fn an_answer_without_an_end_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepted");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let mut sent = 0u64;
        while stream.write_all(&[b' '; 1 << 16]).is_ok() {
            sent += 1 << 16;
        }
        sent
    });
    let error = open(&url, &Arc::default()).embed(&["wing"]).expect_err("must be refused");
    assert!(error.to_string().contains("over the limit of 67108864 bytes"), "{error}");
    // What lies in the sockets' buffers is little.
    assert!(thread.join().expect("ended") < 2 * MAX_ANSWER_BYTES);
}

#[test]
fn calls_have_few_texts_and_few_bytes() {
    let long = "x".repeat(MAX_CALL_BYTES - 1);
    let mut texts = vec!["a"; 2 * MAX_CALL_TEXTS + 1];
    texts.extend([&long, "a", "a", &long, &long]);
    let parts = parts(&texts);
    assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [64, 64, 2, 2, 1, 1]);
    assert_eq!(parts.concat(), texts);
    assert!(super::parts(&[]).is_empty());
}

#[test]
fn urls_that_are_none_are_told() {
    for (url, expected) in [
        ("127.0.0.1:8009/v1", "give one as https://HOST/v1"),
        ("ftp://host/v1", "not a URL of http"),
        ("http:///v1", "the URL"),
        ("http://host/v1?a=b", "more than a path"),
        ("https://host/v1/embeddings", "is added to it; give \"https://host/v1\""),
        ("not a url", "the URL"),
        ("https://me:sk-0123456789@host/v1", "has a user in it"),
    ] {
        let error = checked(url).expect_err("must be refused").to_string();
        assert!(error.contains(expected), "{url}: {error}");
        assert!(!error.contains(SECRET), "{error}");
    }
    assert_eq!(checked("https://host:1/v1//").expect("a URL"), "https://host:1/v1");
}

#[test]
fn the_hash_is_of_url_name_and_dimension() {
    let hash = |url: &str, name: &str, dim: usize| {
        let address = Address { url, name, key: None, dim: Some(dim) };
        Endpoint::open(address).expect("opened").hash
    };
    let own = hash("http://h/v1", "m", 2);
    assert_eq!((hash("http://h/v1/", "m", 2), own.len()), (own.clone(), 32));
    for other in
        [hash("http://i/v1", "m", 2), hash("http://h/v1", "n", 2), hash("http://h/v1", "m", 3)]
    {
        assert_ne!(other, own);
    }
}
