//! A directory in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{FileInfo, LockGuard, LogFile, Vfs, VfsFile, check_name, wrong_length};
use crate::error::{Error, Result};
use crate::mapped::Bytes;

type Content = Arc<Mutex<Vec<u8>>>;

/// A directory in memory; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryVfs {
    files: Arc<Mutex<BTreeMap<String, Content>>>,
    locks: Arc<Mutex<BTreeSet<String>>>,
}

impl MemoryVfs {
    /// A directory with these files.
    pub fn with_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let vfs = Self::default();
        for (name, bytes) in files {
            vfs.files.lock().insert(name, Arc::new(Mutex::new(bytes)));
        }
        vfs
    }

    /// The bytes of every file, so that a test can damage them and make a directory of the rest.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.lock().iter().map(|(n, c)| (n.clone(), c.lock().clone())).collect()
    }

    fn file(&self, name: &str) -> Result<Content> {
        check_name(name)?;
        let found = self.files.lock().get(name).cloned();
        found.ok_or_else(|| Error::NotFound { path: name.to_owned() })
    }
}

struct MemoryFile(Content);

impl VfsFile for MemoryFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
}

impl LogFile for MemoryFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut content = self.0.lock();
        let place = (offset as usize).checked_add(bytes.len()).map(|end| offset as usize..end);
        match place.and_then(|place| content.get_mut(place)) {
            Some(target) => target.copy_from_slice(bytes),
            None => return Err(beyond(offset, bytes.len(), content.len())),
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// The error of a write beyond the end of a log file: a mistake of ours.
fn beyond(offset: u64, bytes: usize, len: usize) -> Error {
    Error::Invalid { detail: format!("{bytes} bytes at {offset} of a log file of {len}") }
}

struct MemoryLock {
    locks: Arc<Mutex<BTreeSet<String>>>,
    name: String,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.locks.lock().remove(&self.name);
    }
}

impl Vfs for MemoryVfs {
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>> {
        check_name(name)?;
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(Error::AlreadyExists { path: name.to_owned() });
        }
        let content = Content::default();
        files.insert(name.to_owned(), content.clone());
        Ok(Box::new(MemoryFile(content)))
    }

    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        check_name(name)?;
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(Error::AlreadyExists { path: name.to_owned() });
        }
        let content = Arc::new(Mutex::new(vec![0; len as usize]));
        files.insert(name.to_owned(), content.clone());
        Ok(Box::new(MemoryFile(content)))
    }

    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>> {
        Ok(Box::new(MemoryFile(self.file(name)?)))
    }

    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes> {
        let content = self.file(name)?;
        let bytes = content.lock();
        if bytes.len() as u64 != expected_len {
            return Err(wrong_length(name, bytes.len() as u64, expected_len));
        }
        Ok(Bytes::from_slice(&bytes))
    }

    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        let bytes = self.file(name)?.lock().clone();
        if bytes.len() as u64 > max_len {
            return Err(wrong_length(name, bytes.len() as u64, max_len));
        }
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        check_name(from)?;
        check_name(to)?;
        let mut files = self.files.lock();
        if files.contains_key(to) {
            return Err(Error::AlreadyExists { path: to.to_owned() });
        }
        match files.remove(from) {
            None => Err(Error::NotFound { path: from.to_owned() }),
            Some(content) => {
                files.insert(to.to_owned(), content);
                Ok(())
            }
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        match self.files.lock().remove(name) {
            None => Err(Error::NotFound { path: name.to_owned() }),
            Some(_) => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<FileInfo>> {
        let info = |(name, content): (&String, &Content)| FileInfo {
            name: name.clone(),
            len: content.lock().len() as u64,
        };
        Ok(self.files.lock().iter().map(info).collect())
    }

    fn sync_dir(&self) -> Result<()> {
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        check_name(name)?;
        if !self.locks.lock().insert(name.to_owned()) {
            let pid = Some(std::process::id());
            return Err(Error::Locked { path: name.to_owned(), pid });
        }
        Ok(Box::new(MemoryLock { locks: self.locks.clone(), name: name.to_owned() }))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}
