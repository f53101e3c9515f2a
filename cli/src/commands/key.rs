//! `key create|list|rotate|revoke`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lexivec::Filter;
use lexivec::storage::disk;
use lexivec_access::audit::{AuditLog, Entry, Severity};
use lexivec_access::{
    ACCESS_DIRECTORY, CollectionNames, KeyInfo, KeyStore, NewKey, Role, Rows, Scope, Secret,
    rfc3339, seconds_of, unix_seconds,
};
use serde_json::{Map, Value, json};

use super::delete::confirmed;
use crate::exit::{Failure, Outcome};
use crate::output::{self, in_line};
use crate::values;

/// Name of the lock file of a server's directory, which an empty one may have.
const LOCK: &str = "LOCK";

#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

/// The directory of the keys, and JSON instead of text.
#[derive(clap::Args)]
struct Place {
    /// Directory of the collection, or of the collections, that the server serves.
    dir: PathBuf,
    /// Print JSON instead of text.
    #[arg(long, display_order = 1_000)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum KeyVerb {
    /// Create a key and print it. It is shown this once: the directory keeps only its hash.
    Create(Create),
    /// Print all keys, without their secrets.
    List(Place),
    /// Create a key with the name, role and scope of another, which ends after an overlap.
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Id of the key, as `key list` prints it.
        id: String,
        /// Time for which the old key is accepted still: 45s, 30m, 24h, 7d.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = values::duration)]
        overlap: Duration,
    },
    /// Refuse a key from now on. A server that runs refuses it within seconds.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Id of the key, as `key list` prints it.
        id: String,
        /// Do not ask for confirmation.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(clap::Args)]
