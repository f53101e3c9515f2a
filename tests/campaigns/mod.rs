//! Long runs that look for a violation of the engine's promises: each returns its totals, or the
//! first violation with the seed that repeats it.

pub mod crash;
pub mod cycles;
pub mod damage;
pub mod faults;
pub mod fixture;
pub mod flips;
pub mod kill;
pub mod leaks;
pub mod operations;
mod server;
pub mod soak;
pub mod steps;
pub mod threads;

/// Totals of a run, or the first violation.
pub type Outcome = Result<String, String>;
