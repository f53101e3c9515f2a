//! `config`: the configuration of a server, with the place that each value comes from.

use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;

use super::serve::ServeOptions;
use crate::config::{settings, verb_of};
use crate::exit::Outcome;
use crate::output;

#[derive(clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(clap::Subcommand)]
enum ConfigVerb {
    /// Print every option of `serve` with its value and the place that it comes from: a flag, the environment, the
    /// configuration file or the default.
    Show(Show),
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    options: ServeOptions,
    /// Print the options as JSON.
    #[arg(long, display_order = 1_000)]
    json: bool,
}

pub(super) fn run(
    args: &ConfigArgs,
    command: &clap::Command,
    matches: &ArgMatches,
) -> Outcome<ExitCode> {
    let ConfigVerb::Show(Show { options, json: as_json }) = &args.verb;
    options.check()?;
    let verb = command.find_subcommand("config").and_then(|verb| verb.find_subcommand("show"));
    let (Some(verb), Some(matches)) = (verb, verb_of(matches, &["config", "show"])) else {
        return Ok(ExitCode::FAILURE);
    };
    let settings = settings(verb, matches)?;
    if *as_json {
        output::json(&json!({ "settings": settings }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for setting in settings {
        let values = setting.values.join(", ");
        output::line(&format!("{} = {values}  # {}", setting.name, setting.origin))?;
    }
    Ok(ExitCode::SUCCESS)
}
