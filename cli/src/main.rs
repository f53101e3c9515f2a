//! The `lexivec` command: collections in directories, without a server running.
#![forbid(unsafe_code)]

mod admission;
mod answer;
mod commands;
mod config;
mod exit;
mod log;
mod model;
mod output;
mod queries;
mod ranking;
mod target;
#[cfg(feature = "otlp")]
mod telemetry;
mod values;

use std::process::ExitCode;

/// The system's allocator keeps most of what it was given back; this one gives it to the system within seconds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // A PDF, Parquet or long file is read by a second process of this command.
    lexivec_ingest::serve_if_asked();
    // Without it a segment file that is cut short while it is open ends the process; nothing else depends on it.
    let _ = lexivec::storage::survive_lost_pages();
    match run() {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            failure.code()
        }
    }
}

fn run() -> exit::Outcome<ExitCode> {
    let arguments = commands::arguments()?.unwrap_or_else(|fault| fault.exit());
    commands::run(arguments)
}
