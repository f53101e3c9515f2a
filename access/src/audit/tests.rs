//! The audit log with faults: every small change is found, and none is found in an unchanged one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;
use crate::error::Error;

fn entry(number: u64) -> Entry {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * number);
    Entry {
        user_id: "k\u{1}\"\n".to_owned(),
        organization_id: if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
        target_resource: format!("=number {number}"),
        ..Entry::new("key.create", at)
    }
}

fn log_of(database: &Path, entries: u64) -> AuditLog {
    let log = AuditLog::open(database).expect("opened");
    for number in 0..entries {
        log.append(entry(number)).expect("appended");
    }
    log
}

fn path(database: &Path, name: &str) -> PathBuf {
    database.join(".access").join(name)
}

/// The report about a log with these bytes in the place of those that were written.
fn report(database: &Path, name: &str, bytes: &[u8]) -> Report {
    fs::write(path(database, name), bytes).expect("written");
    verify_audit(database).expect("read")
}

#[test]
fn entries_are_read_back_the_newest_first() {
    let scratch = tempfile::tempdir().expect("a directory");
    let log = log_of(scratch.path(), 5);
    let resources = |page: &AuditPage| {
        let number = |e: &Entry| e.target_resource.trim_start_matches("=number ").to_owned();
        page.entries.iter().map(number).collect::<String>()
    };
    let all = AuditFilter::default();
    let odd = AuditFilter { organization: Some("odd".to_owned()), ..all.clone() };
    let day = AuditFilter { date: Some("1970-01-03".to_owned()), ..all.clone() };
    let none = AuditFilter { action: Some("key".to_owned()), ..all.clone() };
    for (filter, limit, offset, expected, total, more) in [
        (&all, 1_000, 0, "43210", 5, false),
        (&all, 2, 1, "32", 5, true),
        (&all, 2, 3, "10", 5, false),
        (&all, 2, 9, "", 5, false),
        (&odd, 1, 0, "3", 2, true),
        (&day, 10, 0, "2", 1, false),
        (&none, 10, 0, "", 0, false),
    ] {
        let page = log.reader().read(filter, limit, offset).expect("read");
        assert_eq!((resources(&page).as_str(), page.total, page.has_more), (expected, total, more));
    }
    let empty = tempfile::tempdir().expect("a directory");
    let page = AuditReader::open(empty.path()).and_then(|log| log.read(&all, 1, 0)).expect("read");
    assert_eq!((page.entries.len(), page.total), (0, 0), "no log was ever begun");
    let bad = AuditFilter { date: Some("1970-1-3".to_owned()), ..all.clone() };
    assert!(log.reader().read(&bad, 1, 0).is_err() && log.reader().read(&all, 0, 0).is_err());
    assert!(log.reader().read(&all, 1_001, 0).is_err());
    assert_eq!(
        log.reader().read(&all, 1, 4).expect("read").entries.first().map(|e| &e.user_id),
        Some(&entry(0).user_id)
    );
}

