//! The record of the log's end: the newest log file that was made, and the last write known durable by then.
//!
//! The log itself cannot say that its last file is missing, or that it is an older version of itself; this file can.

use std::sync::Arc;

use crate::checksum::crc;
use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::names::{LOG_END, TEMPORARY_ENDING};
use crate::vfs::{LogFile, Vfs};

const MAGIC: &[u8; 8] = b"LXVLEND\0";
/// Format of the record, major and minor.
const VERSION: (u16, u16) = (1, 0);
/// Bytes of a slot: a sector of any disk, so that a torn write of one leaves the other.
const SLOT_BYTES: usize = 4_096;
/// Bytes of the file: the record is written into its two slots by turns.
const FILE_BYTES: u64 = 2 * SLOT_BYTES as u64;
const RECORD_BYTES: usize = 64;

/// A record of the log's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogEnd {
    /// Number of the next log file: the one before it was made. 0 if none was.
    pub(super) next_file: u64,
    /// No write up to this one may be missing.
    pub(super) durable: u64,
    /// Count of the records; the highest one counts.
    turn: u64,
}

impl LogEnd {
    /// Reads the record of a directory; `None` if there is none, as before the first write to a log.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if neither slot has a record of this collection.
    pub(super) fn read(vfs: &dyn Vfs, collection: u128) -> Result<Option<Self>> {
        let bytes = match vfs.read(LOG_END, FILE_BYTES) {
            Err(Error::NotFound { .. }) => return Ok(None),
            bytes => bytes?,
        };
        let mut newest: Option<Self> = None;
        for slot in bytes.chunks(SLOT_BYTES) {
            if let Some(found) = Self::decode(slot, collection)? {
                newest = newest.filter(|n| n.turn > found.turn).or(Some(found));
            }
        }
        match newest {
            Some(newest) if bytes.len() as u64 == FILE_BYTES => Ok(Some(newest)),
            _ => Err(Error::corrupt(
                LOG_END,
                0,
                "it does not say how far the log of this collection goes; put it back, or, if all log files are \
                 there, remove it, and it is made again",
            )),
        }
    }

    fn encode(&self, collection: u128) -> Vec<u8> {
        let mut out = Encoder::new();
        out.raw(MAGIC);
        out.u16(VERSION.0);
        out.u16(VERSION.1);
        out.u32(0);
        out.u128(collection);
        out.u64(self.turn);
        out.u64(self.next_file);
        out.u64(self.durable);
        out.u32(0);
        out.u32(crc(out.as_bytes()));
        out.into_bytes()
    }

    /// The record in a slot; `None` if there is none of this collection.
    fn decode(slot: &[u8], collection: u128) -> Result<Option<Self>> {
        let Some(bytes) = slot.get(..RECORD_BYTES) else { return Ok(None) };
        let mut input = Decoder::new(LOG_END, bytes);
        if input.take(8)? != MAGIC {
            return Ok(None);
        }
        // The version before the checksum: a newer format may have another record.
        let found = (input.u16()?, input.u16()?);
        if found > VERSION {
            return Err(Error::NewerFormat { file: LOG_END.to_owned(), found, supported: VERSION });
        }
        input.u32()?;
        let owner = input.u128()?;
        let (turn, next_file, durable) = (input.u64()?, input.u64()?, input.u64()?);
        input.u32()?;
        let sound = input.u32()? == crc(&bytes[..RECORD_BYTES - 4]);
        Ok((sound && found == VERSION && owner == collection).then_some(Self {
            next_file,
            durable,
            turn,
        }))
    }
}

/// The record of a directory that is open for writing.
pub(super) struct EndFile {
    file: Arc<dyn LogFile>,
    collection: u128,
    last: LogEnd,
}

impl EndFile {
    /// Opens the record; `None` if there is none yet.
    pub(super) fn open(vfs: &dyn Vfs, collection: u128) -> Result<Option<Self>> {
        let Some(last) = LogEnd::read(vfs, collection)? else { return Ok(None) };
        let file = Arc::from(vfs.open_log(LOG_END)?);
        Ok(Some(Self { file, collection, last }))
    }

    /// Makes the file; its first record says that no log file was made. The caller makes its name durable.
    pub(super) fn create(vfs: &dyn Vfs, collection: u128, durable: u64) -> Result<Self> {
        let temporary = format!("{LOG_END}{TEMPORARY_ENDING}");
        match vfs.remove(&temporary) {
            Err(Error::NotFound { .. }) => {}
            // Left by an attempt that failed. Were its removal undone by a power cut and the renaming below not, its bytes
            // would get the name.
            removed => removed.and_then(|()| vfs.sync_dir())?,
        }
        let made = vfs.create_log(&temporary, FILE_BYTES).and_then(|made| {
            let last = LogEnd::default();
            let mut end = Self { file: Arc::from(made), collection, last };
            end.record(0, durable)?;
            Ok(end)
        });
        if made.is_err() {
            // It has no name yet; if it cannot go now, the next open sweeps it.
            let _ = vfs.remove(&temporary);
        }
        let made = made?;
        vfs.rename(&temporary, LOG_END)?;
        Ok(made)
    }

    /// Records durably that the log file before this number was made, and that no write up to `durable` may be missing.
    pub(super) fn record(&mut self, next_file: u64, durable: u64) -> Result<()> {
        let next = LogEnd { next_file, durable, turn: self.last.turn + 1 };
        if (self.last.next_file, self.last.durable) == (next_file, durable) && self.last.turn > 0 {
            return Ok(());
        }
        // The first record is in the first slot.
        let slot = (next.turn + 1) % (FILE_BYTES / SLOT_BYTES as u64);
        self.file.write_at(slot * SLOT_BYTES as u64, &next.encode(self.collection))?;
        self.file.sync()?;
        self.last = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::memory::MemoryVfs;

    #[test]
    fn a_torn_record_leaves_the_one_before_it() {
        let vfs = MemoryVfs::default();
        assert_eq!(LogEnd::read(&vfs, 7).expect("read"), None);
        let mut end = EndFile::create(&vfs, 7, 0).expect("made");
        end.record(2, 40).expect("written");
        let whole = vfs.contents()[LOG_END].clone();
        let read = |bytes: &[u8], collection| {
            let files = [(LOG_END.to_owned(), bytes.to_vec())];
            LogEnd::read(&MemoryVfs::with_files(files), collection)
        };
        let found = |bytes: &[u8]| read(bytes, 7).map(|end| end.map(|e| (e.next_file, e.durable)));
        assert_eq!(found(&whole).expect("read"), Some((2, 40)));
        // The second record is in the second slot.
        for at in 0..RECORD_BYTES {
            let mut torn = whole.clone();
            torn[SLOT_BYTES + at] ^= 1;
            match found(&torn) {
                Ok(end) => assert_eq!(end, Some((0, 0)), "byte {at}"),
                Err(error) => assert!(matches!(error, Error::NewerFormat { .. }), "{error}"),
            }
        }
        for bad in [&whole[..100], &whole[..SLOT_BYTES], &[0; FILE_BYTES as usize], &[]] {
            assert!(matches!(found(bad), Err(Error::Corrupt { .. })), "{} bytes", bad.len());
        }
        assert!(matches!(read(&whole, 8), Err(Error::Corrupt { .. })), "another collection's");
        let again = EndFile::open(&vfs, 7).expect("opened").expect("there");
        assert_eq!(again.last, LogEnd { next_file: 2, durable: 40, turn: 2 });
    }
}
