//! Lanes of calls that wait for permits: one for each collection, which get the permits in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{Receiver, Sender, channel};

/// Permits, and the lanes that wait for them.
pub(crate) struct Lanes {
    /// Permits that the calls of one lane may have: all but one while there is more than one.
    of_lane: usize,
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// The lanes that have calls.
    lanes: HashMap<String, Lane>,
    /// The lanes with calls that wait, in the order in which they get permits.
    turns: VecDeque<String>,
}

/// The calls of one collection.
#[derive(Default)]
struct Lane {
    running: usize,
    waiting: VecDeque<Sender<Permit>>,
}

/// The place that a call gets in its lane.
pub(crate) enum Entry {
    /// There is a permit for it.
    Free(Permit),
    /// It gets one in its turn.
    Waits(Receiver<Permit>),
    /// The lane has as many waiting calls as it may have.
    Full,
}

impl Lanes {
    /// Lanes that share this number of permits.
    pub(crate) fn new(permits: usize) -> Self {
        let (lanes, turns) = (HashMap::new(), VecDeque::new());
        let state = Mutex::new(State { free: permits, lanes, turns });
        Self { of_lane: (permits - 1).max(1), state }
    }

    /// A permit for a call of this lane, or a place among the calls of the lane that wait, `most` at most.
    pub(crate) fn enter(self: &Arc<Self>, name: &str, most: usize) -> Entry {
        let mut state = self.state();
        let state = &mut *state;
        let lane = state.lanes.entry(name.to_owned()).or_default();
        // Those whose callers have left no longer wait.
        lane.waiting.retain(|call| !call.is_closed());
        if state.free > 0 && lane.running < self.of_lane && lane.waiting.is_empty() {
            state.free -= 1;
            lane.running += 1;
            return Entry::Free(self.permit(name));
        }
        if lane.waiting.len() >= most {
            return Entry::Full;
        }
        let (call, waits) = channel();
        if !state.turns.iter().any(|turn| turn == name) {
            state.turns.push_back(name.to_owned());
        }
        lane.waiting.push_back(call);
        Entry::Waits(waits)
    }

    /// Calls that run and calls that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.state();
        let lanes = state.lanes.values();
        lanes.fold((0, 0), |(running, waiting), lane| {
            (running + lane.running, waiting + lane.waiting.len())
        })
    }

    fn permit(self: &Arc<Self>, name: &str) -> Permit {
        Permit { lanes: self.clone(), lane: name.to_owned() }
    }

    /// Takes a permit back, and gives the free ones to the calls whose turn it is.
    fn release(self: &Arc<Self>, name: &str) {
        {
            let mut state = self.state();
            state.free += 1;
            if let Some(lane) = state.lanes.get_mut(name) {
                lane.running -= 1;
            }
            state.forget(name);
        }
        // A caller that leaves at this moment gives its permit back, which may not happen with the lock held.
        while let Some((call, name)) = self.next() {
            drop(call.send(self.permit(&name)));
        }
    }

    /// The call whose turn it is, with a permit taken for it.
    fn next(&self) -> Option<(Sender<Permit>, String)> {
        let mut state = self.state();
        let state = &mut *state;
        for _ in 0..state.turns.len() {
            if state.free == 0 {
                return None;
            }
            let name = state.turns.pop_front()?;
            let Some(lane) = state.lanes.get_mut(&name) else { continue };
            lane.waiting.retain(|call| !call.is_closed());
            let call = match lane.running < self.of_lane {
                true => lane.waiting.pop_front(),
                false => None,
            };
            if call.is_some() {
                lane.running += 1;
                state.free -= 1;
            }
            match lane.waiting.is_empty() {
                true => state.forget(&name),
                false => state.turns.push_back(name.clone()),
            }
            if let Some(call) = call {
                return Some((call, name));
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls of a lane that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self, name: &str) -> usize {
        self.state().lanes.get(name).map_or(0, |lane| lane.waiting.len())
    }
}

impl State {
    /// Forgets a lane without calls.
    fn forget(&mut self, name: &str) {
        if self.lanes.get(name).is_some_and(|lane| lane.running == 0 && lane.waiting.is_empty()) {
            self.lanes.remove(name);
        }
    }
}

/// A permit of a call; it goes to another one when this is dropped.
pub(crate) struct Permit {
    lanes: Arc<Lanes>,
    lane: String,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.lanes.release(&self.lane);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    fn waits(entry: Entry) -> Option<Receiver<Permit>> {
        match entry {
            Entry::Waits(waits) => Some(waits),
            Entry::Free(_) | Entry::Full => None,
        }
    }

    #[test]
    fn lanes_get_a_permit_in_turn() {
        let lanes = Arc::new(Lanes::new(1));
        let Entry::Free(mut running) = lanes.enter("a", 9) else { panic!("free") };
        let mut calls: Vec<(&str, Option<Receiver<Permit>>)> = Vec::new();
        for name in ["a", "a", "a", "b", "c", "b"] {
            calls.push((name, waits(lanes.enter(name, 9))));
        }
        // The caller of the last one leaves.
        calls.pop();
        let mut order = String::new();
        while !calls.is_empty() {
            drop(running);
            let next = |call: &mut Option<Receiver<Permit>>| {
                call.as_mut().expect("it waits").try_recv().ok()
            };
            let (index, permit) = calls
                .iter_mut()
                .enumerate()
                .find_map(|(index, (_, call))| Some((index, next(call)?)))
                .expect("one call has the permit");
            order.push_str(calls.remove(index).0);
            running = permit;
        }
        assert_eq!(order, "abcaa");
        drop(running);
        let state = lanes.state();
        assert_eq!((state.free, state.lanes.len(), state.turns.len()), (1, 0, 0));
    }

    #[test]
    fn a_lane_leaves_one_permit_to_others_and_refuses_who_is_one_too_many() {
        let lanes = Arc::new(Lanes::new(3));
        let free = |name: &str| match lanes.enter(name, 1) {
            Entry::Free(permit) => Some(permit),
            Entry::Waits(_) | Entry::Full => None,
        };
        let mut of_a: Vec<Permit> = (0..2).filter_map(|_| free("a")).collect();
        assert_eq!(of_a.len(), 2);
        let mut waiting = waits(lanes.enter("a", 1)).expect("it waits");
        assert!(matches!(lanes.enter("a", 1), Entry::Full));
        let of_b = free("b").expect("the last one");
        assert!(free("c").is_none(), "none is left");
        // The permit of another lane does not go to this one, which has as many as it may.
        drop(of_b);
        assert!(waiting.try_recv().is_err());
        drop(of_a.pop());
        assert!(waiting.try_recv().is_ok());
    }
}
