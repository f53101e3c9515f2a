//! The write-ahead log: frames in files of fixed length, each frame one atomic write.
//!
//! A frame is durable once its file was synced after it; many frames share one sync. Reading
//! distinguishes a *torn tail* (frames that no sync had covered at a power cut, and which were never
//! acknowledged as durable) from damage: every frame carries the last number known durable when it was
//! written, and a frame at or below any such number must be readable.

mod frame;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use frame::Frame;
pub use replay::{LogContent, Torn, read_log, salvage_log};
pub use writer::Log;

/// Length of a log file, in bytes, unless a single frame needs more. Its space is taken when it is
/// made, so that a write that fits finds room on a full disk.
pub const LOG_FILE_BYTES: u64 = 16 << 20;
/// Longest log file read, in bytes: one frame of the largest batch that is logged, and some.
const MAX_LOG_FILE_BYTES: u64 = 4 << 30;

const PREFIX: &str = "log-";
const ENDING: &str = ".wal";
const DIGITS: usize = 16;

/// Name of the log file with this number; names sort as numbers do.
pub(crate) fn log_name(number: u64) -> String {
    format!("{PREFIX}{number:016x}{ENDING}")
}

/// The number of the log file with this name.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
    let number = (digits.len() == DIGITS).then(|| u64::from_str_radix(digits, 16).ok())??;
    (log_name(number) == name).then_some(number)
}
