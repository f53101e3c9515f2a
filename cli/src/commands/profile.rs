//! `profile list|set|remove|floor`.

use std::process::ExitCode;

use lexivec::query::request::{Leg, Mode};
use lexivec::{Collection, OpenOptions, Profile};

use super::with_model;
use crate::args::{LegArg, ProfileVerb};
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(verb: ProfileVerb, open: OpenOptions) -> Outcome<ExitCode> {
    match verb {
        ProfileVerb::List { dir } => {
            for (name, profile) in Collection::open_read_only(&dir)?.profiles().iter() {
                output::line(&format!("{name}\t{}", json(profile)?))?;
            }
        }
        ProfileVerb::Set { dir, name, settings } => {
            let profile: Profile = serde_json::from_str(&settings)
                .map_err(|e| Failure::usage(format!("settings: {e}")))?;
            Collection::open_with(&dir, open)?.set_profile(&name, profile)?;
        }
        ProfileVerb::Remove { dir, name } => {
            Collection::open_with(&dir, open)?.remove_profile(&name)?;
        }
        ProfileVerb::Floor { dir, name, asked, leg, share, model } => {
            let queries = asked.read()?;
            let (leg, mode) = match leg {
                LegArg::Text => (Leg::Text, Mode::Text),
                LegArg::Vector => (Leg::Vector, Mode::Auto),
            };
            let mut collection = Collection::open_with(&dir, open)?;
            if mode != Mode::Text {
                collection = with_model(collection, &model)?;
            }
            let Some(mut profile) = collection.profiles().get(&name).cloned() else {
                let detail = "there is no profile of this name; `lexivec profile set` makes one";
                return Err(Failure::usage(format!("{name:?}: {detail}")));
            };
            let mut requests: Vec<_> =
                queries.requests(mode)?.into_iter().map(|(_, request)| request).collect();
            requests.iter_mut().for_each(|request| request.profile = Some(name.clone()));
            let floor = collection.calibrate_floor(&requests, leg, share)?;
            profile.floor = Some(floor);
            output::line(&json(&profile)?)?;
            collection.set_profile(&name, profile)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn json(profile: &Profile) -> Outcome<String> {
    serde_json::to_string(profile)
        .map_err(|e| Failure::new(format!("the profile cannot be written as JSON: {e}")))
}
