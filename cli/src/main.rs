//! The `lexivec` command: collections in directories, without a server running.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod model;
mod output;
mod queries;
mod ranking;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A PDF or Parquet file is read by a second process of this command.
    lexivec_ingest::serve_if_asked();
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            failure.code()
        }
    }
}
