//! `mcp`: collections for an agent, by the Model Context Protocol over stdin and stdout.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::OpenOptions;
use lexivec_server::{Config, serve_stdio};

use crate::exit::{Failure, Outcome};
use crate::log::LogArgs;
use crate::model::Models;
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Mcp {
    /// Directory of a collection, or a directory of collections.
    dir: PathBuf,
    /// Offer the tools that add and delete documents; the directory is then locked for others that write. Without it,
    /// it is read next to them.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &Mcp, open: OpenOptions) -> Outcome<ExitCode> {
    if !args.dir.exists() {
        return Err(Failure::new(format!(
            "{dir} does not exist; make a collection with `lexivec create {dir}`",
            dir = args.dir.display()
        )));
    }
    args.log.begin();
    let mut config = Config::new(&args.dir);
    config.open = open;
    config.embedder = args.models.vectors.embedder()?;
    config.reranker = args.models.reranker()?;
    let served = serve_stdio(config, args.write, |collections, unopened| {
        for other in unopened {
            output::note(&format!("not served: {}", other.reason));
        }
        let how = if args.write { "reading and writing" } else { "reading" };
        output::note(&format!("serving {collections:?} to an agent, for {how}"));
    });
    served.map_err(|e| Failure::new(e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
