//! A small HTTP service over a collection. `--once` asks the service one question over TCP, prints the answer, and
//! exits; without it the service runs until it is stopped.
#![allow(clippy::print_stdout)] // an example prints its results

use std::net::SocketAddr;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use lexivec::prelude::*;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The parameters of `GET /search`.
#[derive(Deserialize)]
struct Question {
    q: String,
    /// A filter in the SQL-like notation.
    filter: Option<String>,
}

type Failure = (StatusCode, String);

/// Answers on a blocking thread: a search computes and reads files, and does not wait for a network.
async fn search(
    State(papers): State<Collection>,
    Query(question): Query<Question>,
) -> Result<Json<SearchResponse>, Failure> {
    let mut request = SearchRequest::text(question.q).limit(5);
    if let Some(filter) = question.filter {
        request = request.filter(filter);
    }
    let answer = tokio::task::spawn_blocking(move || papers.searcher()?.search(&request)).await;
    match answer.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))? {
        Ok(answer) => Ok(Json(answer)),
        Err(error) if error.kind().is_input() => Err((StatusCode::BAD_REQUEST, error.to_string())),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// Sends one request without an HTTP client and returns the response as text.
async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let papers = Collection::in_memory(Options::new())?;
    papers.upsert([
        Document::new("wing").text("a wing in a slipstream").payload("year", 1958),
        Document::new("heat").text("heat in a boundary layer over a wing").payload("year", 1962),
    ])?;

    let service = Router::new().route("/search", get(search)).with_state(papers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("try: curl 'http://{address}/search?q=wing&filter=year>1960'");
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });

    if std::env::args().any(|arg| arg == "--once") {
        println!("{}", ask(address, "/search?q=wing&filter=year%3E1960").await?);
        println!("{}", ask(address, "/search?q=wing&filter=year%3E").await?);
        return Ok(());
    }
    serving.await??;
    Ok(())
}
