//! The generation of a search whose time is limited, while large writes wait to be indexed.

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::shared::Shared;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::Generation;

/// Bytes of waiting texts up to which the search itself indexes them, which takes about 10 ms.
const AT_ONCE_BYTES: usize = 256 << 10;

/// The thread that indexes for searches with a limited time.
#[derive(Default)]
pub(super) struct Indexing {
    thread: Mutex<Running>,
    ended: Condvar,
}

#[derive(Default)]
struct Running {
    /// True from the start of the thread to the end of its work.
    works: bool,
    thread: Option<JoinHandle<()>>,
}

impl Indexing {
    /// Waits for the end of the thread.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().thread.take();
        // A panic concerns the generation that it would have made, which no search has seen.
        let _ = thread.map(JoinHandle::join);
    }
}

/// Wakes the waiting searches when the thread ends, even by a panic.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.indexing.thread.lock().works = false;
        self.0.indexing.ended.notify_all();
    }
}

impl Shared {
    /// The generation with every visible write, if it can be had in time. When the time is over, indexing goes on for the
    /// searches after this one.
    pub(super) fn view_until(self: &Arc<Self>, time: Deadline) -> Result<Arc<Generation>> {
        if !time.is_bounded() || !self.is_behind() {
            return self.view();
        }
        if self.waiting_text_bytes() > AT_ONCE_BYTES {
            self.index_until(time)?;
        }
        // Another search may be indexing.
        match self.building.try_lock_for(time.left()) {
            None => Err(Error::DeadlineExceeded),
            Some(building) => {
                drop(building);
                self.view()
            }
        }
    }

    /// Has the waiting writes indexed by a thread, and waits for it.
    fn index_until(self: &Arc<Self>, time: Deadline) -> Result<()> {
        let mut running = self.indexing.thread.lock();
        if !running.works {
            let own = self.clone();
            let index = move || {
                let ending = Ending(own);
                // The next search gets the error if the view cannot be made.
                drop(ending.0.view());
            };
            let builder = std::thread::Builder::new().name("lexivec-index".to_owned());
            match builder.spawn(index) {
                Ok(thread) => *running = Running { works: true, thread: Some(thread) },
                // The search does it itself.
                Err(_) => return Ok(()),
            }
        }
        while running.works {
            if self.indexing.ended.wait_for(&mut running, time.left()).timed_out() {
                return Err(Error::DeadlineExceeded);
            }
        }
        Ok(())
    }
}
