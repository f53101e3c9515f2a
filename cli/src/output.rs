//! What is printed: data on stdout, messages and progress on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the room for it

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use lexivec::Stage;
use serde::Serialize;

use crate::exit::{Failure, Outcome};

/// Prints a failure.
pub(crate) fn complain(failure: &Failure) {
    eprintln!("lexivec: {failure}");
}

/// Prints a message for people.
pub(crate) fn note(message: &str) {
    eprintln!("{message}");
}

/// Prints one line of data. A reader that has gone (`| head`) ends the command quietly.
pub(crate) fn line(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.map_err(|e| Failure::new(format!("cannot write the output: {e}"))),
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Outcome<()> {
    let text = serde_json::to_string(value)
        .map_err(|e| Failure::new(format!("the answer cannot be written as JSON: {e}")))?;
    line(&text)
}

/// A bar on a terminal, silent otherwise.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        let template = "{msg:>8} [{bar:40}] {pos}/{len} {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    pub(crate) fn show(&self, stage: Stage, done: usize, all: usize) {
        let name = match stage {
            Stage::Embed => "embed",
            Stage::Text => "text",
            Stage::Graph => "graph",
            _ => "write",
        };
        self.bar.set_message(name);
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
