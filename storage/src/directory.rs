//! A collection's directory: its lock, its newest manifest, and the commit of the next one.
//!
//! The order of a commit: segment files are written and synced (by `SegmentWriter`); the directory
//! is synced; the manifest is written under a temporary name, synced and renamed; the directory is
//! synced. Only then are files removed that neither this generation nor the one before it names.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, SegmentEntry};
use crate::names::{
    COMMIT_RESERVE, LOCK, LOG_END, PROBE, RESERVE, TEMPORARY_ENDING, generation_of,
    is_of_a_generation, log_number, manifest_name, segment_name, segment_number,
};
use crate::poison::Poison;
use crate::vfs::probe::probe;
use crate::vfs::{LockGuard, Vfs};

#[cfg(test)]
mod tests;

/// Times a reader searches for the newest manifest while commits remove those it found. Each miss
/// takes two whole commits between two system calls, so more misses mean a broken directory.
const NEWEST_ATTEMPTS: usize = 64;
/// Generations before the newest one that an open falls back to: the log goes back no further.
const FALLBACK: u64 = 1;

/// Parts of the reserve, of which one is for commits alone.
const COMMIT_SHARE: u64 = 4;

/// Contents of the next generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextManifest {
    /// The schema.
    pub schema: Vec<u8>,
    /// First log sequence number not in the segments.
    pub log_start: u64,
    /// Number of the first log file that may hold it.
    pub log_file: u64,
    /// The segments; their files are written and synced.
    pub segments: Vec<SegmentEntry>,
}

/// An open directory.
pub struct Directory {
    vfs: Arc<dyn Vfs>,
    manifest: Manifest,
    /// Files of the generation before this one, kept for readers that are just opening it, and to
    /// fall back to.
    previous: HashSet<String>,
    /// First log file of the generation before this one.
    previous_log_file: u64,
    /// Highest generation with a manifest, readable or not.
    highest: u64,
    /// Why the newest manifest was passed over, if it was.
    damage: Option<Error>,
    /// `None` for a handle that only reads.
    lock: Option<Box<dyn LockGuard>>,
    poison: Arc<Poison>,
}

impl Directory {
    /// Makes a collection in an empty directory and commits its first generation.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] if a collection is there, [`Error::Invalid`] if foreign files are.
    pub fn create(vfs: Arc<dyn Vfs>, schema: Vec<u8>) -> Result<Self> {
        Self::create_if(vfs, schema, |_| Ok(()))
    }

    /// Like [`create`](Self::create), on a file system that is tested first. The test runs under the lock, so that a
    /// second creation in the same directory is refused and does not disturb it.
    ///
    /// # Errors
    /// Those of [`create`](Self::create), and [`Error::UnsafeFilesystem`].
    pub fn create_probed(vfs: Arc<dyn Vfs>, schema: Vec<u8>) -> Result<Self> {
        Self::create_if(vfs, schema, probe)
    }

    fn create_if(
        vfs: Arc<dyn Vfs>,
        schema: Vec<u8>,
        accept: impl FnOnce(&dyn Vfs) -> Result<()>,
    ) -> Result<Self> {
        // No file, not even a lock file, is created in a directory with foreign files.
        left_overs(vfs.as_ref())?;
        let lock = vfs.lock(LOCK)?;
        // Again, as another handle may have made the collection before it let the lock go.
        for name in left_overs(vfs.as_ref())? {
            vfs.remove(&name)?;
        }
        accept(vfs.as_ref())?;
        let manifest = Manifest {
            generation: 0,
            collection: uuid::Uuid::new_v4().as_u128(),
            log_start: 1,
            log_file: 0,
            next_file: 1,
            schema: schema.clone(),
            segments: Vec::new(),
        };
        let found = Newest { manifest, highest: 0, damage: None };
        let mut directory = Self::of(vfs, found, Some(lock));
        directory.commit(NextManifest { schema, log_start: 1, ..NextManifest::default() })?;
        Ok(directory)
    }

