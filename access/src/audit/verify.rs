//! Verification of a whole audit log against its hashes and its head.

use std::path::Path;

use serde::Serialize;

use super::chain::{Fault, Head, Lines, Next};
use super::log::{HEAD, LOG, read_head, unreadable};
use crate::error::{Error, Result};
use crate::keys::access_of;

/// The state of an audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Entries up to the first fault.
    pub entries: u64,
    /// True if every entry is as it was written, in its order, and none is missing.
    pub intact: bool,
    /// The first fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fault: Option<Fault>,
    /// Bytes of a line that was being written, or that a crash cut; the next append or open removes them.
    pub unfinished_bytes: u64,
}

/// Verifies the audit log of a database; nothing is changed, and appends may go on. A log may be ahead of its head, as
/// after a crash between the two, and never behind it.
///
/// The hashes show damage, and changes after which not all that follows was rewritten. The owner of the files can rewrite
/// everything: keep copies of `audit.head` elsewhere to notice that.
///
/// # Errors
/// If the files cannot be read; a fault in them is no error, and is in the report.
pub fn verify_audit(database: &Path) -> Result<Report> {
    let none = Report { entries: 0, intact: true, first_fault: None, unfinished_bytes: 0 };
    let Some(directory) = access_of(database)? else { return Ok(none) };
    if directory.stamp(HEAD)?.is_none() && directory.stamp(LOG)?.is_none() {
        return Ok(none);
    }
    let faulty = |fault| Report { intact: false, first_fault: Some(fault), ..none.clone() };
    // The head first: what is appended from here on puts the log ahead of it.
    let known = match read_head(&directory) {
        Err(Error::AuditDamaged { fault, .. }) => return Ok(faulty(fault)),
        known => known?,
    };
    let Some(file) = directory.open_appended(LOG)? else {
        let missing = Head::start().fault("the log is not there");
        return Ok(if known.entries == 0 { none } else { faulty(missing) });
    };
    let mut lines = Lines::new(file.range(0, file.len()?));
    let (mut head, mut unfinished) = (Head::start(), 0);
    let fault = loop {
        if head.entries == known.entries && head != known {
            break Some(head.fault("the entries before it are not those that audit.head has"));
        }
        match lines.next().map_err(|e| unreadable(&directory.path_of(LOG), &e))? {
            Next::Line(line) => {
                if let Err(fault) = head.follow(line) {
                    break Some(fault);
                }
            }
            Next::TooLong => break Some(head.fault("it has no end")),
            Next::Torn(bytes) => {
                unfinished = bytes;
                break None;
            }
            Next::End => break None,
        }
    };
    let behind = || {
        let missing = known.entries.checked_sub(head.entries).filter(|missing| *missing > 0)?;
        Some(head.fault(format!("the log ends here, and {missing} entries of it are missing")))
    };
    let first_fault = fault.or_else(behind);
    let intact = first_fault.is_none();
    Ok(Report { entries: head.entries, intact, first_fault, unfinished_bytes: unfinished })
}
