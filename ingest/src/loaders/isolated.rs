//! Reading of one file by a second process, with bounds on time and memory: whatever a parser does on damaged bytes
//! ends that process and no other.

use std::ffi::OsString;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Content, Format, Part, pdf, table};
use crate::error::{Error, Result};

/// First argument of a program that is started to read one file; bounds and path follow.
const VERB: &str = "lexivec-read-file";
/// Environment variable with the path of a program that reads files: the `lexivec` command, or any other that calls
/// [`serve_if_asked`].
pub const READER_VARIABLE: &str = "LEXIVEC_READER";
/// Ratio of wall-clock time to processor time that a reader may take: it also waits for the disk.
const CLOCK_FACTOR: u64 = 4;

/// True once this program has called [`serve_if_asked`], so that it can be started as a reader.
static SERVES: AtomicBool = AtomicBool::new(false);

/// The program that reads PDF and Parquet files, one process for each file.
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
                "PDF and Parquet are read by a separate process, and no program for it was found; set \
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
}

impl Bounds {
    /// A file of a folder: a book of 2,000 pages takes a few seconds.
    pub(crate) const OF_A_FILE: Self = Self { seconds: 60, memory: 2 << 30, output: 64 << 20 };
    /// A table that was asked for by name, and may be long.
    pub(crate) const OF_A_TABLE: Self = Self { seconds: 3_600, memory: 8 << 30, output: 4 << 30 };
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
    let [verb, seconds, memory, output, path] = arguments else { return None };
    if verb != VERB {
        return None;
    }
    let number = |text: &OsString| text.to_str()?.parse().ok();
    let bounds = (|| {
        Some(Bounds { seconds: number(seconds)?, memory: number(memory)?, output: number(output)? })
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
    let mut child = Command::new(&reader.program)
        .args(&reader.arguments)
        .arg(VERB)
        .args([bounds.seconds, bounds.memory, bounds.output].map(|bound| bound.to_string()))
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start its reader, {}: {e}", reader.program.display()))?;
    let (sender, receiver) = mpsc::channel();
    let pipe = child.stdout.take();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(bounds.output).read_to_end(&mut bytes));
        let _ = sender.send(());
        (bytes, read.is_some_and(|read| read.is_ok()))
    });
    let clock = Duration::from_secs(bounds.seconds.saturating_mul(CLOCK_FACTOR));
    let in_time = receiver.recv_timeout(clock).is_ok();
    // Its output has ended or reached the bound; otherwise it ran out of time.
    if !in_time {
        let _ = child.kill();
    }
    let whole = reading.join();
    let ended = child.wait().map_err(|e| e.to_string())?;
    let (bytes, read) = whole.unwrap_or_default();
    if !in_time {
        return Err(format!("its reader took more than {} s", clock.as_secs()));
    }
    if bytes.len() as u64 >= bounds.output {
        return Err(format!("its text has more than {} bytes", bounds.output));
    }
    if !read || !ended.success() {
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
    let mut out = BufWriter::new(out);
    let mut written = Ok(());
    let mut give = |part: Part| {
        if written.is_ok() {
            written = serde_json::to_writer(&mut out, &part)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
        }
    };
    let read = match Format::of(path) {
        Some(Format::Pdf) => pdf::read(path, &mut give),
        Some(Format::Parquet) => table::parquet(path, &mut give),
        _ => Err("it is neither PDF nor Parquet".to_owned()),
    };
    give(read.map_or_else(Part::Failure, |()| Part::End));
    written.and_then(|()| out.flush()).map_err(|e| e.to_string())
}
