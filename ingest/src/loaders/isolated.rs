//! Reading of one file by a second process, with bounds on time and memory: whatever a parser does on damaged bytes
//! ends that process and no other.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{BufWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, setrlimit};

use super::{Content, Format, Part, parse, pdf, table};
use lexivec::storage::reason;

use crate::error::{Error, Result};

/// First argument of a program that is started to read one file; bounds and path follow.
const VERB: &str = "lexivec-read-file";
/// Environment variable with the path of a program that reads files: the `lexivec` command, or any other that calls
/// [`serve_if_asked`].
pub const READER_VARIABLE: &str = "LEXIVEC_READER";
/// Paragraphs and rows of a file of a folder: those of the longest books and logs are fewer.
const MAX_PARTS: u64 = 200_000;
/// Ratio of wall-clock time to processor time that a reader may take: it also waits for the disk.
const CLOCK_FACTOR: u64 = 4;

/// True once this program has called [`serve_if_asked`], so that it can be started as a reader.
static SERVES: AtomicBool = AtomicBool::new(false);

/// The program that reads PDF, Parquet and long files, one process for each file.
///
/// Without one in [`FolderOptions`](crate::FolderOptions), [`Reader::find`] chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Reader {
    /// A program that calls [`serve_if_asked`] at its start, such as the `lexivec` command.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    /// Adds an argument that comes before those of the reader, for a program that is an interpreter. Such a host
    /// passes the arguments behind it on to [`serve`].
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The first of: the program in the environment variable `LEXIVEC_READER`; this program, if it has called
    /// [`serve_if_asked`]; the `lexivec` command in the directory of this program.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such program; the message lists the three ways to provide one.
    pub fn find() -> Result<Self> {
        if let Some(program) = std::env::var_os(READER_VARIABLE).filter(|path| !path.is_empty()) {
            return Ok(Self::new(program));
        }
        let own = std::env::current_exe().ok();
        if let Some(own) = own.as_ref().filter(|_| SERVES.load(Ordering::Relaxed)) {
            return Ok(Self::new(own));
        }
        let neighbour = own.as_deref().and_then(Path::parent).map(|dir| dir.join("lexivec"));
        neighbour.filter(|path| path.is_file()).map(Self::new).ok_or_else(|| {
            Error::argument(format!(
                "PDF, Parquet and files of more than 128 KiB are read by a separate process, and no program for it was found; set \
                 {READER_VARIABLE} to the path of the lexivec command, name it with FolderOptions::reader, or call \
                 lexivec_ingest::serve_if_asked() first in main()"
            ))
        })
    }
}

/// Bounds of reading one file.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Seconds of processor time.
    seconds: u64,
    /// Bytes of address space.
    memory: u64,
    /// Bytes of the file's parts, as lines of JSON.
    output: u64,
    /// Paragraphs and rows: each takes memory besides its text.
    parts: u64,
}

impl Bounds {
    /// A file of a folder: a book of 2,000 pages takes a few seconds.
    pub(crate) const OF_A_FILE: Self =
        Self { seconds: 60, memory: 2 << 30, output: 64 << 20, parts: MAX_PARTS };
    /// A file of text of a folder: the longest one that is taken, 64 MiB, takes about a second.
    pub(crate) const OF_A_TEXT: Self =
        Self { seconds: 4, memory: 512 << 20, output: 64 << 20, parts: MAX_PARTS };
    /// A table that was asked for by name, and may be long.
    pub(crate) const OF_A_TABLE: Self =
        Self { seconds: 3_600, memory: 8 << 30, output: 4 << 30, parts: u32::MAX as u64 };

    fn numbers(self) -> [u64; 4] {
        [self.seconds, self.memory, self.output, self.parts]
    }
}

/// Turns this process into a reader if it was started as one; returns otherwise.
///
/// A program that ingests PDF or Parquet calls it first in `main`, before it reads its arguments. A reader prints the
/// parts of its file on stdout and ends the process, with exit code 0, or 1 if the bounds cannot be set.
pub fn serve_if_asked() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = serve(&arguments) {
        std::process::exit(code);
    }
    SERVES.store(true, Ordering::Relaxed);
}

/// Reads a file if these arguments, without the name of the program, ask for it, and prints its parts on stdout.
///
/// Returns the exit code with which the process should end at once, as its limits stay lowered; `None` if the
/// arguments ask for something else.
pub fn serve(arguments: &[OsString]) -> Option<i32> {
    let [verb, seconds, memory, output, parts, path] = arguments else { return None };
    if verb != VERB {
        return None;
    }
    let number = |text: &OsString| text.to_str()?.parse().ok();
    let bounds = (|| {
        Some(Bounds {
            seconds: number(seconds)?,
            memory: number(memory)?,
            output: number(output)?,
            parts: number(parts)?,
        })
    })();
    // Limits are lowered for good, so that the caller must end the process.
    let done = bounds.map(|bounds| run(Path::new(path), bounds, std::io::stdout().lock()));
    Some(if matches!(done, Some(Ok(()))) { 0 } else { 1 })
}

/// Reads a file by a new process. The error is the reason why it cannot be read, in words that follow its path.
pub(crate) fn read(
    reader: &Reader,
    path: &Path,
    bounds: Bounds,
) -> std::result::Result<Content, String> {
    let clock = Duration::from_secs(bounds.seconds.saturating_mul(CLOCK_FACTOR));
    read_within(reader, path, bounds, clock)
}

