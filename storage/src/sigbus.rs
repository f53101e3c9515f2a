//! The handler of SIGBUS: a mapped page that the system cannot bring, as of a file that was cut short, reads as zeros and
//! marks its file, instead of ending the process.
//!
//! With `mapped` the only room for `unsafe` in this crate.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Maps in a block of the table.
const CHUNK: usize = 256;

/// A mapped range of memory.
struct Slot {
    taken: AtomicBool,
    /// Its first address; 0 while there is no map.
    start: AtomicUsize,
    len: AtomicUsize,
    /// True once a page of it was lost.
    lost: AtomicBool,
}

impl Slot {
    const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
        }
    }
}

/// The maps, in a table that a signal handler can read: it is never moved or freed, and reading it takes no lock.
struct Chunk {
    slots: [Slot; CHUNK],
    next: OnceLock<Box<Chunk>>,
}

impl Chunk {
    const fn new() -> Self {
        Self { slots: [const { Slot::new() }; CHUNK], next: OnceLock::new() }
    }
}

static TABLE: Chunk = Chunk::new();

/// The entry of a map in the table; given back on drop, which has to come before the memory is unmapped.
#[derive(Debug)]
pub(crate) struct Watched(&'static Slot);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({:?})", self.lost)
    }
}

impl Watched {
    /// Enters a map.
    pub(crate) fn new(map: &[u8]) -> Self {
        let mut chunk = &TABLE;
        loop {
            let free = |slot: &&Slot| !slot.taken.swap(true, Ordering::AcqRel);
            if let Some(slot) = chunk.slots.iter().find(free) {
                slot.lost.store(false, Ordering::Relaxed);
                slot.len.store(map.len(), Ordering::Relaxed);
                slot.start.store(map.as_ptr() as usize, Ordering::Release);
                return Self(slot);
            }
            chunk = chunk.next.get_or_init(|| Box::new(Chunk::new()));
        }
    }

    /// True once a page of the map was lost: what was read of it since may be zeros.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
        self.0.taken.store(false, Ordering::Release);
    }
}

/// The map that an address lies in.
fn slot_of(address: usize) -> Option<&'static Slot> {
    let mut chunk = Some(&TABLE);
    while let Some(block) = chunk {
        let holds = |slot: &&Slot| {
            let start = slot.start.load(Ordering::Acquire);
            start != 0 && address.wrapping_sub(start) < slot.len.load(Ordering::Relaxed)
        };
        if let Some(slot) = block.slots.iter().find(holds) {
            return Some(slot);
        }
        chunk = block.next.get().map(|next| &**next);
    }
    None
}

/// Bytes of a page, known before the handler is installed.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// The action that was there before ours.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Installs the handler of SIGBUS, once for the process, for good. With a signal that concerns no map of a segment it does
/// what the action did that was there before.
///
/// # Errors
/// When the system refuses it.
pub fn survive_lost_pages() -> std::io::Result<()> {
    if BEFORE.get().is_some() {
        return Ok(());
    }
    PAGE.store(rustix::param::page_size(), Ordering::Release);
    // SAFETY: zero is a value of this structure of integers and a null function pointer.
    let (mut ours, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_lost_page;
    ours.sa_sigaction = handler as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // The handler before is known before ours can run.
    // SAFETY: with no new action this only writes the present one into `before`, which is valid for it.
    let read = unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut before) };
    if read != 0 {
        return Err(std::io::Error::last_os_error());
    }
    let _ = BEFORE.set(before);
    // SAFETY: `ours` is a whole action, and its handler does only what a handler of signals may do.
    let installed = unsafe { libc::sigaction(libc::SIGBUS, &raw const ours, std::ptr::null_mut()) };
    if installed == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Handles the signal. It takes no lock and no memory: it reads atomics and makes one system call.
extern "C" fn on_lost_page(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with `SA_SIGINFO` the system gives a valid `siginfo_t`, and of SIGBUS it has an address.
    let address = unsafe { (*info).si_addr() } as usize;
    if let Some(slot) = slot_of(address) {
        slot.lost.store(true, Ordering::Release);
        let page = PAGE.load(Ordering::Acquire);
        let start = (address & !(page - 1)) as *mut c_void;
        let flags = MapFlags::FIXED | MapFlags::PRIVATE;
        // SAFETY: the page lies in a map that its owner keeps for reading alone, and which is unmapped only after its
        // entry has left the table; in its place come zeros, which are bytes like any others.
        let replaced = unsafe { mmap_anonymous(start, page, ProtFlags::READ, flags) };
        if replaced.is_ok() {
            return;
        }
    }
    // SAFETY: `info` is the one that the system gave.
    let sent = unsafe { (*info).si_code } <= 0;
    if let Some(before) = BEFORE.get() {
        hand_on(before, sent, signal, info, context);
    }
}

/// Does what the earlier action does with a signal that concerns no map.
fn hand_on(
    before: &libc::sigaction,
    sent: bool,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: zero is a value of this structure, and with `SIG_DFL`, which is 0, it is the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    match before.sa_sigaction {
        libc::SIG_IGN if sent => return,
        libc::SIG_IGN | libc::SIG_DFL => {
            // SAFETY: `action` is a whole action.
            let _ = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: an action with `SA_SIGINFO` that is neither of the two above holds a function of this type.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: an action without `SA_SIGINFO` that is neither of the two above holds a function of this type.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
    // A fault comes again once this returns; a signal that a process sent does not, so where the default action is to
    // decide now, as after the handler of Rust's library, it is sent again.
    // SAFETY: with no new action this only writes the present one into `action`, which is valid for it.
    let read = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    if sent && read == 0 && action.sa_sigaction == libc::SIG_DFL {
        // SAFETY: this call may be made in a handler.
        let _ = unsafe { libc::raise(signal) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::mapped::Bytes;

    #[test]
    fn a_file_that_is_cut_reads_as_zeros_and_is_marked() {
        survive_lost_pages().expect("installed");
        let file = || {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&[7; 64 << 10]).expect("written");
            file
        };
        let (cut, whole) = (file(), file());
        let maps = [&cut, &whole].map(|file| Bytes::map(file).expect("mapped"));
        cut.set_len(100).expect("cut");
        let part = maps[0].slice(32 << 10..40 << 10).expect("within");
        assert!(!part.is_lost());
        assert!(part.iter().all(|&b| b == 0), "it is read as zeros");
        assert!(part.is_lost() && maps[0].is_lost());
        assert!(maps[1].iter().all(|&b| b == 7) && !maps[1].is_lost());
        assert_eq!(maps[0][..100], [7; 100]);
        drop((maps, part));
        // Its place in the table is free again, and not marked.
        let again = Bytes::map(&whole).expect("mapped");
        assert!(!again.is_lost());
    }

    #[test]
    fn the_table_grows() {
        let map = [0u8; 8];
        let many: Vec<Watched> = (0..3 * CHUNK).map(|_| Watched::new(&map)).collect();
        assert!(slot_of(map.as_ptr() as usize + 7).is_some());
        assert!(slot_of(map.as_ptr() as usize + 8).is_none());
        drop(many);
        assert!(slot_of(map.as_ptr() as usize).is_none());
    }
}
