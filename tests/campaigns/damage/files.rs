//! The kinds of damage to one file, each applied to a file on disk and taken back.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::world::World;
use crate::Random;

/// Bytes of a block that is zeroed or changes places.
const BLOCK: usize = 512;

/// A kind of damage.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Missing,
    /// The file before the last writes.
    Older,
    /// The file of this kind of another collection.
    Foreign,
    /// Another file of this kind in the same folder.
    Exchanged,
    /// A symbolic link to a copy of the file elsewhere.
    Link,
    /// A symbolic link to nothing.
    Dangling,
    /// A named pipe.
    Pipe,
    Folder,
    Empty,
    /// Zeros after its end.
    Extended(usize),
    /// A byte before its first.
    Shifted,
    Cut(usize),
    Bit(usize),
    ZeroedBlock(usize),
    MovedBlock(usize, usize),
}

impl Kind {
    /// Its name in totals.
    pub(super) fn name(self) -> String {
        format!("{self:?}").split('(').next().unwrap_or_default().to_owned()
    }
}

/// One damage to one file.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    pub(super) file: PathBuf,
    pub(super) kind: Kind,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.kind, self.file.display())
    }
}

/// Damages to every file: each whole-file kind once, and this many random ones of each kind that has a place.
pub(super) fn damages(world: &World, places: usize, seed: u64) -> Vec<Damage> {
    let mut random = Random(seed);
    let mut all = Vec::new();
    for (file, bytes) in &world.sound {
        let len = bytes.len();
        let mut kinds = vec![
            Kind::Missing,
            Kind::Older,
            Kind::Foreign,
            Kind::Exchanged,
            Kind::Link,
            Kind::Dangling,
            Kind::Pipe,
            Kind::Folder,
            Kind::Empty,
            Kind::Shifted,
            Kind::Extended(1),
            Kind::Extended(BLOCK),
        ];
        if len > 0 {
            for _ in 0..places {
                kinds.push(Kind::Bit(random.below(len * 8)));
                kinds.push(Kind::Cut(random.below(len)));
                kinds.push(Kind::ZeroedBlock(random.below(len)));
                kinds.push(Kind::MovedBlock(random.below(len), random.below(len)));
            }
        }
        all.extend(kinds.into_iter().map(|kind| Damage { file: file.clone(), kind }));
    }
    all
}

impl Damage {
    /// Does it to the collection in `root`; false if it changes nothing there. `outside` is a path for the target of a
    /// link. With `in_place` a file with other contents is written over, and otherwise put in its place.
    pub(super) fn apply(
        &self,
        world: &World,
        root: &Path,
        outside: &Path,
        in_place: bool,
    ) -> io::Result<bool> {
        let path = root.join(&self.file);
        let sound = world.sound.get(&self.file).cloned().unwrap_or_default();
        if let Some(changed) = self.changed(world, &sound) {
            if changed == sound {
                return Ok(false);
            }
            if !in_place {
                fs::remove_file(&path)?;
            }
            fs::write(&path, changed)?;
            return Ok(true);
        }
        match self.kind {
            Kind::Missing => fs::remove_file(&path)?,
            Kind::Link => {
                fs::write(outside, sound)?;
                fs::remove_file(&path)?;
                symlink(outside, &path)?;
            }
            Kind::Dangling => {
                fs::remove_file(&path)?;
                symlink(outside.with_extension("nothing"), &path)?;
            }
            Kind::Pipe => {
                fs::remove_file(&path)?;
                if !Command::new("mkfifo").arg(&path).status()?.success() {
                    return Err(io::Error::other("mkfifo failed"));
                }
            }
            Kind::Folder => {
                fs::remove_file(&path)?;
                fs::create_dir(&path)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The contents that replace those of the file; `None` if the damage is no change of contents, or not possible.
    fn changed(&self, world: &World, sound: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = sound.to_vec();
        match self.kind {
            Kind::Older => return world.older.get(&self.file).cloned(),
            Kind::Foreign => {
                let same = |path: &&PathBuf| kind_of(path) == kind_of(&self.file);
                let found = world.other.get(&self.file);
                let any = || world.other.keys().rfind(same).and_then(|path| world.other.get(path));
                return found.or_else(any).cloned();
            }
            Kind::Exchanged => {
                let same = |(path, _): &(&PathBuf, &Vec<u8>)| {
                    kind_of(path) == kind_of(&self.file) && **path != self.file
                };
                return world.sound.iter().find(same).map(|(_, bytes)| bytes.clone());
            }
            Kind::Empty => bytes.clear(),
            Kind::Extended(by) => bytes.resize(bytes.len() + by, 0),
            Kind::Shifted => bytes.insert(0, 0),
            Kind::Cut(to) => bytes.truncate(to),
            Kind::Bit(at) => *bytes.get_mut(at / 8)? ^= 1 << (at % 8),
            Kind::ZeroedBlock(at) => {
                let end = (at + BLOCK).min(bytes.len());
                bytes.get_mut(at..end)?.fill(0);
            }
            Kind::MovedBlock(a, b) => {
                let size = BLOCK.min(a.abs_diff(b)).min(bytes.len() - a.max(b));
                for i in 0..size {
                    bytes.swap(a + i, b + i);
                }
            }
            Kind::Missing | Kind::Link | Kind::Dangling | Kind::Pipe | Kind::Folder => return None,
        }
        Some(bytes)
    }

    /// Takes the damage back.
    pub(super) fn mend(&self, world: &World, root: &Path) -> io::Result<()> {
        let path = root.join(&self.file);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path)?,
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
        fs::write(path, world.sound.get(&self.file).map_or(&[][..], Vec::as_slice))
    }
}

/// Folder and kind of a file: the part of its name before the number.
fn kind_of(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let kind = name.split('-').next().unwrap_or_default().to_owned();
    (path.parent().unwrap_or(Path::new("")).to_owned(), kind)
}
