//! The background thread of a handle: syncs, flushes and compactions that are due.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use super::shared::Shared;
use crate::limits::{BACKGROUND_PAUSE, INTERVAL};

/// The thread; ends with the handle it belongs to.
pub(super) struct Background {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let own = shared.clone();
        let builder = std::thread::Builder::new().name("lexivec-background".to_owned());
        // Without a thread the writes that make something due wait for it to be done.
        let thread = builder.spawn(move || run(&own)).ok();
        Self { shared: shared.clone(), thread }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // In a fork there is no such thread, and a lock it held is never let go.
        if std::process::id() != self.shared.opener {
            std::mem::forget(self.thread.take());
            return;
        }
        {
            let mut state = self.shared.bell.state.lock();
            state.stop = true;
            self.shared.cancelled.store(true, Ordering::Relaxed);
        }
        self.shared.bell.rung.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in it was noted by the poison it watched under.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    let mut synced = Instant::now();
    loop {
        let due = {
            let mut state = shared.bell.state.lock();
            if !state.stop && !state.due {
                shared.bell.rung.wait_for(&mut state, BACKGROUND_PAUSE);
            }
            if state.stop {
                return;
            }
            std::mem::take(&mut state.due)
        };
        let mut done = Ok(());
        if let Ok(log) = shared.writable() {
            if synced.elapsed() + BACKGROUND_PAUSE >= INTERVAL {
                done = log.sync(log.last()).map_err(Into::into);
                synced = Instant::now();
            }
            // A flush that failed is tried again: the disk may have space by now.
            let flush = shared.flush_due(1);
            if (due || flush) && done.is_ok() {
                if flush {
                    done = shared.flush().map(drop);
                }
                shared.note(done.and_then(|()| shared.compact_tiers()));
            } else if done.is_err() {
                shared.note(done);
            }
        }
    }
}
