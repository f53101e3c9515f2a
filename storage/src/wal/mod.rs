//! The write-ahead log: frames in files of fixed length, each frame one atomic write.
//!
//! A frame is durable once its file was synced after it; many frames share one sync. Reading
//! distinguishes a *torn tail* (frames that no sync had covered at a power cut, and which were never
//! acknowledged as durable) from damage: every frame carries the last number known durable when it was
//! written, and a frame at or below any such number must be readable.

mod end;
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
