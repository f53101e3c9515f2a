//! `serve`: a collection, or a directory of them, over HTTP on loopback.

use std::process::ExitCode;

use lexivec::OpenOptions;
use lexivec_server::{Config, Server};
use serde_json::json;

use crate::args::Serve;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &Serve, open: OpenOptions) -> Outcome<ExitCode> {
    let mut config = Config::new(&args.dir);
    config.open = open;
    config.bind = args.bind;
    config.hosts = args.host_names.iter().map(|h| h.to_ascii_lowercase()).collect();
    config.embedder = args.models.vectors.embedder()?;
    config.reranker = args.models.reranker()?;
    let served = Server::run_blocking(config, |address, collections| {
        if args.json {
            // Without a reader for the line the server serves all the same.
            let ready = json!({ "address": address.to_string(), "collections": collections });
            let _ = output::json(&ready);
        } else {
            output::note(&format!("serving {collections:?} on http://{address}"));
        }
    });
    served.map_err(|e| Failure::new(e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