    /// Opens a collection for writing: takes its lock, reads its newest manifest and removes files
    /// that an interrupted write left behind.
    pub fn open(vfs: Arc<dyn Vfs>) -> Result<Self> {
        // Not even a lock file is made where there is no collection.
        newest(vfs.as_ref(), FALLBACK)?;
        let lock = vfs.lock(LOCK)?;
        vfs.check_place()?;
        let mut found = newest(vfs.as_ref(), FALLBACK)?;
        // Files of a generation that cannot be read keep their numbers.
        let taken = vfs.list()?.iter().filter_map(|f| segment_number(&f.name)).max();
        let free = taken.map_or(0, |number| number + 1);
        found.manifest.next_file = found.manifest.next_file.max(free);
        let mut directory = Self::of(vfs, found, Some(lock));
        directory.read_previous()?;
        // A process killed between rename and sync leaves a generation that is seen and not yet
        // durable: made so before anything builds on it.
        directory.vfs.sync_dir()?;
        directory.sweep()?;
        Ok(directory)
    }

    /// Opens a damaged collection for reading, at the newest generation whose manifest
    /// can be read, however many were passed over.
    pub fn open_damaged(vfs: Arc<dyn Vfs>) -> Result<Self> {
        let found = newest(vfs.as_ref(), u64::MAX)?;
        Ok(Self::of(vfs, found, None))
    }

    /// Opens a collection for reading: without a lock, writing nothing. The writer may remove files
    /// of this generation once two newer ones are there; a caller that gets [`Error::NotFound`] while
    /// it maps them calls [`refresh`](Self::refresh) and starts again.
    pub fn open_read_only(vfs: Arc<dyn Vfs>) -> Result<Self> {
        let found = newest(vfs.as_ref(), FALLBACK)?;
        Ok(Self::of(vfs, found, None))
    }

    fn of(vfs: Arc<dyn Vfs>, found: Newest, lock: Option<Box<dyn LockGuard>>) -> Self {
        Self {
            vfs,
            previous: HashSet::new(),
            previous_log_file: found.manifest.log_file,
            manifest: found.manifest,
            highest: found.highest,
            damage: found.damage,
            lock,
            poison: Arc::new(Poison::default()),
        }
    }