struct Create {
    #[command(flatten)]
    place: Place,
    /// Name of the key, which no other live key has.
    name: String,
    /// Role: a reader searches, a writer writes too, an admin configures too, a site-admin administers the server.
    #[arg(long, value_parser = values::one_of(&Role::ALL, Role::name))]
    role: Role,
    /// Confine the key to a collection, or with `*` at the end to those whose names begin so; may be repeated.
    #[arg(long = "collection", value_name = "NAME")]
    collections: Vec<String>,
    /// Confine the key to the rows whose payload has this under `tenant`; rows that it writes get it.
    #[arg(long, value_name = "TENANT", conflicts_with_all = ["filter", "stamps"])]
    tenant: Option<String>,
    /// Confine the key to the rows that match this filter, as in `search`.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Put this into the payload of each row that the key writes, as JSON or else as text; may be repeated.
    #[arg(long = "stamp", value_name = "KEY=VALUE", requires = "filter", value_parser = stamp)]
    stamps: Vec<(String, Value)>,
    /// Refuse the key after a time (90d), or from a moment on (2027-01-31 or RFC 3339).
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

pub(super) fn run(args: KeyArgs) -> Outcome<ExitCode> {
    match args.verb {
        KeyVerb::Create(args) => create(args),
        KeyVerb::List(place) => list(&place),
        KeyVerb::Rotate { place, id, overlap } => {
            let acts = Acts::open(&place.dir)?;
            let (secret, info) = acts.keys.rotate(&id, overlap, acts.seconds())?;
            let old = info.replaces.as_deref().unwrap_or_default();
            let end = acts.keys.get(old, acts.seconds())?.expires.map(rfc3339).unwrap_or_default();
            let description = format!("replaces the key {old}, which ends at {end}");
            show(&secret, &info, &description, place.json)?;
            acts.log("key.rotate", Severity::High, &info, description)
        }
        KeyVerb::Revoke { place, id, yes } => {
            let acts = Acts::open(&place.dir)?;
            let info = acts.keys.get(&id, acts.seconds())?;
            let question = format!("revoke the key {} ({})?", info.id, info.name);
            if !yes && !confirmed(&question)? {
                return Err(Failure::new("no key was revoked"));
            }
            let info = acts.keys.revoke(&id, acts.seconds())?;
            if place.json {
                output::json(&info)?;
            } else {
                output::note(&format!("revoked the key {} ({})", info.id, info.name));
            }
            acts.log("key.revoke", Severity::High, &info, String::new())
        }
    }
}

fn create(args: Create) -> Outcome<ExitCode> {
    check_place(&args.place.dir)?;
    let acts = Acts::open(&args.place.dir)?;
    let expires = args.expires.as_deref().map(|text| moment(text, acts.now)).transpose()?;
    let (name, role, json) = (args.name.clone(), args.role, args.place.json);
    let new = NewKey { name, role, scope: scope(args)?, expires };
    let (secret, info) = acts.keys.create(new, acts.seconds())?;
    let description = format!("{} on {}", info.role, in_words(&info.scope));
    show(&secret, &info, &description, json)?;
    acts.log("key.create", Severity::High, &info, description)
}

fn list(place: &Place) -> Outcome<ExitCode> {
    let seconds = seconds_of(SystemTime::now());
    let keys = KeyStore::open_existing(&place.dir)?;
    for info in keys.map(|keys| keys.list(seconds)).transpose()?.unwrap_or_default() {
        if place.json {
            output::json(&info)?;
            continue;
        }
        let times = [
            ("created", Some(info.created)),
            ("expires", info.expires),
            ("revoked", info.revoked),
            ("used", info.last_used),
        ];
        let times = times.into_iter().filter_map(|(name, time)| Some((name, time?)));
        let times: String =
            times.map(|(name, time)| format!(", {name} {}", rfc3339(time))).collect();
        output::line(&format!(
            "{}  {}  {} on {}, {}{times}",
            info.prefix,
            in_line(&info.name),
            info.role,
            in_line(&in_words(&info.scope)),
            info.state.name(),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a new key: its text alone on stdout.
fn show(secret: &Secret, info: &KeyInfo, description: &str, json: bool) -> Outcome<()> {
    if json {
        return output::json(&json!({ "key": secret.reveal(), "info": info }));
    }
    output::line(&secret.reveal())?;
    output::note(&format!("created the key {}: {description}", info.name));
    output::note("keep the line above: it is not shown again, and the directory has only its hash");
    Ok(())
}

fn scope(args: Create) -> Outcome<Scope> {
    let collections = match args.collections.is_empty() {
        true => CollectionNames::all(),
        false => CollectionNames::of(args.collections),
    };
    if let Some(tenant) = args.tenant {
        return Ok(Scope::of_tenant(collections, &tenant));
    }
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    let stamp: Map<String, Value> = args.stamps.into_iter().collect();
    let rows = filter.map(|filter| Rows { filter, stamp });
    Ok(Scope { collections, rows, tenant: None })
}

fn in_words(scope: &Scope) -> String {
    let collections = match scope.collections.is_all() {
        true => "all collections".to_owned(),
        false => scope.collections.patterns().join(" "),
    };
    match (&scope.tenant, &scope.rows) {
        (Some(tenant), _) => format!("{collections}, rows of {tenant}"),
        (None, Some(_)) => format!("{collections}, some rows"),
        (None, None) => collections,
    }
}

fn stamp(text: &str) -> Result<(String, Value), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = parts.ok_or("a key and a value are expected, as team=blue")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), value))
}

/// Seconds since the beginning of 1970 of a moment, or of the end of a length of time from now on.
fn moment(text: &str, now: SystemTime) -> Outcome<u64> {
    if let Ok(length) = values::duration(text) {
        return Ok(seconds_of(now).saturating_add(length.as_secs()));
    }
    unix_seconds(text).ok_or_else(|| {
        Failure::usage(format!(
            "{text:?} is neither a length of time, as 90d, nor a moment, as 2027-01-31T12:00:00Z"
        ))
    })
}

/// Refuses a directory that no server would serve, as a mistyped one is.
fn check_place(dir: &Path) -> Outcome<()> {
    if !dir.is_dir() || disk::is_collection(dir) {
        return Ok(());
    }
    let names = disk::names(dir)?;
    let of_a_server = |name: &String| {
        [LOCK, ACCESS_DIRECTORY].contains(&name.as_str()) || disk::is_collection(&dir.join(name))
    };
    if names.is_empty() || names.iter().any(of_a_server) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} holds other files and no collection; name the directory of a collection or of a server, or an empty one",
        dir.display()
    )))
}

/// Keys that are changed by the command, with the log of these acts.
struct Acts {
    keys: KeyStore,
    audit: AuditLog,
    now: SystemTime,
}

impl Acts {
    /// Opens the keys; a log that takes no entry refuses the act before it is done.
    fn open(dir: &Path) -> Outcome<Self> {
        let (keys, audit) = (KeyStore::open(dir)?, AuditLog::open(dir)?);
        Ok(Self { keys, audit, now: SystemTime::now() })
    }

    fn seconds(&self) -> u64 {
        seconds_of(self.now)
    }

    fn log(
        &self,
        action: &str,
        severity: Severity,
        info: &KeyInfo,
        description: String,
    ) -> Outcome<ExitCode> {
        let appended = self.audit.append(Entry {
            user_id: "cli".to_owned(),
            user_name: std::env::var("USER").unwrap_or_default(),
            organization_id: info.scope.tenant.clone().unwrap_or_default(),
            target_resource_type: "key".to_owned(),
            target_resource: format!("{} ({})", info.id, info.name),
            description,
            user_agent: concat!("lexivec/", env!("CARGO_PKG_VERSION")).to_owned(),
            severity,
            ..Entry::new(action, self.now)
        });
        match appended {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Failure::new(format!("it is done, but not logged: {error}"))),
        }
    }
}
