//! `audit list|verify|export`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec_access::audit::{
    AuditFilter, AuditFormat, AuditReader, DEFAULT_AUDIT_PAGE, Entry, verify_audit,
};

use crate::exit::Outcome;
use crate::output::{self, Stdout, in_line};
use crate::values;

#[derive(clap::Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(clap::Subcommand)]
enum AuditVerb {
    /// Print entries, the newest first.
    List {
        #[command(flatten)]
        chosen: Chosen,
        /// Number of entries, up to 1,000.
        #[arg(long, short = 'k', default_value_t = DEFAULT_AUDIT_PAGE)]
        limit: usize,
        /// Number of newer entries that are left out.
        #[arg(long, default_value_t = 0)]
        offset: u64,
        /// Print JSON instead of text: the page with its entries and their total.
        #[arg(long, display_order = 1_000)]
        json: bool,
    },
    /// Check that no entry was changed, removed or inserted; exit code 0 if so, 1 if not.
    Verify {
        /// Directory of the collection, or of the collections, that the server serves.
        dir: PathBuf,
        /// Print JSON instead of text.
        #[arg(long, display_order = 1_000)]
        json: bool,
    },
    /// Write entries as CSV or JSON, the oldest first.
    Export {
        #[command(flatten)]
        chosen: Chosen,
        /// Format of the output.
        #[arg(long, default_value = "csv", value_parser = values::one_of(&FORMATS, name_of))]
        format: AuditFormat,
        /// File that is written, and must not exist; stdout without it.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Chosen {
    /// Directory of the collection, or of the collections, that the server serves.
    dir: PathBuf,
    /// Only entries of this act, as key.create.
    #[arg(long)]
    action: Option<String>,
    /// Only entries of this day in UTC, as 2026-01-31.
    #[arg(long, value_name = "DAY")]
    date: Option<String>,
    /// Only entries of this tenant.
    #[arg(long, value_name = "TENANT")]
    organization: Option<String>,
}

const FORMATS: [AuditFormat; 2] = [AuditFormat::Csv, AuditFormat::Json];

fn name_of(format: AuditFormat) -> &'static str {
    match format {
        AuditFormat::Csv => "csv",
        AuditFormat::Json => "json",
    }
}

pub(super) fn run(args: AuditArgs) -> Outcome<ExitCode> {
    match args.verb {
        AuditVerb::List { chosen, limit, offset, json } => list(chosen, limit, offset, json),
        AuditVerb::Verify { dir, json } => {
            let report = verify_audit(&dir)?;
            if json {
                output::json(&report)?;
            } else {
                let entries = output::count(report.entries, "entry");
                match &report.first_fault {
                    None => output::line(&format!("{entries}, intact"))?,
                    Some(fault) => output::line(&format!("{entries}, then {fault}"))?,
                }
            }
            Ok(if report.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        AuditVerb::Export { chosen, format, output } => export(chosen, format, output),
    }
}

fn list(chosen: Chosen, limit: usize, offset: u64, json: bool) -> Outcome<ExitCode> {
    let (reader, filter) = chosen.opened()?;
    let page = reader.read(&filter, limit, offset)?;
    if json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    page.entries.iter().try_for_each(print)?;
    if page.has_more {
        let next = offset.saturating_add(page.entries.len() as u64);
        output::note(&format!("{} in all; go on with --offset {next}", page.total));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(entry: &Entry) -> Outcome<()> {
    let target = format!("{} {}", entry.target_resource_type, entry.target_resource);
    let parts = [
        &entry.timestamp,
        entry.severity.name(),
        &entry.action,
        &entry.user_id,
        target.trim(),
        &entry.description,
    ];
    let parts = parts.into_iter().filter(|part| !part.is_empty()).map(in_line);
    output::line(&parts.collect::<Vec<_>>().join("  "))
}

fn export(chosen: Chosen, format: AuditFormat, file: Option<PathBuf>) -> Outcome<ExitCode> {
    let (reader, filter) = chosen.opened()?;
    match file {
        None => drop(reader.export(&filter, format, &mut std::io::BufWriter::new(Stdout))?),
        Some(path) => {
            let count =
                output::new_file(&path, |out| Ok(reader.export(&filter, format, &mut { out })?))?;
            let entries = output::count(count, "entry");
            output::note(&format!("wrote {entries} to {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Chosen {
    fn opened(self) -> Outcome<(AuditReader, AuditFilter)> {
        let filter =
            AuditFilter { action: self.action, date: self.date, organization: self.organization };
        Ok((AuditReader::open(&self.dir)?, filter))
    }
}
