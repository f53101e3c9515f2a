//! Time of one search from Rust, for the comparison with the same search from Python: `call-bench DIR REQUESTS ROUNDS`.
//!
//! REQUESTS has one request a line, as JSON. Each is answered once to warm up; then all of them, ROUNDS times. The one
//! line of output has the median microseconds a request.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // its output is its purpose

use std::io::{Error, Result};
use std::time::Instant;

use lexivec::{Collection, SearchRequest};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, requests, rounds] = arguments.as_slice() else {
        return Err(Error::other("usage: call-bench DIR REQUESTS ROUNDS"));
    };
    let rounds: usize = rounds.parse().map_err(Error::other)?;
    let requests = std::fs::read_to_string(requests)?;
    let requests: Vec<SearchRequest> =
        requests.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    let collection = Collection::open_read_only(directory).map_err(Error::other)?;
    let mut times = Vec::with_capacity(requests.len() * rounds);
    for round in 0..=rounds {
        for request in &requests {
            let began = Instant::now();
            let answer = collection.search(request).map_err(Error::other)?;
            let took = began.elapsed().as_secs_f64() * 1e6;
            std::hint::black_box(answer);
            if round > 0 {
                times.push(took);
            }
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!("{median:.2}");
    Ok(())
}
