//! A collection as one stream of bytes, and back.

use std::io::{Read, Write};
use std::path::Path;

use lexivec_storage::{Export, import};

use super::Collection;
use super::snapshot::{check_sound, fill};
use crate::error::Result;

impl Collection {
    /// Writes what is there now as one stream: the manifest and its files with their hashes. A
    /// read-only handle writes the generation it is at, without what is only in the log.
    ///
    /// Gives the bytes written.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64> {
        let shared = &self.shared;
        let export = {
            // Nothing is committed while this is held, so no file goes before it is open.
            let _maintenance = shared.maintenance.lock();
            if !shared.read_only() {
                shared.flush_held()?;
            }
            let manifest = shared.directory.lock().manifest().clone();
            Export::open(shared.vfs.as_ref(), &manifest)?
        };
        Ok(export.write(out)?)
    }

    /// Makes a collection of an exported stream, in a directory that is not there yet or empty. It
    /// gets its name after every byte of it was verified.
    ///
    /// # Errors
    /// When something is there already, or the stream is damaged: nothing is left behind then.
    pub fn import(path: impl AsRef<Path>, input: &mut dyn Read) -> Result<()> {
        let make = |target: &lexivec_storage::DiskVfs| Ok(import(target, input).map(drop)?);
        fill(path.as_ref(), make, check_sound)
    }
}
