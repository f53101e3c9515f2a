//! Time of a search from Rust, for the comparison with the same search from Python: `call-bench DIR REQUESTS`.
//!
//! REQUESTS has one request a line, as JSON. For each line on the standard input, all of them are answered once, and
//! one line of output has the microseconds of each, its answer freed, as JSON. So another process can take turns with
//! this one, and both meet the same state of the machine.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // its output is its purpose

use std::io::{Error, Result, stdin};
use std::time::Instant;

use lexivec::{Collection, SearchRequest};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, requests] = arguments.as_slice() else {
        return Err(Error::other("usage: call-bench DIR REQUESTS"));
    };
    let requests = std::fs::read_to_string(requests)?;
    let requests: Vec<SearchRequest> =
        requests.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    let collection = Collection::open_read_only(directory).map_err(Error::other)?;
    for turn in stdin().lines() {
        turn?;
        let mut times = Vec::with_capacity(requests.len());
        for request in &requests {
            let began = Instant::now();
            drop(collection.search(request).map_err(Error::other)?);
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
        println!("{}", serde_json::to_string(&times)?);
    }
    Ok(())
}
