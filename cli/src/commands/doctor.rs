//! `doctor`: looks at everything that a server of a directory needs, and changes nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lexivec::storage::DiskVfs;
use lexivec::{Collection, OpenOptions};
use lexivec_access::audit::verify_audit;
use lexivec_access::{KeyState, KeyStore};
use lexivec_server::Config;
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use serde_json::json;

use super::serve::ServeOptions;
use crate::exit::Outcome;
use crate::output;

/// Free bytes under which a disk is reported: a flush and a compaction need room.
const LITTLE_SPACE: u64 = 1 << 30;
/// Descriptors under which a server has fewer places for connections than it could use.
const FEW_DESCRIPTORS: u64 = 4_096;
/// Time before the end of a certificate from which it is reported.
const SOON: Duration = Duration::from_secs(14 * 24 * 3_600);
/// Beginning of 2026: an earlier clock is wrong.
const EARLIEST: u64 = 1_767_225_600;

#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Directory of a collection, or a directory of collections.
    dir: PathBuf,
    #[command(flatten)]
    options: ServeOptions,
    /// Print the findings as JSON.
    #[arg(long, display_order = 1_000)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failure,
}

/// A finding about one thing.
#[derive(Serialize)]
struct Finding {
    about: String,
    verdict: Verdict,
    detail: String,
}

impl Finding {
    fn new(about: &str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { about: about.to_owned(), verdict, detail: detail.into() }
    }

    fn of(about: &str, found: Result<String, String>) -> Self {
        match found {
            Ok(detail) => Self::new(about, Verdict::Ok, detail),
            Err(detail) => Self::new(about, Verdict::Failure, detail),
        }
    }
}

pub(super) fn run(args: &Doctor, open: OpenOptions) -> Outcome<ExitCode> {
    let mut findings = vec![clock(), processor(), descriptors()];
    findings.extend(directory(&args.dir));
    findings.extend(keys(&args.dir));
    let config = args.options.config(&args.dir, open);
    match &config {
        Ok(config) => findings.extend(settings(config)),
        Err(failure) => {
            findings.push(Finding::new("settings", Verdict::Failure, failure.to_string()))
        }
    }
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Failure);
    if args.json {
        output::json(&json!({ "sound": !failed, "findings": findings }))?;
    } else {
        for Finding { about, verdict, detail } in &findings {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Failure => "failure",
            };
            output::line(&format!("{verdict:<8} {about}: {detail}"))?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn now() -> u64 {
    lexivec_access::seconds_of(SystemTime::now())
}

fn clock() -> Finding {
    let now = lexivec_access::rfc3339(now());
    match self::now() < EARLIEST {
        true => Finding::new("clock", Verdict::Failure, format!("{now} has passed; set the clock")),
        false => Finding::new("clock", Verdict::Ok, now),
    }
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Finding::new("processor", Verdict::Ok, output::count(cores, "core"))
}

fn descriptors() -> Finding {
    let about = "file descriptors";
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < FEW_DESCRIPTORS => {
            let detail = format!(
                "{most}; half of them are for connections: raise the hard limit (`ulimit -Hn`)"
            );
            Finding::new(about, Verdict::Warning, detail)
        }
        Some(most) => Finding::new(about, Verdict::Ok, most.to_string()),
        None => Finding::new(about, Verdict::Ok, "no limit"),
    }
}

/// The directory: that it is there, its disk, its lock, and its collections.
fn directory(dir: &Path) -> Vec<Finding> {
    let opened = match DiskVfs::open_root(dir) {
        Ok(opened) => opened,
        Err(fault) => return vec![Finding::new("directory", Verdict::Failure, fault.to_string())],
    };
    let mut findings = vec![Finding::of(
        "file system",
        opened.check_filesystem().map(|()| "local".to_owned()).map_err(|e| e.to_string()),
    )];
    if let Ok(disk) = rustix::fs::statvfs(dir) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let verdict = if free < LITTLE_SPACE { Verdict::Warning } else { Verdict::Ok };
        let detail = format!("{} free", bytesize::ByteSize(free));
        findings.push(Finding::new("disk", verdict, detail));
    }
    findings.push(match opened.lock_directory() {
        Ok(_) => Finding::new("lock", Verdict::Ok, "free"),
        Err(fault) => Finding::new("lock", Verdict::Failure, fault.to_string()),
    });
    let paths = match lexivec::storage::disk::is_collection(dir) {
        true => vec![dir.to_owned()],
        false => lexivec::storage::disk::subdirectories(dir)
            .unwrap_or_default()
            .into_iter()
            .map(|name| dir.join(name))
            .filter(|path| lexivec::storage::disk::is_collection(path))
            .collect(),
    };
    for path in paths {
        let about = format!("collection {}", path.display());
        let read = Collection::open_read_only(&path).and_then(|opened| opened.stats());
        findings.push(match read {
            Ok(stats) => {
                let documents = output::count(stats.documents, "document");
                let detail = format!("{}, {documents}", stats.name);
                match stats.damage {
                    None => Finding::new(&about, Verdict::Ok, detail),
                    Some(damage) => Finding::new(&about, Verdict::Failure, damage),
                }
            }
            Err(fault) => Finding::new(&about, Verdict::Failure, fault.to_string()),
        });
    }
    findings
}

/// The keys and the audit log, if there are keys.
fn keys(dir: &Path) -> Vec<Finding> {
    if !lexivec_access::Access::is_used(dir) {
        return vec![Finding::new("keys", Verdict::Ok, "none, so that requests need none")];
    }
    let listed = KeyStore::open(dir).and_then(|store| store.list(now()));
    let listed = match listed {
        Ok(keys) => {
            let live = keys.iter().filter(|key| key.state == KeyState::Live).count();
            match live {
                0 => Err("no key is live, so that no request is answered".to_owned()),
                live => Ok(format!("{} live of {}", live, keys.len())),
            }
        }
        Err(fault) => Err(fault.to_string()),
    };
    let audit = match verify_audit(dir) {
        Ok(report) => match report.first_fault {
            None => Ok(format!("{}, intact", output::count(report.entries, "entry"))),
            Some(fault) => Err(fault.to_string()),
        },
        Err(fault) => Err(fault.to_string()),
    };
    vec![Finding::of("keys", listed), Finding::of("audit log", audit)]
}

/// The settings of the server; its models are open already.
fn settings(config: &Config) -> Vec<Finding> {
    let address = config.bind.to_string();
    let mut findings =
        vec![Finding::of("address", config.check().map(|()| address).map_err(|e| e.to_string()))];
    if let Some(model) = &config.embedder {
        let detail = format!("{}, {} components", model.name(), model.dim());
        findings.push(Finding::new("model", Verdict::Ok, detail));
    }
    if let Some(files) = &config.tls {
        findings.push(match files.expires() {
            Err(fault) => Finding::new("certificate", Verdict::Failure, fault.to_string()),
            Ok(end) => {
                let until = format!("valid until {}", lexivec_access::rfc3339(end));
                let verdict = match end {
                    end if end <= now() => Verdict::Failure,
                    end if end - now() < SOON.as_secs() => Verdict::Warning,
                    _ => Verdict::Ok,
                };
                Finding::new("certificate", verdict, until)
            }
        });
    }
    findings
}
