//! Output: data on stdout, messages and progress on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the room for it

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};
use lexivec::Stage;
use serde::Serialize;

use crate::exit::{Failure, Outcome};

/// Widest lines of text on a terminal; longer ones are hard to read.
const MAX_COLUMNS: usize = 100;

/// Prints a failure.
pub(crate) fn complain(failure: &Failure) {
    eprintln!("lexivec: {failure}");
}

/// Prints a message for people.
pub(crate) fn note(message: &str) {
    eprintln!("{message}");
}

/// A number with its noun: 1 file, 2 files, 2 queries.
pub(crate) fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == N::from(1) => format!("{number} {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

/// Prints one line of data.
pub(crate) fn line(text: &str) -> Outcome<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints data. If the reader has closed the pipe (`| head`), the command ends quietly.
pub(crate) fn bytes(data: &[u8]) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(data).and_then(|()| out.flush()) {
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

/// The form of text on stdout: styled and wrapped on a terminal, plain lines elsewhere. `NO_COLOR` switches styles off.
pub(crate) struct Paper {
    styled: bool,
    /// Columns of the terminal; `None` for lines of any length.
    columns: Option<usize>,
}

impl Paper {
    pub(crate) fn new() -> Self {
        let out = std::io::stdout();
        let styled = anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
        let columns = out.is_terminal().then(|| textwrap::termwidth().min(MAX_COLUMNS));
        Self { styled, columns }
    }

    /// A text in a style, if styles are on.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        match self.styled && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    /// A text that stands out: in a style, or in square brackets.
    pub(crate) fn marked(&self, style: Style, text: &str) -> String {
        match self.styled {
            // Each word by itself, as a style must not reach over the end of a line.
            true => {
                text.split(' ').map(|word| self.styled(style, word)).collect::<Vec<_>>().join(" ")
            }
            false => format!("[{text}]"),
        }
    }

    /// A text in lines of the terminal's width, the first after `lead`, the others after `indent`.
    pub(crate) fn wrap(&self, text: &str, lead: &str, indent: &str) -> String {
        match self.columns {
            None => format!("{lead}{text}"),
            Some(columns) => {
                let options = textwrap::Options::new(columns);
                textwrap::fill(text, options.initial_indent(lead).subsequent_indent(indent))
            }
        }
    }
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
