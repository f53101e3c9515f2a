//! An export: a generation as one stream of bytes. It has the manifest and the files that the manifest names, in its
//! order and each with its hash, then those of the sibling stores. It is no archive of paths: the names of the files are
//! those of the manifest, and the reader decides which names of siblings it knows.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::Arc;

use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::segment::SegmentReader;
use crate::vfs::Vfs;

const MAGIC: &[u8; 8] = b"LXVEXPT\0";
/// Bytes of a file that are copied at once.
const COPY_BYTES: u64 = 64 << 10;
/// Newest format of exports, major and minor.
const VERSION: (u16, u16) = (1, 1);
/// Format of an export without siblings, which releases from before there were siblings can read.
const VERSION_WITHOUT_SIBLINGS: (u16, u16) = (1, 0);
/// Most siblings of an export, and most bytes of the name of one.
const MAX_SIBLINGS: u32 = 64;
const MAX_SIBLING_NAME: u32 = 63;
/// Name of an export in errors.
const NAME: &str = "the export";
const HEAD_BYTES: usize = 24;
/// Bytes of a sibling's head after its name.
const SIBLING_HEAD_BYTES: usize = 12;
const HASH_BYTES: usize = blake3::OUT_LEN;

/// A generation that is about to be written. Its files are open, and stay readable whatever is committed until then.
pub struct Export {
    own: Part,
    siblings: Vec<(String, Part)>,
}

/// One collection of an export.
struct Part {
    vfs: Arc<dyn Vfs>,
    manifest: Vec<u8>,
    files: Vec<SegmentReader>,
}

impl Part {
    fn head(&self, out: &mut Encoder) {
        out.u32(self.files.len() as u32);
        out.u64(self.manifest.len() as u64);
    }

    fn write(&self, out: &mut Hashed<'_>) -> Result<()> {
        out.entry(&self.manifest)?;
        self.files.iter().try_for_each(|file| {
            file.verify()?;
            out.entry(file.bytes())?;
            file.check_whole(&*self.vfs)
        })
    }
}

impl Export {
    /// Opens a generation's files.
    pub fn open(vfs: Arc<dyn Vfs>, manifest: &Manifest) -> Result<Self> {
        let files = manifest.segments.iter().map(|s| SegmentReader::open(&*vfs, &s.file));
        let files = files.collect::<Result<_>>()?;
        Ok(Self { own: Part { vfs, manifest: manifest.encode(), files }, siblings: Vec::new() })
    }

    /// Adds the generation of a sibling store under its name.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name is taken, or if the sibling has siblings too: an export has one level of them, and
    /// none may be lost in silence.
    pub fn add_sibling(&mut self, name: &str, sibling: Self) -> Result<()> {
        if self.siblings.iter().any(|(taken, _)| taken == name) {
            return Err(Error::Invalid {
                detail: format!("the export has a store {name:?} already"),
            });
        }
        if let Some((inner, _)) = sibling.siblings.first() {
            let detail = format!(
                "the store {name:?} holds another store, {inner:?}, which an export cannot hold; move its folder away"
            );
            return Err(Error::Invalid { detail });
        }
        self.siblings.push((name.to_owned(), sibling.own));
        Ok(())
    }

    /// Writes it, each file after all of its blocks were verified; gives the bytes written.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a file is damaged: what was written is no whole export then.
    pub fn write(&self, out: &mut dyn Write) -> Result<u64> {
        let mut out = Hashed { inner: out, whole: blake3::Hasher::new(), bytes: 0 };
        let version = if self.siblings.is_empty() { VERSION_WITHOUT_SIBLINGS } else { VERSION };
        let mut head = Encoder::new();
        head.raw(MAGIC);
        head.u16(version.0);
        head.u16(version.1);
        self.own.head(&mut head);
        out.put(head.as_bytes())?;
        self.own.write(&mut out)?;
        if version == VERSION {
            out.put(&(self.siblings.len() as u32).to_le_bytes())?;
        }
        for (name, part) in &self.siblings {
            let mut head = Encoder::new();
            head.bytes(name.as_bytes());
            part.head(&mut head);
            out.put(head.as_bytes())?;
            part.write(&mut out)?;
        }
        let whole = out.whole.finalize();
        out.put(whole.as_bytes())?;
        Ok(out.bytes)
    }
}

struct Hashed<'a> {
    inner: &'a mut dyn Write,
    whole: blake3::Hasher,
    bytes: u64,
}

