//! A test of a file system, before data is trusted to it.

use super::Vfs;
use crate::error::{Error, Result};
use crate::names::PROBE;

const TEMPORARY: &str = "PROBE.tmp";
const BYTES: u64 = 4096;

/// Refuses a file system on which a lock does not hold, a rename takes an existing name, a file does
/// not show what was written to it, mapped or read. Leaves nothing behind.
///
/// # Errors
/// [`Error::UnsafeFilesystem`], or whatever an operation failed with.
pub(crate) fn probe(vfs: &dyn Vfs) -> Result<()> {
    let found = behaviour(vfs);
    for name in [TEMPORARY, PROBE] {
        match vfs.remove(name) {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return found.and(Err(error)),
        }
    }
    match found? {
        None => Ok(()),
        Some(kind) => Err(Error::UnsafeFilesystem { path: vfs.describe(), kind }),
    }
}

fn behaviour(vfs: &dyn Vfs) -> Result<Option<&'static str>> {
    let log = vfs.create_log(TEMPORARY, BYTES)?;
    log.write_at(0, b"before")?;
    log.sync()?;
    if vfs.map(TEMPORARY, BYTES)?.get(..6) != Some(b"before") {
        return Ok(Some("a file system that loses what is written"));
    }
    log.write_at(0, b"behind")?;
    if vfs.read(TEMPORARY, BYTES)?.get(..6) != Some(b"behind") {
        return Ok(Some("a file system that shows old bytes"));
    }
    vfs.rename(TEMPORARY, PROBE)?;
    vfs.sync_dir()?;
    let mut other = vfs.create(TEMPORARY)?;
    other.write_all(b"other")?;
    other.sync()?;
    if vfs.rename(TEMPORARY, PROBE).is_ok() {
        return Ok(Some("a file system that renames over a file"));
    }
    vfs.remove(PROBE)?;
    let held = vfs.lock(PROBE)?;
    let second = vfs.lock(PROBE);
    drop(held);
    match second {
        Err(Error::Locked { .. }) => Ok(None),
        Ok(_) => Ok(Some("a file system whose locks do not hold")),
        Err(error) => Err(error),
    }
}
