//! The log of a server: its lines on stderr, as text or JSON.

use std::time::Duration;

use lexivec_server::{Config, limits};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Options of the log.
#[derive(clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// Least level of lines in the log, on stderr: off, error, warn, info (each request) or debug. No texts, vectors or
    /// keys are in it, but for --log-queries.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
    /// Form of the lines of the log.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
    /// Milliseconds of a search from which the log has its stages and its plan, as a warning.
    #[arg(long, value_name = "N", default_value_t = SLOW_QUERY_MS)]
    slow_query_ms: u64,
    /// Have the first 2 KiB of the bodies of slow searches in the log as well, with their words and vectors.
    #[arg(long)]
    log_queries: bool,
}

/// The server's default, in milliseconds.
const SLOW_QUERY_MS: u64 = limits::SLOW_QUERY.as_millis() as u64;

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    /// A line of text for people.
    Text,
    /// A JSON object a line for programs.
    Json,
}

impl LogArgs {
    /// Sets the part of the log that the server writes by itself.
    pub(crate) fn set(&self, config: &mut Config) {
        config.slow_query = Duration::from_millis(self.slow_query_ms);
        config.log_queries = self.log_queries;
    }

    /// Sends the lines of the log to stderr from now on.
    pub(crate) fn begin(&self) {
        let lines = tracing_subscriber::fmt().with_max_level(self.log).with_writer(std::io::stderr);
        // The library of the protocol of agents logs their messages, and these have texts.
        let targets = Targets::new().with_default(self.log).with_target("rmcp", LevelFilter::ERROR);
        // A log that began before stays as it is.
        let _ = match self.log_format {
            LogFormat::Text => {
                use std::io::IsTerminal;
                let lines = lines.with_ansi(std::io::stderr().is_terminal());
                lines.finish().with(targets).try_init()
            }
            LogFormat::Json => lines.json().flatten_event(true).finish().with(targets).try_init(),
        };
    }
}
