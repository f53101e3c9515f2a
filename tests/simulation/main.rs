//! The long runs at the length of a test, and for each the proof that it can fail.
//!
//! `LEXIVEC_STATES`, `LEXIVEC_OPS` and `LEXIVEC_SEED` make longer or other runs.
#![allow(clippy::expect_used, clippy::print_stdout)] // a test's ways to fail and report

use std::path::Path;
use std::process::Command;

use lexivec::storage::IgnoredSync;
use lexivec_tests::campaigns::crash::Planted;
use lexivec_tests::campaigns::{
    crash, cycles, damage, faults, flips, kill, leaks, operations, soak, threads,
};
use lexivec_tests::command;

/// Crash states of one run, unless `LEXIVEC_STATES` says otherwise.
const STATES: u64 = 20_000;
/// Operations of one run, unless `LEXIVEC_OPS` says otherwise.
const OPERATIONS: u64 = 4_000;
/// Kills of one run.
const KILLS: usize = 50;
/// Length of a run with concurrent threads or readers.
const SECONDS: u64 = 4;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn seed() -> u64 {
    number("LEXIVEC_SEED", 1)
}

#[test]
fn a_power_cut_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let states = number("LEXIVEC_STATES", STATES) as usize;
    println!("{}", crash::run(states, seed(), Planted::Nothing).expect("no violation"));
}

#[test]
fn a_missing_sync_or_a_lost_frame_is_noticed() {
    for planted in [
        Planted::IgnoredSync(IgnoredSync::Files),
        Planted::IgnoredSync(IgnoredSync::Directory),
        Planted::LostLogWrites(2),
    ] {
        crash::run(4_000, 1, planted).expect_err("a violation must be found");
    }
}

#[test]
fn no_tenant_is_shown_a_row_of_another() {
    println!("{}", leaks::run(5_000, seed(), false).expect("no leak"));
    leaks::run(5_000, seed(), true).expect_err("a key without a filter must be found");
}

#[test]
fn random_operations_equal_the_model() {
    let operations = number("LEXIVEC_OPS", OPERATIONS) as usize;
    println!("{}", operations::run(operations, seed(), None).expect("no difference"));
    operations::run(2_000, seed(), Some(5)).expect_err("a lost frame must be found");
}

#[test]
fn a_failing_operation_is_reported_and_the_collection_continues() {
    println!("{}", faults::run(seed(), None).expect("no violation"));
    faults::run(seed(), Some(1)).expect_err("a lost frame must be found");
}

#[test]
fn damage_is_reported_or_has_no_effect() {
    println!("{}", flips::run(40).expect("no violation"));
    let wrong = flips::wrong_without_checksums().expect("resealed");
    assert!(wrong > 20, "only {wrong} changes were seen without checksums");
}

#[test]
fn damaged_files_are_reported_or_have_no_effect() {
    println!("{}", damage::run(2, seed(), false).expect("no violation"));
    damage::run(0, seed(), true).expect_err("an earlier state must be seen");
    damage::run_open(0, seed(), true).expect_err("a row that was lost must be seen");
}

#[test]
fn recall_and_space_stay_those_of_a_fresh_build() {
    let source = cycles::Source::clustered(3_000, 16, 5);
    println!("{}", cycles::run(4, &source, 5, true).expect("no violation"));
    cycles::run(1, &source, 5, false).expect_err("space that is not freed must be found");
}

#[test]
fn a_killed_server_has_lost_nothing() {
    println!("{}", kill::run(KILLS, seed(), false).expect("no violation"));
    kill::run(KILLS, seed(), true).expect_err("lost frames must be found");
}

#[test]
fn threads_at_once_do_not_disturb_each_other() {
    println!("{}", threads::run(SECONDS, seed(), false).expect("no difference"));
    threads::run(SECONDS, seed(), true).expect_err("rows of another writer must be found");
}

#[test]
fn readers_in_other_processes_see_whole_writes() {
    let reader = |dir: &Path| {
        let mut reader = Command::new(command().with_file_name("campaign"));
        reader.arg("read").arg(dir);
        reader
    };
    println!("{}", soak::run(SECONDS, seed(), false, reader).expect("no violation"));
    soak::run(SECONDS, seed(), true, reader).expect_err("half of a round must be found");
}
