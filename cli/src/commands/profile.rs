//! `profile list|set|remove|floor`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::query::request::{Leg, Mode};
use lexivec::{Collection, OpenOptions, Profile};

use super::with_model;
use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output;
use crate::queries::Asked;
use crate::values::{self, one_of};

#[derive(clap::Args)]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    verb: ProfileVerb,
}

#[derive(clap::Subcommand)]
enum ProfileVerb {
    /// Print the profiles of a collection, one a line: name and JSON.
    List {
        /// Directory of the collection.
        dir: PathBuf,
    },
    /// Save settings under a name, in place of those it had.
    Set {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the profile.
        name: String,
        /// Settings as JSON: {"fusion": {"rrf": {"k": 20}}, "bm25": {"k1": 0.9, "b": 0.4}}.
        settings: String,
    },
    /// Remove a profile.
    Remove {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the profile.
        name: String,
    },
    /// Set a profile's floor, the score below which an answer is reported as not confident, from queries that have no
    /// answer.
    Floor(Box<Floor>),
}

#[derive(clap::Args)]
struct Floor {
    /// Directory of the collection.
    dir: PathBuf,
    /// Name of an existing profile.
    name: String,
    // Queries that have no answer in the collection.
    #[command(flatten)]
    asked: Asked,
    /// Leg whose score is compared with the floor.
    #[arg(long, value_parser = one_of(Leg::ALL, Leg::name), default_value = "vector")]
    leg: Leg,
    /// Share of these queries whose best score must be below the floor, 0 to 1.
    #[arg(long, default_value_t = 0.95)]
    share: f64,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: ProfileArgs, open: OpenOptions) -> Outcome<ExitCode> {
    match args.verb {
        ProfileVerb::List { dir } => {
            for (name, profile) in Collection::open_read_only(&dir)?.profiles().iter() {
                output::line(&format!("{name}\t{}", json(profile)?))?;
            }
        }
        ProfileVerb::Set { dir, name, settings } => {
            let profile: Profile = values::json("settings", &settings)?;
            open.open(&dir)?.set_profile(&name, profile)?;
        }
        ProfileVerb::Remove { dir, name } => {
            open.open(&dir)?.remove_profile(&name)?;
        }
        ProfileVerb::Floor(args) => floor(&args, open)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn floor(args: &Floor, open: OpenOptions) -> Outcome<()> {
    let queries = args.asked.read()?;
    let mode = match args.leg {
        Leg::Text => Mode::Text,
        _ => Mode::Auto,
    };
    let mut collection = open.open(&args.dir)?;
    if mode != Mode::Text {
        collection = with_model(collection, &args.model)?;
    }
    let Some(mut profile) = collection.profiles().get(&args.name).cloned() else {
        let detail = "there is no profile of this name; `lexivec profile set` saves one";
        return Err(Failure::usage(format!("{:?}: {detail}", args.name)));
    };
    let mut requests: Vec<_> =
        queries.requests(mode)?.into_iter().map(|(_, request)| request).collect();
    requests.iter_mut().for_each(|request| request.profile = Some(args.name.clone()));
    profile.floor = Some(collection.searcher()?.calibrate_floor(&requests, args.leg, args.share)?);
    output::line(&json(&profile)?)?;
    collection.set_profile(&args.name, profile)?;
    Ok(())
}

fn json(profile: &Profile) -> Outcome<String> {
    serde_json::to_string(profile)
        .map_err(|e| Failure::new(format!("the profile cannot be written as JSON: {e}")))
}
