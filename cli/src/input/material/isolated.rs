//! Reading a file in a process of its own, with bounds on time and memory: what its reader does on hostile
//! bytes ends that process, and only that.

use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Content, Format, Part, pdf, table};

/// The verb of this command that reads one file; not for people.
const VERB: &str = "read-material";

/// What reading may take.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Bounds {
    /// Seconds of processor time; four times as many by the clock.
    #[arg(long)]
    seconds: u64,
    /// Bytes of address space.
    #[arg(long)]
    memory: u64,
    /// Bytes of what is read, as lines of JSON.
    #[arg(long)]
    output: u64,
}

impl Bounds {
    /// A file of a folder: a book of 2,000 pages takes a few seconds.
    pub(crate) const OF_A_FILE: Self = Self { seconds: 60, memory: 2 << 30, output: 64 << 20 };
    /// A table that was asked for by name, and may be long.
    pub(crate) const OF_A_TABLE: Self = Self { seconds: 3_600, memory: 8 << 30, output: 4 << 30 };
}

/// Reads a file in a process of its own.
pub(super) fn read(path: &Path, bounds: Bounds) -> Result<Content, String> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find this command: {e}"))?;
    let mut child = Command::new(own)
        .arg(VERB)
        .arg(format!("--seconds={}", bounds.seconds))
        .arg(format!("--memory={}", bounds.memory))
        .arg(format!("--output={}", bounds.output))
        .arg("--")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start its reader: {e}"))?;
    let (sender, receiver) = mpsc::channel();
    let pipe = child.stdout.take();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(bounds.output).read_to_end(&mut bytes));
        let _ = sender.send(());
        (bytes, read.is_some_and(|read| read.is_ok()))
    });
    let clock = Duration::from_secs(bounds.seconds.saturating_mul(4));
    let in_time = receiver.recv_timeout(clock).is_ok();
    // It has given all it will give, or too much, or nothing in time.
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
        return Err(format!("what it says has more than {} bytes", bounds.output));
    }
    if !read || !ended.success() {
        return Err(failure(ended, bounds));
    }
    collect(&bytes)
}

fn failure(ended: ExitStatus, bounds: Bounds) -> String {
    format!(
        "its reader gave up ({ended}): the file is damaged, or takes more than {} s or {} MiB",
        bounds.seconds,
        bounds.memory >> 20
    )
}

fn collect(bytes: &[u8]) -> Result<Content, String> {
    let mut content = Content::default();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line).map_err(|e| format!("its reader failed: {e}"))? {
            Part::Title(title) => content.title = Some(title),
            Part::Block(block) => content.blocks.push(block),
            Part::Row(row) => content.rows.push(row),
            Part::Fault(detail) => content.faults.push(detail),
            Part::Failure(detail) => return Err(detail),
        }
    }
    Ok(content)
}

/// Reads a file here, within bounds, and writes its parts as JSON, one a line.
pub(crate) fn run(path: &Path, bounds: Bounds, out: impl Write) -> Result<(), String> {
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
    if let Err(detail) = read {
        give(Part::Failure(detail));
    }
    written.and_then(|()| out.flush()).map_err(|e| e.to_string())
}
