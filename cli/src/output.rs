//! Output: data on stdout, messages and progress on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the room for it

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};
use lexivec::{Stage, storage};
use serde::Serialize;

use crate::exit::{Failure, Outcome};

/// Widest lines of text on a terminal; longer ones are hard to read.
const MAX_COLUMNS: usize = 100;

/// A text that a terminal shows and does not obey: control characters, which documents, files and servers may bring,
/// are shown as signs; so are marks that change the direction of writing. Line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(|c| sign(c).is_some()) {
        true => text.chars().map(|c| sign(c).unwrap_or(c)).collect(),
        false => Cow::Borrowed(text),
    }
}

/// A text that is [`printable`] and stays on its line: an id, a path, a title.
pub(crate) fn in_line(text: &str) -> String {
    let breaks = |c| match c {
        '\n' => '\u{240a}',
        '\t' => '\u{2409}',
        c => c,
    };
    printable(text).chars().map(breaks).collect()
}

/// The sign of a character that is not shown as it is.
fn sign(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => None,
        // Unicode has a picture of each.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        _ => None,
    }
}

/// A text as one word of a command line.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.contains(char::is_control) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    // The one way of shells to write control characters.
    let escaped = text.chars().map(|c| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_control() => c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
        c => c.to_string(),
    });
    format!("$'{}'", escaped.collect::<String>())
}

/// Prints a failure.
pub(crate) fn complain(failure: &Failure) {
    eprintln!("lexivec: {}", printable(&failure.to_string()));
}

/// Prints a message for people.
pub(crate) fn note(message: &str) {
    eprintln!("{}", printable(message));
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
    bytes(format!("{}\n", printable(text)).as_bytes())
}

/// Prints data. If the reader has closed the pipe (`| head`), the command ends quietly.
pub(crate) fn bytes(data: &[u8]) -> Outcome<()> {
    Stdout.write_all(data).map_err(|e| Failure::new(format!("cannot write the output: {e}")))
}

/// Stdout, without a buffer. If the reader has closed the pipe, the command ends quietly.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout().lock();
        match out.write_all(data).and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            written => written.map(|()| data.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Outcome<()> {
    let text = serde_json::to_string(value)
        .map_err(|e| Failure::new(format!("the answer cannot be written as JSON: {e}")))?;
    bytes(format!("{text}\n").as_bytes())
}

/// Writes a file, which takes the place of one that is there once it is whole. A pipe or a device is written as it is.
pub(crate) fn file(path: &Path, data: &[u8]) -> Outcome<()> {
    storage::output::replace(path, data).map_err(|e| unwritten(path, &e))
}

/// Writes a file that must not exist; it gets its name once it is whole, and a failure leaves none behind.
pub(crate) fn new_file<T>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Outcome<T>,
) -> Outcome<T> {
    storage::output::create(path, write).map_err(|e| unwritten(path, &e))?
}

fn unwritten(path: &Path, error: &storage::Error) -> Failure {
    let reason = match error {
        storage::Error::AlreadyExists { .. } => {
            "it exists already; remove it, or name another file"
        }
        storage::Error::NotFound { .. } => "its folder does not exist",
        error => return Failure::new(error.to_string()),
    };
    Failure::new(format!("cannot write {}: {reason}", path.display()))
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

    /// Prints a text that was made [`printable`], with its styles, in lines of the terminal's width: the first after
    /// `lead`, the others after `indent`.
    pub(crate) fn line(&self, text: &str, lead: &str, indent: &str) -> Outcome<()> {
        bytes(format!("{}\n", self.wrap(text, lead, indent)).as_bytes())
    }

    /// A text in a style, if styles are on.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        let text = in_line(text);
        match self.styled && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text,
        }
    }

    /// A text that stands out: in a style, or in square brackets.
    pub(crate) fn marked(&self, style: Style, text: &str) -> String {
        match self.styled {
            // Each word by itself, as a style must not reach over the end of a line.
            true => {
                text.split(' ').map(|word| self.styled(style, word)).collect::<Vec<_>>().join(" ")
            }
            false => format!("[{}]", in_line(text)),
        }
    }

    /// A text in lines of the terminal's width, the first after `lead`, the others after `indent`.
    fn wrap(&self, text: &str, lead: &str, indent: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_documents_is_shown_and_not_obeyed() {
        for (text, lines, line) in [
            ("plain é ü 漢", "plain é ü 漢", "plain é ü 漢"),
            ("a\u{1b}]0;owned\u{7}\u{1b}[2J", "a␛]0;owned␇␛[2J", "a␛]0;owned␇␛[2J"),
            ("one\n\ttwo\r", "one\n\ttwo␍", "one␊␉two␍"),
            ("\0\u{7f}\u{9b}31m\u{202e}", "␀␡�31m�", "␀␡�31m�"),
        ] {
            assert_eq!(printable(text), lines);
            assert_eq!(in_line(text), line);
        }
    }

    #[test]
    fn words_of_a_command_line_are_quoted_where_they_must_be() {
        for (text, word) in [
            ("docs/a.md:3", "docs/a.md:3"),
            ("", "''"),
            ("a b#1", "'a b#1'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("a\n'\\", r"$'a\012\'\\'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
