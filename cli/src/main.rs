//! The `lexivec` command: collections in directories, without a server running.
#![forbid(unsafe_code)]

mod added;
mod args;
mod commands;
mod endpoint;
mod exit;
mod input;
mod model;
mod output;
mod ranking;
mod wheel;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            failure.code()
        }
    }
}
