//! The log of a server: its lines on stderr, as text or JSON.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Options of the log.
#[derive(clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// Least level of lines in the log, on stderr: off, error, warn, info (each request) or debug. No texts, vectors or
    /// keys are in it.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
    /// Form of the lines of the log.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    /// A line of text for people.
    Text,
    /// A JSON object a line for programs.
    Json,
}

impl LogArgs {
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
