//! The background threads of a handle: one syncs, one runs due flushes and compactions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use lexivec_storage::Error as StorageError;

use super::shared::Shared;
use crate::error::Result;
use crate::limits::{BACKGROUND_PAUSE, INTERVAL};

/// The work that a thread repeats until its handle is dropped.
type Work = fn(&Shared);

/// The background threads; they end when their handle is dropped.
pub(super) struct Background {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts them.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self> {
        let mut background = Self { shared: shared.clone(), threads: Vec::new() };
        // Two, so that a long merge does not delay a sync.
        for (name, run) in [("lexivec-sync", sync as Work), ("lexivec-merge", merge)] {
            let own = shared.clone();
            let builder = std::thread::Builder::new().name(name.to_owned());
            let thread = builder.spawn(move || run(&own)).map_err(|source| StorageError::Io {
                op: "start a thread for",
                path: shared.vfs.describe(),
                source,
            })?;
            background.threads.push(thread);
        }
        Ok(background)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A fork does not have these threads, and a lock that one of them held is never released.
        if std::process::id() != self.shared.opener {
            std::mem::forget(std::mem::take(&mut self.threads));
            return;
        }
        {
            let mut state = self.shared.wake_up.state.lock();
            state.stop = true;
            self.shared.cancelled.store(true, Ordering::Relaxed);
        }
        self.shared.wake_up.changed.notify_all();
        for thread in self.threads.drain(..) {
            // The thread's poison guard has recorded a panic.
            let _ = thread.join();
        }
    }
}

/// Syncs the writes since the last sync, and marks them durable in the log.
fn sync(shared: &Shared) {
    let mut synced = Instant::now();
    loop {
        {
            let mut state = shared.wake_up.state.lock();
            if !state.stop {
                shared.wake_up.changed.wait_for(&mut state, BACKGROUND_PAUSE);
            }
            if state.stop {
                return;
            }
        }
        if synced.elapsed() + BACKGROUND_PAUSE < INTERVAL {
            continue;
        }
        synced = Instant::now();
        if let Ok(log) = shared.writable() {
            let done = log.sync(log.last()).and_then(|()| log.mark_durable());
            if done.is_err() {
                shared.note(done.map_err(Into::into));
            }
        }
    }
}

/// Runs the due flush and the due merges.
fn merge(shared: &Shared) {
    loop {
        let due = {
            let mut state = shared.wake_up.state.lock();
            if !state.stop && !state.due {
                shared.wake_up.changed.wait_for(&mut state, BACKGROUND_PAUSE);
            }
            if state.stop {
                return;
            }
            std::mem::take(&mut state.due)
        };
        if shared.writable().is_err() {
            continue;
        }
        shared.retake_reserve_if_free();
        // A failed flush is retried: the disk may have space by now.
        let flush = shared.flush_due(1);
        if due || flush {
            let flushed = if flush { shared.flush().map(drop) } else { Ok(()) };
            shared.note(flushed.and_then(|()| shared.compact_tiers()));
        }
    }
}