impl Hashed<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.write_all(bytes).map_err(|e| Error::io("write", NAME, e))?;
        self.whole.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn entry(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(bytes)?;
        self.put(blake3::hash(bytes).as_bytes())
    }
}

/// Gives the empty directory of a sibling store by its name; `None` for a name it does not know.
pub type SiblingDirectory<'a> = dyn FnMut(&str) -> Result<Option<Box<dyn Vfs>>> + 'a;

/// An export that was read into a directory. Its files are there and synced; its manifests are not there yet.
pub struct Imported {
    /// The manifest of the collection.
    pub manifest: Manifest,
    siblings: Vec<(Box<dyn Vfs>, Manifest)>,
}

impl Imported {
    /// Writes the manifests, that of the collection last, which makes the directory a collection.
    ///
    /// # Errors
    /// Those of [`publish`](crate::publish).
    pub fn publish(&self, vfs: &dyn Vfs) -> Result<()> {
        for (vfs, manifest) in &self.siblings {
            crate::directory::publish(vfs.as_ref(), manifest)?;
        }
        crate::directory::publish(vfs, &self.manifest)
    }
}

/// Reads the files of a generation into an empty directory and syncs them; [`Imported::publish`] adds its manifest. What
/// is read is no more than the manifests say; every hash is compared.
///
/// # Errors
/// [`Error::BadExport`] where bytes are not those that were written, or a sibling's name is not known or there twice; the directory
/// then holds no manifest.
pub fn import(
    vfs: &dyn Vfs,
    input: &mut dyn Read,
    sibling: &mut SiblingDirectory<'_>,
) -> Result<Imported> {
    read(vfs, input, sibling).map_err(|error| match error {
        Error::Corrupt { file, offset, detail, .. } => {
            Error::BadExport { detail: format!("{file}, byte {offset}: {detail}") }
        }
        error => error,
    })
}

fn read(
    vfs: &dyn Vfs,
    input: &mut dyn Read,
    sibling: &mut SiblingDirectory<'_>,
) -> Result<Imported> {
    let mut input = Checked { inner: input, whole: blake3::Hasher::new(), at: 0 };
    let head = input.take(HEAD_BYTES)?;
    let mut fields = Decoder::new(NAME, &head);
    if fields.take(8)? != MAGIC {
        return Err(Error::corrupt(NAME, 0, "it is no export of a collection"));
    }
    let found = (fields.u16()?, fields.u16()?);
    if found > VERSION {
        return Err(Error::NewerFormat { file: NAME.to_owned(), found, supported: VERSION });
    }
    if found != VERSION_WITHOUT_SIBLINGS && found != VERSION {
        return Err(Error::corrupt(NAME, 8, "its head is impossible"));
    }
    let manifest = read_part(vfs, &mut input, fields.u32()?, fields.u64()?)?;
    let mut siblings = Vec::new();
    if found == VERSION {
        let count = input.number()?;
        if count > MAX_SIBLINGS {
            return Err(Error::corrupt(NAME, input.at, "it has an impossible number of siblings"));
        }
        let mut names = HashSet::new();
        for _ in 0..count {
            siblings.push(read_sibling(&mut input, &mut names, sibling)?);
        }
    }
    let whole = input.whole.finalize();
    input.expect(&whole)?;
    Ok(Imported { manifest, siblings })
}

fn read_sibling(
    input: &mut Checked<'_>,
    names: &mut HashSet<String>,
    sibling: &mut SiblingDirectory<'_>,
) -> Result<(Box<dyn Vfs>, Manifest)> {
    let at = input.at;
    let len = input.number()?;
    if len > MAX_SIBLING_NAME {
        return Err(Error::corrupt(NAME, at, "the name of a sibling is too long"));
    }
    let name = String::from_utf8_lossy(&input.take(len as usize)?).into_owned();
    let head = input.take(SIBLING_HEAD_BYTES)?;
    let mut fields = Decoder::new(NAME, &head);
    let (count, len) = (fields.u32()?, fields.u64()?);
    if !names.insert(name.clone()) {
        return Err(Error::corrupt(NAME, at, format!("it holds the store {name:?} twice")));
    }
    let Some(vfs) = sibling(&name)? else {
        let detail = format!("it holds a store {name:?} that this release does not know");
        return Err(Error::corrupt(NAME, at, detail));
    };
    let manifest = read_part(vfs.as_ref(), input, count, len)?;
    Ok((vfs, manifest))
}

