//! `completions`: a completion script for a shell.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::exit::Outcome;
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// Shell that will read the script.
    shell: Shell,
}

pub(super) fn run(args: &Completions) -> Outcome<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lexivec", &mut script);
    output::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