    /// The generation this handle is at.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The generation before the newest one; `None` if its manifest is not there, as in a copy.
    pub fn previous(&self) -> Result<Option<Manifest>> {
        match read(self.vfs.as_ref(), self.manifest.generation.saturating_sub(1)) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// True if a generation after this handle's was committed.
    pub fn is_behind(&self) -> Result<bool> {
        let files = self.vfs.list()?;
        let generations = files.iter().filter_map(|file| generation_of(&file.name));
        Ok(generations.max().is_some_and(|newest| newest > self.manifest.generation))
    }

    /// Files of ours that neither this generation nor the one before it names.
    pub fn orphans(&self) -> Result<Vec<String>> {
        let mut named = live_files(&self.manifest);
        // The files that a damaged one names are not known.
        let Ok(previous) = self.previous() else { return Ok(Vec::new()) };
        named.extend(previous.iter().flat_map(live_files));
        let log_file = previous.map_or(self.manifest.log_file, |p| p.log_file);
        let orphan = |name: &String| is_ours(name, log_file) && !named.contains(name);
        Ok(self.vfs.list()?.into_iter().map(|f| f.name).filter(orphan).collect())
    }

    /// The files.
    pub fn vfs(&self) -> &Arc<dyn Vfs> {
        &self.vfs
    }

    /// True for a handle that cannot write.
    pub fn read_only(&self) -> bool {
        self.lock.is_none()
    }

    /// Moves a reading handle to the newest generation; true if there was a newer one. A writing
    /// handle is always at the newest.
    pub fn refresh(&mut self) -> Result<bool> {
        if !self.read_only() {
            return Ok(false);
        }
        self.vfs.check_place()?;
        let found = newest(self.vfs.as_ref(), FALLBACK)?;
        let newer = found.manifest.generation > self.manifest.generation;
        if newer {
            self.manifest = found.manifest;
            self.damage = found.damage;
        }
        Ok(newer)
    }

    /// Poison shared by all writers of this directory: after a failed sync no write is allowed.
    pub fn poison(&self) -> &Arc<Poison> {
        &self.poison
    }

    /// Why the newest manifest was passed over and the one before it taken, if that is so. The log
    /// holds what the newest one added.
    pub fn damage(&self) -> Option<&Error> {
        self.damage.as_ref()
    }

    /// Makes a reserve of `bytes`, a quarter of it for commits alone; true if it is whole afterwards.
    pub fn keep_reserve(&self, bytes: u64) -> bool {
        let commits = bytes / COMMIT_SHARE;
        self.keep_commit_reserve(bytes) && self.keep_file(RESERVE, bytes - commits)
    }

    /// Makes the part of a reserve of `bytes` that is for commits, as large as the disk allows; true if it is whole.
    pub fn keep_commit_reserve(&self, bytes: u64) -> bool {
        let whole = bytes / COMMIT_SHARE;
        let mut wanted = whole;
        while !self.keep_file(COMMIT_RESERVE, wanted) {
            wanted /= 2;
        }
        wanted == whole
    }

    /// Makes a file of reserved space if there is none of this length; true if there is one afterwards.
    fn keep_file(&self, name: &str, bytes: u64) -> bool {
        if bytes == 0 {
            return true;
        }
        let made = match self.vfs.create_log(name, bytes) {
            Err(Error::AlreadyExists { .. }) => {
                let files = self.vfs.list().unwrap_or_default();
                if files.iter().any(|f| f.name == name && f.len == bytes) {
                    return self.vfs.reserve_again(name, bytes).is_ok();
                }
                // Of another length, or left by a process that was killed while it made one.
                self.vfs.remove(name).and_then(|()| self.vfs.create_log(name, bytes))
            }
            made => made,
        };
        if made.is_err() {
            // A partly written file would be taken for a reserve.
            let _ = self.vfs.remove(name);
        }
        made.is_ok()
    }

    /// Gives the reserve up, but for the part of commits, so that the next small write finds space; true if there was one.
    pub fn release_reserve(&self) -> bool {
        self.vfs.remove(RESERVE).is_ok()
    }

    /// Gives the reserve of commits up; true if there was one.
    pub fn release_commit_reserve(&self) -> bool {
        self.vfs.remove(COMMIT_RESERVE).is_ok()
    }

    /// A name for a new segment file.
    pub fn new_segment_name(&mut self) -> String {
        let number = self.manifest.next_file;
        self.manifest.next_file += 1;
        segment_name(number)
    }

    /// Commits the next generation: on return it is durable and opens find it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the generation is beyond the limits of a manifest; nothing was written.
    /// After any other failure it is unknown whether the generation is durable; the handle then
    /// refuses writes ([`Error::Poisoned`]) until the collection is opened again. A disk too full for
    /// the manifest is reported as [`Error::OutOfSpace`], a process without descriptors as
    /// [`Error::NoDescriptors`]; neither poisons, as nothing was renamed. [`Error::Displaced`] if the directory is no
    /// longer the one that was opened.
    pub fn commit(&mut self, next: NextManifest) -> Result<()> {
        if self.read_only() {
            return Err(Error::ReadOnly);
        }
        self.poison.check()?;
        let manifest = Manifest {
            generation: self.highest.max(self.manifest.generation) + 1,
            collection: self.manifest.collection,
            log_start: next.log_start,
            log_file: next.log_file,
            next_file: self.manifest.next_file,
            schema: next.schema,
            segments: next.segments,
        };
        manifest.check()?;
        self.poison.guard(self.vfs.check_place())?;
        match publish(self.vfs.as_ref(), &manifest) {
            Err(clean @ (Error::OutOfSpace { .. } | Error::NoDescriptors { .. })) => {
                return Err(clean);
            }
            published => self.poison.guard(published)?,
        }
        // Before anything is reported as done or removed.
        self.poison.guard(self.vfs.check_place())?;

        let before = std::mem::replace(&mut self.previous, live_files(&self.manifest));
        let log_file = std::mem::replace(&mut self.previous_log_file, self.manifest.log_file);
        self.highest = manifest.generation;
        self.manifest = manifest;
        self.damage = None;
        self.retire(&before, log_file);
        Ok(())
    }

    /// Removes the files of an older generation that no kept one names. Nothing else: a segment file
    /// that no generation names may be one that is being written. The commit is done by now, so
    /// what cannot be removed is left to the sweep of the next open.
    fn retire(&self, older: &HashSet<String>, older_log_file: u64) {
        let live = live_files(&self.manifest);
        let mut removed = false;
        for name in older {
            if !live.contains(name) && !self.previous.contains(name) {
                removed |= self.vfs.remove(name).is_ok();
            }
        }
        if older_log_file < self.previous_log_file {
            let files = self.vfs.list().unwrap_or_default();
            let retired = |name: &str| log_number(name).is_some_and(|n| n < self.previous_log_file);
            for file in files.iter().filter(|f| retired(&f.name)) {
                removed |= self.vfs.remove(&file.name).is_ok();
            }
        }
        if removed {
            let _ = self.vfs.sync_dir();
        }
    }

    /// Reads the files that the previous generation names. If it is missing or damaged no file is kept
    /// for it: no reader can start from it.
    fn read_previous(&mut self) -> Result<()> {
        let before = self.manifest.generation.saturating_sub(1);
        match read(self.vfs.as_ref(), before) {
            Ok(manifest) => {
                self.previous = live_files(&manifest);
                self.previous_log_file = manifest.log_file;
            }
            Err(Error::NotFound { .. } | Error::Corrupt { .. } | Error::NotAFile { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes what neither this generation nor the one before it names; only at open, when nothing
    /// is being written. Files of other makes are left alone.
    fn sweep(&self) -> Result<()> {
        if self.damage.is_some() {
            // What a manifest that cannot be read names is not known.
            return Ok(());
        }
        let live = live_files(&self.manifest);
        let mut removed = false;
        for file in self.vfs.list()? {
            let name = file.name.as_str();
            let ours = is_ours(name, self.previous_log_file);
            if ours && !live.contains(name) && !self.previous.contains(name) {
                match self.vfs.remove(name) {
                    // A directory: this handle did not make it, and it is in no file's way.
                    Err(Error::NotAFile { .. }) => {}
                    done => {
                        done?;
                        removed = true;
                    }
                }
            }
        }
        if removed { self.vfs.sync_dir() } else { Ok(()) }
    }
}

/// True for a file that is ours to remove if no kept generation names it; of log files those before
/// this number.
fn is_ours(name: &str, log_file: u64) -> bool {
    is_unfinished(name)
        || log_number(name).is_some_and(|number| number < log_file)
        || generation_of(name).is_some()
        || segment_number(name).is_some()
}

/// True for the name of an unfinished manifest, log file, record of the log's end or test of the file system.
fn is_unfinished(name: &str) -> bool {
    let begun = |name| {
        [PROBE, LOG_END].contains(&name)
            || generation_of(name).is_some()
            || log_number(name).is_some()
    };
    name == PROBE || name.strip_suffix(TEMPORARY_ENDING).is_some_and(begun)
}

/// The generation an open begins with.
struct Newest {
    manifest: Manifest,
    highest: u64,
    damage: Option<Error>,
}

/// The newest manifest that can be read, no further back than `fallback` generations from the
/// highest number there is. One of a newer format is never passed over.
fn newest(vfs: &dyn Vfs, fallback: u64) -> Result<Newest> {
    let mut without = None;
    'again: for _ in 0..NEWEST_ATTEMPTS {
        let files = vfs.list()?;
        without = None;
        let mut there: Vec<u64> = files.iter().filter_map(|f| generation_of(&f.name)).collect();
        there.sort_unstable();
        let Some(&highest) = there.last() else {
            // A listing is no snapshot: made while a writer commits, it may miss the manifest that
            // went and the one that came.
            if files.iter().any(|f| f.name == RESERVE || is_ours(&f.name, u64::MAX)) {
                without = files.into_iter().map(|f| f.name).find(|name| is_of_a_generation(name));
                continue;
            }
            return Err(Error::NotFound { path: format!("a collection in {}", vfs.describe()) });
        };
        let mut damage = None;
        for generation in there.into_iter().rev().take_while(|&g| highest - g <= fallback) {
            match read(vfs, generation) {
                Ok(manifest) => return Ok(Newest { manifest, highest, damage }),
                // Two commits happened since the listing; there is a newer one.
                Err(Error::NotFound { .. }) => continue 'again,
                Err(fault @ (Error::Corrupt { .. } | Error::NotAFile { .. })) => {
                    damage = damage.or(Some(fault));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(damage) = damage {
            return Err(damage);
        }
    }
    let place = vfs.describe();
    Err(match without {
        Some(name) => {
            let detail = format!(
                "{place} holds {name} and no manifest; put the newest MANIFEST file back, or restore a snapshot or an export"
            );
            Error::corrupt("MANIFEST", 0, detail)
        }
        None => Error::NotFound { path: format!("a collection in {place}") },
    })
}

/// Files of an interrupted creation in a directory without other files.
fn left_overs(vfs: &dyn Vfs) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in vfs.list()? {
        let name = file.name;
        if generation_of(&name).is_some() {
            return Err(Error::AlreadyExists {
                path: format!("a collection in {}", vfs.describe()),
            });
        }
        if is_unfinished(&name) {
            names.push(name);
        } else if name != LOCK {
            let place = vfs.describe();
            let detail =
                format!("{place} holds {name:?} and no collection; name an empty directory");
            return Err(Error::Invalid { detail });
        }
    }
    Ok(names)
}

fn read(vfs: &dyn Vfs, generation: u64) -> Result<Manifest> {
    let name = manifest_name(generation);
    Manifest::decode(&name, &vfs.read(&name, MAX_MANIFEST_BYTES)?)
}

/// Makes a manifest, whose files are there and synced, the newest one of a directory.
///
/// # Errors
/// After [`Error::OutOfSpace`] nothing was published; after any other it is unknown.
pub fn publish(vfs: &dyn Vfs, manifest: &Manifest) -> Result<()> {
    let name = manifest_name(manifest.generation);
    let temporary = format!("{name}{TEMPORARY_ENDING}");
    // A full disk is a clean refusal only as long as nothing was renamed.
    let unclean = |error| match error {
        Error::OutOfSpace { path } => {
            Error::Io { op: "publish", path, source: io::ErrorKind::StorageFull.into() }
        }
        error => error,
    };
    vfs.sync_dir().map_err(unclean)?;
    if let Err(error) = write_whole(vfs, &temporary, &manifest.encode()) {
        // Not renamed, so it never was a generation; the sweep of the next open would remove it too.
        let _ = vfs.remove(&temporary);
        return Err(error);
    }
    vfs.rename(&temporary, &name).and_then(|()| vfs.sync_dir()).map_err(unclean)
}

fn write_whole(vfs: &dyn Vfs, name: &str, bytes: &[u8]) -> Result<()> {
    let mut file = match vfs.create(name) {
        // Left by an attempt that found the disk full.
        Err(Error::AlreadyExists { .. }) => {
            vfs.remove(name)?;
            vfs.create(name)?
        }
        created => created?,
    };
    file.write_all(bytes)?;
    file.sync()
}

/// A generation's manifest and the files it names.
fn live_files(manifest: &Manifest) -> HashSet<String> {
    let segments = manifest.segments.iter().map(|s| s.file.name.clone());
    segments.chain([manifest_name(manifest.generation)]).collect()
}
