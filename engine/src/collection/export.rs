//! A collection as one stream of bytes, and back.

use std::io::{Read, Write};
use std::path::Path;

use lexivec_storage::{DiskVfs, Export, Vfs, import};

use super::Collection;
use super::siblings::FOLDERS;
use super::snapshot::{CopyOptions, check_sound, fill};
use crate::error::Result;

impl Collection {
    /// Writes what is there now as one stream: the manifest and its files with their hashes, and those of the
    /// feedback and query adapters that were learnt. A read-only handle writes the generation it is at, without what
    /// is only in a log.
    ///
    /// Returns the bytes written.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, or the stream cannot be written.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64> {
        Ok(self.open_export()?.write(out)?)
    }

    fn open_export(&self) -> Result<Export> {
        let shared = &self.shared;
        // Nothing is committed while this is held, so no file is removed before it is open.
        let _maintenance = shared.maintenance.lock();
        if !shared.read_only() {
            shared.flush_held()?;
        }
        let manifest = shared.directory.lock().manifest().clone();
        let mut export = Export::open(shared.vfs.clone(), &manifest)?;
        for sibling in self.siblings.iter() {
            let store = match shared.read_only() {
                true => self.read_sibling(sibling.folder, Self::open_export)?,
                false => {
                    let store = self.existing_store(sibling.folder)?;
                    store.map(|store| store.open_export()).transpose()?
                }
            };
            if let Some(store) = store {
                export.add_sibling(sibling.folder, store)?;
            }
        }
        Ok(export)
    }

    /// Makes a collection of an exported stream, in a directory that is not there yet or empty. The directory
    /// gets its name after every byte of it was verified.
    ///
    /// # Errors
    /// When something is there already, or the stream is damaged: nothing is left behind then.
    pub fn import(
        path: impl AsRef<Path>,
        input: &mut dyn Read,
        options: CopyOptions,
    ) -> Result<()> {
        let unsafe_filesystem = options.unsafe_filesystem;
        let make = |target: &DiskVfs| {
            let root = target.root();
            let mut sibling = |name: &str| match root.filter(|_| FOLDERS.contains(&name)) {
                Some(root) => {
                    let vfs: Box<dyn Vfs> = Box::new(DiskVfs::create_root(&root.join(name))?);
                    Ok(Some(vfs))
                }
                None => Ok(None),
            };
            let mut imported = import(target, input, &mut sibling)?;
            options.rename(&mut imported.manifest)?;
            Ok(imported.publish(target)?)
        };
        fill(path.as_ref(), unsafe_filesystem, make, check_sound)
    }
}
