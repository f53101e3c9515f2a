//! Reading the log: the frames from a number on, and whether its end is torn or damaged.

use super::MAX_LOG_FILE_BYTES;
use super::end::LogEnd;
use super::frame::{
    FIRST_FRAME, FRAME_ALIGNMENT, Frame, Header, Home, Kind, MARK_AT, claimed_bytes, frame_at,
};
use crate::error::{Error, Result};
use crate::names::{LOG_END, log_name, log_number};
use crate::vfs::Vfs;

/// The writes of the log from a number on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogContent {
    /// The writes, in order and without a gap.
    pub frames: Vec<Frame>,
    /// Number of the next write.
    pub next_lsn: u64,
    /// Numbers of the files there are.
    pub files: Vec<u64>,
    /// End of the readable part before bytes that are not frames, as a power cut leaves it.
    pub torn: Option<Torn>,
}

/// The torn end of a log: bytes of writes that were never acknowledged as durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: String,
    /// Offset at which they begin.
    pub offset: u64,
}

/// Reads the frames from `first_lsn` on out of the files from number `first_file` on.
///
/// # Errors
/// [`Error::Corrupt`] with file and place where a frame that was durable cannot be read, or files
/// are missing, also the last ones; [`Error::NotFound`] if a file went while it was being read, which
/// happens to a reader that holds no lock.
pub fn read_log(
    vfs: &dyn Vfs,
    collection: u128,
    first_lsn: u64,
    first_file: u64,
) -> Result<LogContent> {
    match salvage_log(vfs, collection, first_lsn, first_file)? {
        (content, None) => Ok(content),
        (_, Some(damage)) => Err(damage),
    }
}

/// Like [`read_log`], but returns the writes before the damage, and the damage.
pub fn salvage_log(
    vfs: &dyn Vfs,
    collection: u128,
    first_lsn: u64,
    first_file: u64,
) -> Result<(LogContent, Option<Error>)> {
    // Before the listing: a file that is made between the two is then listed and not required, and not the other way round.
    let (end, unknown) = match LogEnd::read(vfs, collection) {
        Ok(end) => (end.unwrap_or_default(), None),
        Err(fault @ (Error::Corrupt { .. } | Error::NotAFile { .. })) => {
            (LogEnd::default(), Some(fault))
        }
        Err(error) => return Err(error),
    };
    let listed = vfs.list()?;
    // Names sort as numbers do, and a listing is sorted.
    let files = listed.iter().filter_map(|f| log_number(&f.name)).filter(|&n| n >= first_file);
    let content =
        LogContent { next_lsn: first_lsn, files: files.collect(), ..LogContent::default() };
    // The last file that begins early enough has all that is wanted of the ones before it: a
    // recovery copies what it read, and may have been cut off while it removed what it copied.
    let mut wanted = Vec::new();
    for &number in content.files.iter().rev() {
        let file = LogFileBytes::read(vfs, Home { collection, number })?;
        let early = file.header.first_lsn <= first_lsn;
        wanted.push(file);
        if early {
            break;
        }
    }
    let durable = end.durable.max(first_lsn.saturating_sub(1));
    let mut chain = Chain { content, durable, bad: None };
    for file in wanted.iter().rev() {
        if let Err(damage) = chain.read(file) {
            return Ok((chain.content, Some(damage)));
        }
    }
    let last = chain.content.files.last().copied();
    let there = last.map_or(first_file, |last| last + 1);
    let lost = (end.next_file > there).then(|| end.next_file - 1);
    let damage = chain.finish(lost).err();
    Ok((chain.content, unknown.or(damage)))
}

/// The way out of a log whose end is missing.
fn missing_file(next: u64) -> String {
    format!(
        "the log file with the acknowledged writes from {next} on is missing; put it back, or keep what is left by \
         `lexivec repair DIR NEW`"
    )
}

/// A log file, its header read.
struct LogFileBytes {
    name: String,
    header: Header,
    bytes: Vec<u8>,
}