/// Reads a file by a new process, which has to close its output within `clock`.
fn read_within(
    reader: &Reader,
    path: &Path,
    bounds: Bounds,
    clock: Duration,
) -> std::result::Result<Content, String> {
    let mut child = Command::new(&reader.program)
        .args(&reader.arguments)
        .arg(VERB)
        .args(bounds.numbers().map(|bound| bound.to_string()))
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A new process group, so that processes that it starts end with it.
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot start its reader, {}: {e}", reader.program.display()))?;
    let (sender, receiver) = mpsc::channel();
    let pipe = child.stdout.take();
    // Not joined: a process that left the group may hold the pipe for as long as it likes.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(bounds.output).read_to_end(&mut bytes));
        let _ = sender.send(read.is_some_and(|read| read.is_ok()).then_some(bytes));
    });
    let output = receiver.recv_timeout(clock);
    // A reader that ends by itself has its exit code before its output ends, and keeps it.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let ended = child.wait().map_err(|e| e.to_string())?;
    let Ok(output) = output else {
        return Err(format!("its reader took more than {} s", clock.as_secs_f64()));
    };
    let bytes = output.ok_or_else(|| failure(ended, bounds))?;
    if bytes.len() as u64 >= bounds.output {
        return Err(format!("its text has more than {} bytes", bounds.output));
    }
    if !ended.success() {
        return Err(failure(ended, bounds));
    }
    let content = collect(&bytes)?;
    let stranger =
        || format!("its reader, {}, does not call serve_if_asked()", reader.program.display());
    content.ok_or_else(stranger)
}

fn failure(ended: ExitStatus, bounds: Bounds) -> String {
    format!(
        "its reader gave up ({ended}): the file is damaged, or takes more than {} s or {} MiB",
        bounds.seconds,
        bounds.memory >> 20
    )
}

/// The content from its parts; `None` if their end is missing.
fn collect(bytes: &[u8]) -> std::result::Result<Option<Content>, String> {
    let (mut content, mut ended) = (Content::default(), false);
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line).map_err(|e| format!("its reader failed: {e}"))? {
            Part::Title(title) => content.title = Some(title),
            Part::Block(block) => content.blocks.push(block),
            Part::Row(row) => content.rows.push(row),
            Part::Fault(detail) => content.faults.push(detail),
            Part::Failure(detail) => return Err(detail),
            Part::End => ended = true,
        }
    }
    Ok(ended.then_some(content))
}

/// Reads a file in this process, within bounds, and writes its parts as JSON, one a line.
fn run(path: &Path, bounds: Bounds, out: impl Write) -> std::result::Result<(), String> {
    let fail = |e: rustix::io::Errno| format!("cannot set the bounds: {e}");
    let limit = |n| Rlimit { current: Some(n), maximum: Some(n) };
    setrlimit(Resource::Cpu, limit(bounds.seconds)).map_err(fail)?;
    setrlimit(Resource::As, limit(bounds.memory)).map_err(fail)?;
    setrlimit(Resource::Core, limit(0)).map_err(fail)?;
    // Ctrl-C does not reach the reader's process group: it ends with the process that started it.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(fail)?;
    let mut out = BufWriter::new(out);
    let (mut written, given) = (Ok(()), Cell::new(0));
    let mut give = |part: Part| {
        given.set(given.get() + u64::from(matches!(part, Part::Block(_) | Part::Row(_))));
        let is_within = given.get() <= bounds.parts || matches!(part, Part::Failure(_));
        if written.is_ok() && is_within {
            written = serde_json::to_writer(&mut out, &part)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
        }
    };
    let read = match Format::of(path) {
        Some(Format::Pdf) => pdf::read(path, &mut give),
        Some(Format::Parquet) => table::parquet(path, &mut give),
        Some(format) => std::fs::read(path)
            .map_err(|e| reason(&e))
            .and_then(|bytes| parse(format, &bytes))
            .map(|content| content.into_parts().for_each(&mut give)),
        None => Err("its format is not known".to_owned()),
    };
    let end = match read {
        Ok(()) if given.get() > bounds.parts => Part::Failure(format!(
            "it has {} paragraphs or rows, and {} are read; split it",
            given.get(),
            bounds.parts
        )),
        read => read.map_or_else(Part::Failure, |()| Part::End),
    };
    give(end);
    written.and_then(|()| out.flush()).map_err(|e| e.to_string())
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    /// A shell that runs a script in place of a reader.
    fn shell(script: &str) -> Reader {
        Reader::new("/bin/sh").argument("-c").argument(script)
    }

    #[test]
    fn a_reader_that_hangs_is_ended_with_all_it_started() {
        let scratch = tempfile::tempdir().expect("a directory");
        let fifo = scratch.path().join("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
        assert!(made.success());
        let name = fifo.display();
        for (pipe, expected) in [
            // The process that the reader started holds the pipe.
            ("", "took more than"),
            // The pipe is closed, and the reader stays.
            ("exec >&-;", "gave up"),
        ] {
            let then =
                format!("exec 9> '{name}'; {pipe} (sleep 9; echo alive >&9) & exec sleep 600");
            let held = OpenOptions::new().read(true).write(true).open(&fifo).expect("opened");
            let mut written = File::open(&fifo).expect("opened");
            let clock = Duration::from_secs(1);
            let read = read_within(&shell(&then), Path::new("x.pdf"), Bounds::OF_A_FILE, clock);
            let reason = read.expect_err(&then);
            assert!(reason.contains(expected), "{reason}");
            drop(held);
            let mut rest = String::new();
            written.read_to_string(&mut rest).expect("read");
            assert_eq!(rest, "", "{then}");
        }
    }
}
