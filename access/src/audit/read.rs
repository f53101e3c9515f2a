//! Questions about the audit log: pages of entries, the newest first, and exports.

use std::io::Write;
use std::path::{Path, PathBuf};

use lexivec_storage::{AppendedFile, PrivateDirectory};
use serde::{Deserialize, Serialize};

use super::chain::{Head, Lines, Next};
use super::entry::Entry;
use super::log::{HEAD, LOG, damaged, read_head, unreadable};
use crate::error::{Error, Result};
use crate::keys::{ACCESS_DIRECTORY, access_of};

/// Most entries of a page.
pub const MAX_AUDIT_PAGE: usize = 1_000;
/// Entries of a page that says nothing else.
pub const DEFAULT_AUDIT_PAGE: usize = 100;

/// A choice of entries; every member that is there has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditFilter {
    /// The act.
    pub action: Option<String>,
    /// The day in UTC, as `2026-01-31`.
    pub date: Option<String>,
    /// The tenant of the caller.
    pub organization: Option<String>,
}

impl AuditFilter {
    fn admits(&self, entry: &Entry) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        let day = self.date.as_deref().is_none_or(|date| {
            entry.timestamp.strip_prefix(date).is_some_and(|rest| rest.starts_with('T'))
        });
        day && is(&self.action, &entry.action) && is(&self.organization, &entry.organization_id)
    }

    fn check(&self) -> Result<()> {
        let Some(date) = &self.date else { return Ok(()) };
        if date.len() == 10 && lexivec_query::timestamp::Timestamp::parse(date).is_some() {
            return Ok(());
        }
        Err(Error::invalid(format!("{date:?} is no day; write one as 2026-01-31")))
    }
}

/// A page of entries, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// All entries that the filter admits.
    pub total: u64,
    /// True if there are older ones than those of this page.
    pub has_more: bool,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFormat {
    /// A header and a line for each entry. A cell that a spreadsheet would take for a formula begins with an apostrophe.
    Csv,
    /// An array of entries.
    Json,
}

/// The audit log of a database for reading; nothing is changed.
#[derive(Debug)]
pub struct AuditReader {
    path: PathBuf,
    /// `None` for a database without keys and log.
    directory: Option<PrivateDirectory>,
}

impl AuditReader {
    /// Opens the log of a database; one without a log has no entries.
    ///
    /// # Errors
    /// If others than its owner may read it.
    pub fn open(database: &Path) -> Result<Self> {
        let path = database.join(ACCESS_DIRECTORY).join(LOG);
        Ok(Self { path, directory: access_of(database)? })
    }

    /// Reads a page: `limit` entries that the filter admits, the newest first, after `offset` of them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit outside of 1 to 1,000 or a malformed day; [`Error::AuditDamaged`].
    pub fn read(&self, filter: &AuditFilter, limit: usize, offset: u64) -> Result<AuditPage> {
        if !(1..=MAX_AUDIT_PAGE).contains(&limit) {
            return Err(Error::invalid(format!(
                "the limit of a page is {limit}; it may be 1 to {MAX_AUDIT_PAGE}"
            )));
        }
        // Twice from the start, so that the memory of a page does not depend on the offset.
        let file = self.opened()?;
        let length = file.as_ref().map_or(Ok(0), AppendedFile::len)?;
        let mut total: u64 = 0;
        self.walk(file.as_ref(), length, filter, |_| {
            total += 1;
            Ok(())
        })?;
        let end = total.saturating_sub(offset);
        let start = end.saturating_sub(limit as u64);
        let (mut entries, mut number) = (Vec::new(), 0_u64);
        self.walk(file.as_ref(), length, filter, |entry| {
            if (start..end).contains(&number) {
                entries.push(entry);
            }
            number += 1;
            Ok(())
        })?;
        entries.reverse();
        Ok(AuditPage { entries, total, has_more: start > 0 })
    }

    /// Writes the entries that a filter admits, the oldest first, one after the other; returns their number.
    ///
    /// # Errors
    /// [`Error::NotWritten`] if `out` fails; [`Error::AuditDamaged`], after the entries before the fault.
    pub fn export(
        &self,
        filter: &AuditFilter,
        format: AuditFormat,
        out: &mut dyn Write,
    ) -> Result<u64> {
        match format {
            AuditFormat::Csv => self.export_csv(filter, out),
            AuditFormat::Json => self.export_json(filter, out),
        }
    }

    fn export_csv(&self, filter: &AuditFilter, out: &mut dyn Write) -> Result<u64> {
        let mut out = csv::Writer::from_writer(out);
        let failed = |e: csv::Error| Error::NotWritten { reason: e.to_string() };
        out.write_record(Entry::MEMBERS).map_err(failed)?;
        let mut count = 0;
        let file = self.opened()?;
        let length = file.as_ref().map_or(Ok(0), AppendedFile::len)?;
        self.walk(file.as_ref(), length, filter, |entry| {
            count += 1;
            out.write_record(entry.members().map(cell)).map_err(failed)
        })?;
        out.flush().map_err(|e| failed(e.into()))?;
        Ok(count)
    }

    fn export_json(&self, filter: &AuditFilter, out: &mut dyn Write) -> Result<u64> {
        let failed = |e: std::io::Error| Error::NotWritten { reason: e.to_string() };
        out.write_all(b"[").map_err(failed)?;
        let mut count = 0;
        let file = self.opened()?;
        let length = file.as_ref().map_or(Ok(0), AppendedFile::len)?;
        self.walk(file.as_ref(), length, filter, |entry| {
            let separator: &[u8] = if count == 0 { b"\n" } else { b",\n" };
            count += 1;
            out.write_all(separator).map_err(failed)?;
            serde_json::to_writer(&mut *out, &entry).map_err(|e| failed(e.into()))
        })?;
        out.write_all(b"\n]\n").and_then(|()| out.flush()).map_err(failed)?;
        Ok(count)
    }

    /// The file as it is at its path now; `None` if there was never an entry.
    fn opened(&self) -> Result<Option<AppendedFile>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let file = directory.open_appended(LOG)?;
        if file.is_none() && directory.stamp(HEAD)?.is_some() && read_head(directory)?.entries > 0 {
            return Err(damaged(&self.path, Head::start().fault("the log is not there")));
        }
        Ok(file)
    }

    /// Visits the entries that a filter admits, the oldest first, up to a byte of the file.
    fn walk(
        &self,
        file: Option<&AppendedFile>,
        length: u64,
        filter: &AuditFilter,
        mut visit: impl FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        filter.check()?;
        let Some(file) = file else { return Ok(()) };
        let mut head = Head::start();
        let mut lines = Lines::new(file.range(0, length));
        loop {
            match lines.next().map_err(|e| unreadable(&self.path, &e))? {
                Next::Line(line) => {
                    let entry = head.follow(line).map_err(|f| damaged(&self.path, f))?;
                    if filter.admits(&entry) {
                        visit(entry)?;
                    }
                }
                Next::TooLong => {
                    return Err(damaged(&self.path, head.fault("it has no end")));
                }
                Next::Torn(_) | Next::End => return Ok(()),
            }
        }
    }
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}