impl LogFileBytes {
    fn read(vfs: &dyn Vfs, home: Home) -> Result<Self> {
        let name = log_name(home.number);
        let bytes = vfs.read(&name, MAX_LOG_FILE_BYTES)?;
        let header = Header::decode(&name, &bytes, home)?;
        if header.len != bytes.len() as u64 {
            // Its length was durable before its name was.
            let detail = format!("it has {} bytes, its header says {}", bytes.len(), header.len);
            return Err(Error::corrupt(&name, bytes.len().min(header.len as usize), detail));
        }
        Ok(Self { name, header, bytes })
    }
}

/// Times a damaged file's bytes are read to find frames behind the damage; beyond it is damage for
/// sure.
const LOOK_BEHIND_PASSES: usize = 8;

struct Chain {
    content: LogContent,
    /// No write up to this one may be missing.
    durable: u64,
    /// Position at which the last file ceases to be readable; true if bytes other than zeros follow.
    bad: Option<(Torn, bool)>,
}

impl Chain {
    fn read(&mut self, file: &LogFileBytes) -> Result<()> {
        let LogFileBytes { name, header, bytes } = file;
        if header.first_lsn > self.content.next_lsn {
            return Err(self.missing(name, header.first_lsn));
        }
        let home = header.home;
        if let Some(mark) = frame_at(bytes, MARK_AT, home).filter(|f| f.kind == Kind::Mark) {
            self.durable = self.durable.max(mark.durable);
        }
        let (mut at, mut next) = (FIRST_FRAME, header.first_lsn);
        while let Some(found) = frame_at(bytes, at, home) {
            if found.kind != Kind::Write || found.lsn != next {
                break;
            }
            self.durable = self.durable.max(found.durable);
            if found.lsn == self.content.next_lsn {
                let payload = found.payload.to_vec();
                self.content.frames.push(Frame { lsn: found.lsn, payload });
                self.content.next_lsn += 1;
            }
            next += 1;
            at = found.end;
        }
        let dirty = bytes.get(at..).unwrap_or_default().iter().any(|&b| b != 0);
        if dirty {
            self.look_behind(bytes, at, home);
        }
        self.bad = Some((Torn { file: name.clone(), offset: at as u64 }, dirty));
        Ok(())
    }

    /// Learns from frames behind an unreadable place what was durable when they were written.
    fn look_behind(&mut self, bytes: &[u8], bad: usize, home: Home) {
        let mut at = bad.next_multiple_of(FRAME_ALIGNMENT);
        // Each head that is none may cost the checksum of what it says follows: bytes made to that
        // end would keep an open busy for hours.
        let mut budget = bytes.len().saturating_mul(LOOK_BEHIND_PASSES);
        while at < bytes.len() {
            let Some(left) = budget.checked_sub(claimed_bytes(bytes, at)) else {
                self.durable = u64::MAX;
                return;
            };
            budget = left;
            match frame_at(bytes, at, home) {
                Some(found) => {
                    self.durable = self.durable.max(found.durable);
                    at = found.end;
                }
                None => at += FRAME_ALIGNMENT,
            }
        }
    }

    /// Checks that nothing is missing at the end; `lost` is a log file that was made and is not there.
    fn finish(&mut self, lost: Option<u64>) -> Result<()> {
        let next = self.content.next_lsn;
        if let Some(lost) = lost {
            return Err(Error::corrupt(&log_name(lost), 0, missing_file(next)));
        }
        match self.bad.take() {
            None if self.durable >= next => Err(Error::corrupt(LOG_END, 0, missing_file(next))),
            Some((place, _)) if self.durable >= self.content.next_lsn => {
                let detail =
                    format!("write {} was acknowledged and cannot be read", self.content.next_lsn);
                Err(Error::corrupt(&place.file, place.offset as usize, detail))
            }
            Some((place, true)) => {
                self.content.torn = Some(place);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The error of writes that no file has before the one that begins at `first`.
    fn missing(&self, name: &str, first: u64) -> Error {
        let next = self.content.next_lsn;
        match &self.bad {
            Some((place, _)) => {
                let detail = format!("write {next} cannot be read, and {name} begins at {first}");
                Error::corrupt(&place.file, place.offset as usize, detail)
            }
            None => Error::corrupt(name, 0, format!("writes {next} to {} are missing", first - 1)),
        }
    }
}
