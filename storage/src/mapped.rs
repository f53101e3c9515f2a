//! Read-only regions of bytes: a mapped file or a heap buffer, shared and cheap to clone.
//!
//! With `sigbus` the only room for `unsafe` in this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};
use stable_deref_trait::StableDeref;

use crate::error::{Error, Result};
use crate::sigbus::Watched;

/// A read-only region, aligned to 64 bytes at its owner's start.
#[derive(Clone)]
pub struct Bytes {
    /// Keeps the memory that `start` points into; never written through.
    _owner: Owner,
    start: *const u8,
    len: usize,
}

#[derive(Clone)]
#[allow(dead_code)] // held for its lifetime only
enum Owner {
    Mapped(Arc<Mapping>),
    Heap(Arc<Vec<Line>>),
}

/// A mapped file. The fields are dropped in this order: the entry for the signal handler before the memory.
struct Mapping {
    watched: Watched,
    map: Mmap,
}

/// A cache line: what sections of a file are aligned to, so that it holds in memory as well.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

const LINE_BYTES: usize = 64;

// SAFETY: an array of bytes as long as its alignment: no padding, and zero is a value.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above; every bit pattern is a value.
unsafe impl bytemuck::Pod for Line {}

// SAFETY: the region is never written to, and its owner can be shared and dropped on any thread.
unsafe impl Send for Bytes {}
// SAFETY: as above; all access is by shared reference to immutable memory.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// Copies bytes to the heap, where they are aligned to 64.
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut lines = vec![Line([0; LINE_BYTES]); bytes.len().div_ceil(LINE_BYTES)];
        bytemuck::cast_slice_mut::<Line, u8>(&mut lines)[..bytes.len()].copy_from_slice(bytes);
        let lines = Arc::new(lines);
        Self { start: lines.as_ptr().cast(), len: bytes.len(), _owner: Owner::Heap(lines) }
    }

    /// Like [`from_slice`](Self::from_slice), for bytes that the caller gives up.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self::from_slice(&bytes)
    }

    /// Maps a whole file. Only sealed files are mapped: they are created exclusively, never
    /// written again and never cut, so the memory does not change or vanish under the map.
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the file is sealed (see above); that no other program rewrites it is part of
        // what a collection's directory is documented to need.
        let map = unsafe { Mmap::map(file) }?;
        let (start, len) = (map.as_ptr(), map.len());
        let mapping = Mapping { watched: Watched::new(&map), map };
        Ok(Self { start, len, _owner: Owner::Mapped(Arc::new(mapping)) })
    }

    /// True once a page of the mapped file could not be read, so that zeros stand in its place.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(&self._owner, Owner::Mapped(mapping) if mapping.watched.is_lost())
    }

    /// Hints to the system that a part of a mapped file is read soon, so that it is read in the background.
    pub(crate) fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Owner::Mapped(mapping) = &self._owner {
            let map = &mapping.map;
            let before = self.start as usize - map.as_ptr() as usize;
            let advice = memmap2::Advice::WillNeed;
            let _ = map.advise_range(advice, before + range.start, range.len());
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// A part of the region; `None` if it is not within.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let part = self.get(range)?;
        Some(Self { start: part.as_ptr(), len: part.len(), _owner: self._owner.clone() })
    }
}

/// Memory to work in: zeroed, aligned to a page, and in huge pages where the system has some. For large
/// tables that are read here and there; the first touch of each page is paid for when it comes.
#[derive(Debug)]
pub struct Scratch(MmapMut);

impl Scratch {
    /// Takes this many bytes.
    ///
    /// # Errors
    /// [`Error::Io`] where the system has no more.
    pub fn zeroed(bytes: usize) -> Result<Self> {
        let map = MmapMut::map_anon(bytes.max(1));
        let map = map.map_err(|e| Error::io("allocate", format!("{bytes} bytes of memory"), e))?;
        // A hint: without it everything works, slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(map))
    }
}

impl Deref for Scratch {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `start` and `len` come from a slice of the owner's memory, which lives as long
        // as `self` and is never written to.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

// SAFETY: the memory belongs to the `Arc` of the owner, so it stays where it is when a `Bytes` is
// moved, and a clone points to the same place.
unsafe impl StableDeref for Bytes {}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_outlives_the_region_it_is_from() {
        let whole = Bytes::from_slice(b"0123456789");
        let part = whole.slice(2..5).expect("within");
        drop(whole);
        assert_eq!(&*part, b"234");
        assert!(part.slice(0..4).is_none());
        assert_eq!(&*part.slice(1..3).expect("within"), b"34");
        assert_eq!(Bytes::from_slice(b"").len(), 0);
    }

    #[test]
    fn scratch_is_zeroed_and_may_be_empty() {
        let mut scratch = Scratch::zeroed(5_000).expect("memory");
        assert!(scratch.len() == 5_000 && scratch.iter().all(|&b| b == 0));
        assert_eq!(scratch.as_ptr().align_offset(64), 0);
        scratch[4_999] = 1;
        assert_eq!(scratch[4_999], 1);
        assert!(Scratch::zeroed(0).is_ok());
        assert!(Scratch::zeroed(usize::MAX / 2).is_err());
    }

    #[test]
    fn the_heap_is_aligned_as_files_are() {
        for len in [1, 63, 64, 65, 1000] {
            let written: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let bytes = Bytes::from_vec(written.clone());
            assert_eq!(bytes.as_ptr().align_offset(64), 0, "{len} bytes");
            assert_eq!(&*bytes, written);
        }
    }
}