#[test]
fn every_small_change_is_found_and_none_in_an_unchanged_log() {
    let scratch = tempfile::tempdir().expect("a directory");
    drop(log_of(scratch.path(), 3));
    let [log, head] = ["audit.jsonl", "audit.head"]
        .map(|name| fs::read(path(scratch.path(), name)).expect("read"));
    let unchanged = report(scratch.path(), "audit.jsonl", &log);
    let intact = Report { entries: 3, intact: true, first_fault: None, unfinished_bytes: 0 };
    assert_eq!(unchanged, intact);

    for (name, bytes) in [("audit.jsonl", &log), ("audit.head", &head)] {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = fs::write(path(scratch.path(), name), &flipped)
                .map(|()| verify_audit(scratch.path()));
            match found.expect("written") {
                Ok(report) => assert!(!report.intact, "bit {bit} of {name}"),
                Err(error) => assert!(matches!(error, Error::NewerVersion { .. }), "{error}"),
            }
        }
        fs::write(path(scratch.path(), name), bytes).expect("written");
    }
    for end in 0..log.len() {
        assert!(!report(scratch.path(), "audit.jsonl", &log[..end]).intact, "cut at {end}");
        let open = AuditLog::open(scratch.path()).expect_err("behind its head");
        assert!(matches!(open, Error::AuditDamaged { .. }), "{open}");
    }
    let lines: Vec<&[u8]> = log.split_inclusive(|b| *b == b'\n').collect();
    for one in 0..lines.len() {
        for other in 0..lines.len() {
            let (mut removed, mut doubled, mut swapped) =
                (lines.clone(), lines.clone(), lines.clone());
            removed.remove(one);
            doubled.insert(other, lines[one]);
            swapped.swap(one, other);
            for (changed, same) in [(removed, false), (doubled, false), (swapped, one == other)] {
                let report = report(scratch.path(), "audit.jsonl", &changed.concat());
                assert_eq!(report.intact, same, "{one} {other}");
                assert_eq!(report.first_fault.is_none(), same);
            }
        }
    }
    assert_eq!(report(scratch.path(), "audit.jsonl", &log), intact);
    fs::remove_file(path(scratch.path(), "audit.head")).expect("removed");
    assert!(!verify_audit(scratch.path()).expect("read").intact, "the head is missing");
    fs::write(path(scratch.path(), "audit.head"), &head).expect("written");
    fs::set_permissions(
        path(scratch.path(), "audit.head"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .expect("chmod");
    fs::remove_file(path(scratch.path(), "audit.jsonl")).expect("removed");
    assert!(!verify_audit(scratch.path()).expect("read").intact, "the log is missing");
    assert!(AuditLog::open(scratch.path()).is_err());
}

#[test]
fn a_crash_at_any_byte_of_an_append_leaves_a_log_that_goes_on() {
    let scratch = tempfile::tempdir().expect("a directory");
    let log = log_of(scratch.path(), 2);
    let head = fs::read(path(scratch.path(), "audit.head")).expect("read");
    let before = fs::read(path(scratch.path(), "audit.jsonl")).expect("read").len();
    log.append(entry(2)).expect("appended");
    let after = fs::read(path(scratch.path(), "audit.jsonl")).expect("read");
    drop(log);
    for end in before..=after.len() {
        // The head of the last append was not written either.
        fs::write(path(scratch.path(), "audit.head"), &head).expect("written");
        let complete = u64::from(end == after.len());
        let found = report(scratch.path(), "audit.jsonl", &after[..end]);
        assert_eq!((found.entries, found.intact), (2 + complete, true), "{end}");
        let torn = if complete == 1 { 0 } else { end - before };
        assert_eq!(found.unfinished_bytes, torn as u64);
        let log = AuditLog::open(scratch.path()).expect("opened");
        log.append(entry(3)).expect("appended");
        let found = verify_audit(scratch.path()).expect("read");
        assert_eq!((found.entries, found.intact, found.unfinished_bytes), (3 + complete, true, 0));
    }
}

#[test]
fn a_complete_line_that_does_not_verify_is_reported_and_not_cut() {
    let scratch = tempfile::tempdir().expect("a directory");
    drop(log_of(scratch.path(), 2));
    let mut bytes = fs::read(path(scratch.path(), "audit.jsonl")).expect("read");
    bytes.extend_from_slice(b"{}\n");
    let found = report(scratch.path(), "audit.jsonl", &bytes);
    assert_eq!((found.entries, found.intact), (2, false));
    assert_eq!(found.first_fault.map(|fault| fault.line), Some(3));
    let error = AuditLog::open(scratch.path()).expect_err("damaged");
    assert!(error.to_string().contains("damaged at line 3"), "{error}");
    assert_eq!(fs::read(path(scratch.path(), "audit.jsonl")).expect("read"), bytes);
    fs::write(path(scratch.path(), "audit.jsonl"), [&bytes[..], &[b'x'; 70_000]].concat())
        .expect("written");
    assert!(AuditLog::open(scratch.path()).is_err());
}

#[test]
fn threads_and_handles_append_at_once() {
    let scratch = tempfile::tempdir().expect("a directory");
    let logs = [0, 1].map(|_| AuditLog::open(scratch.path()).expect("opened"));
    std::thread::scope(|threads| {
        for log in logs.iter().chain(&logs) {
            threads.spawn(move || {
                for number in 0..10 {
                    log.append(entry(number)).expect("appended");
                }
            });
        }
    });
    let found = verify_audit(scratch.path()).expect("read");
    assert_eq!((found.entries, found.intact), (40, true));
    let page = logs[0].reader().read(&AuditFilter::default(), 1_000, 0).expect("read");
    let ids: std::collections::BTreeSet<_> = page.entries.iter().map(|e| &e.event_id).collect();
    assert_eq!(ids.len(), 40);
}

#[test]
fn exports_have_every_member_and_no_formula() {
    let scratch = tempfile::tempdir().expect("a directory");
    let log = AuditLog::open(scratch.path()).expect("opened");
    let export = |format| {
        let mut out = Vec::new();
        let count =
            log.reader().export(&AuditFilter::default(), format, &mut out).expect("exported");
        (count, String::from_utf8(out).expect("text"))
    };
    let header = Entry::MEMBERS.join(",") + "\n";
    assert_eq!(export(AuditFormat::Csv), (0, header.clone()));
    assert_eq!(export(AuditFormat::Json), (0, "[\n]\n".to_owned()));
    for (start, quoted) in [
        ("=", "'=a"),
        ("+", "'+a"),
        ("-", "'-a"),
        ("@", "'@a"),
        ("\t", "'\ta"),
        ("\r", "'\ra"),
        ("b", "ba"),
    ] {
        let at = SystemTime::UNIX_EPOCH;
        log.append(Entry { description: format!("{start}a"), ..Entry::new("x", at) })
            .expect("appended");
        let (_, text) = export(AuditFormat::Csv);
        assert!(text.starts_with(&header));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let last = reader.records().last().expect("a record").expect("read");
        assert_eq!(last.get(9), Some(quoted));
    }
    let (count, text) = export(AuditFormat::Json);
    let entries: Vec<Entry> = serde_json::from_str(&text).expect("json");
    assert_eq!((count, entries.len()), (7, 7));
    let mut newest = log.reader().read(&AuditFilter::default(), 10, 0).expect("read").entries;
    newest.reverse();
    assert_eq!(entries, newest);
}