/// Reads one collection's manifest and files; the manifest is not published.
fn read_part(vfs: &dyn Vfs, input: &mut Checked<'_>, count: u32, len: u64) -> Result<Manifest> {
    if len > MAX_MANIFEST_BYTES {
        return Err(Error::corrupt(NAME, input.at, "its manifest has an impossible length"));
    }
    let encoded = input.take(len as usize)?;
    input.compare(&encoded)?;
    let generation = encoded.get(16..24).and_then(|b| b.first_chunk::<8>());
    let name = crate::names::manifest_name(generation.map_or(0, |b| u64::from_le_bytes(*b)));
    let manifest = Manifest::decode(&name, &encoded)?;
    if manifest.segments.len() as u32 != count {
        return Err(Error::corrupt(NAME, 12, "it has another number of files than its manifest"));
    }
    for segment in &manifest.segments {
        let mut file = vfs.create(&segment.file.name)?;
        let mut hash = blake3::Hasher::new();
        let mut left = segment.file.len;
        while left > 0 {
            let part = input.take(left.min(COPY_BYTES) as usize)?;
            hash.update(&part);
            file.write_all(&part)?;
            left -= part.len() as u64;
        }
        input.compare_hash(&hash.finalize())?;
        file.sync()?;
    }
    Ok(manifest)
}

struct Checked<'a> {
    inner: &'a mut dyn Read,
    whole: blake3::Hasher,
    at: usize,
}

impl Checked<'_> {
    fn take(&mut self, len: usize) -> Result<Vec<u8>> {
        // Grown as bytes come: the length is not believed before they are there.
        let mut bytes = Vec::new();
        let mut part = (&mut *self.inner).take(len as u64);
        part.read_to_end(&mut bytes).map_err(|e| Error::io("read", NAME, e))?;
        if bytes.len() < len {
            let at = self.at + bytes.len();
            return Err(Error::corrupt(
                NAME,
                at,
                format!("{} more bytes are expected", len - bytes.len()),
            ));
        }
        self.at += len;
        self.whole.update(&bytes);
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Decoder::new(NAME, &bytes).u32()
    }

    fn compare(&mut self, bytes: &[u8]) -> Result<()> {
        self.compare_hash(&blake3::hash(bytes))
    }

    fn compare_hash(&mut self, hash: &blake3::Hash) -> Result<()> {
        let stored = self.take(HASH_BYTES)?;
        match stored == hash.as_bytes() {
            true => Ok(()),
            false => Err(Error::corrupt(NAME, self.at, "a hash is wrong")),
        }
    }

    /// The end of the stream, with this hash of all before it.
    fn expect(&mut self, whole: &blake3::Hash) -> Result<()> {
        self.compare_hash(whole)?;
        let mut more = [0];
        match self.inner.read(&mut more).map_err(|e| Error::io("read", NAME, e))? {
            0 => Ok(()),
            _ => Err(Error::corrupt(NAME, self.at, "there are bytes behind its end")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;
    use crate::directory::Directory;
    use crate::vfs::memory::MemoryVfs;

    /// An export of a collection without segments.
    fn small() -> Export {
        let vfs: Arc<dyn Vfs> = Arc::new(MemoryVfs::default());
        let directory = Directory::create(vfs.clone(), b"schema".to_vec());
        Export::open(vfs, directory.expect("created").manifest()).expect("opened")
    }

    fn read(export: &Export) -> Result<()> {
        let mut stream = Vec::new();
        export.write(&mut stream).expect("written");
        let target = MemoryVfs::default();
        let mut sibling = |_: &str| Ok(Some(Box::new(MemoryVfs::default()) as Box<dyn Vfs>));
        import(&target, &mut stream.as_slice(), &mut sibling)?.publish(&target)
    }

    #[test]
    fn a_store_is_in_an_export_once_and_none_is_left_out_in_silence() {
        let mut export = small();
        export.add_sibling("learning", small()).expect("added");
        read(&export).expect("read");
        let taken = export.add_sibling("learning", small()).expect_err("twice").to_string();
        assert!(taken.contains("\"learning\" already"), "{taken}");
        let mut nested = small();
        nested.add_sibling("inner", small()).expect("added");
        let lost = export.add_sibling("other", nested).expect_err("nested").to_string();
        assert!(lost.contains("holds another store, \"inner\""), "{lost}");

        // A stream that another program wrote.
        export.siblings.push(("learning".to_owned(), small().own));
        let error = read(&export).expect_err("twice").to_string();
        assert!(error.contains("the store \"learning\" twice"), "{error}");
    }
}
