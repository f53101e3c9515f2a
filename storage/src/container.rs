//! A generation as one stream of bytes, to carry elsewhere: the manifest and the files it names, in
//! its order, each with its hash. Not an archive of paths: an entry has no name of its own choice.

use std::io::{Read, Write};

use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::mapped::Bytes;
use crate::vfs::Vfs;

const MAGIC: &[u8; 8] = b"LXVEXPT\0";
/// Bytes of a file that are copied at once.
const COPY_BYTES: u64 = 64 << 10;
/// Format of containers, major and minor.
const VERSION: (u16, u16) = (1, 0);
/// What containers are called in errors.
const NAME: &str = "the export";
const HEAD_BYTES: usize = 24;
const HASH_BYTES: usize = blake3::OUT_LEN;

/// A generation that is about to be written: its files are open, and stay readable whatever is
/// committed meanwhile.
pub struct Export {
    manifest: Vec<u8>,
    files: Vec<Bytes>,
}

impl Export {
    /// Opens a generation's files.
    pub fn open(vfs: &dyn Vfs, manifest: &Manifest) -> Result<Self> {
        let files = manifest.segments.iter().map(|s| vfs.map(&s.file.name, s.file.len));
        Ok(Self { manifest: manifest.encode(), files: files.collect::<Result<_>>()? })
    }

    /// Writes it; gives the bytes written.
    pub fn write(&self, out: &mut dyn Write) -> Result<u64> {
        let mut out = Hashed { inner: out, whole: blake3::Hasher::new(), bytes: 0 };
        let mut head = Encoder::new();
        head.raw(MAGIC);
        head.u16(VERSION.0);
        head.u16(VERSION.1);
        head.u32(self.files.len() as u32);
        head.u64(self.manifest.len() as u64);
        out.put(head.as_bytes())?;
        out.entry(&self.manifest)?;
        for bytes in &self.files {
            out.entry(bytes)?;
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

/// Reads a generation into an empty directory: its files first, its manifest last, all synced. What
/// is read is no more than the manifest says; every hash is compared.
///
/// # Errors
/// [`Error::BadExport`] where bytes are not those that were written; the directory then holds no
/// manifest.
pub fn import(vfs: &dyn Vfs, input: &mut dyn Read) -> Result<Manifest> {
    read(vfs, input).map_err(|error| match error {
        Error::Corrupt { file, offset, detail, .. } => {
            Error::BadExport { detail: format!("{file}, byte {offset}: {detail}") }
        }
        error => error,
    })
}

fn read(vfs: &dyn Vfs, input: &mut dyn Read) -> Result<Manifest> {
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
    let (count, len) = (fields.u32()?, fields.u64()?);
    if len > MAX_MANIFEST_BYTES || found != VERSION {
        return Err(Error::corrupt(NAME, 16, "its head is impossible"));
    }
    let encoded = input.take(len as usize)?;
    input.compare(&encoded)?;
    let generation = encoded.get(16..24).and_then(|b| b.first_chunk::<8>());
    let name = crate::manifest::manifest_name(generation.map_or(0, |b| u64::from_le_bytes(*b)));
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
    let whole = input.whole.finalize();
    input.expect(&whole)?;
    crate::directory::publish(vfs, &manifest)?;
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
