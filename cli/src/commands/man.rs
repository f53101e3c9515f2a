//! `man`: the manual, as one page or as a page for each command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use lexivec::storage::reason;

use super::Cli;
use crate::exit::{Failure, Outcome};
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Man {
    /// Directory, made if it does not exist, to write lexivec.1 and a page for each command into; without it, lexivec.1 is printed.
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Man) -> Outcome<ExitCode> {
    let command = Cli::command();
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|e| {
                Failure::new(format!("cannot create {}: {}", dir.display(), reason(&e)))
            })?;
            let mut command = command.disable_help_subcommand(true);
            command.build();
            write(&command, dir)?;
        }
        None => {
            let page = render(&Page::new(command))?;
            output::bytes(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command, and those of its verbs.
fn write(command: &Command, dir: &Path) -> Outcome<()> {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    verbs.into_iter().try_for_each(|verb| write(verb, dir))?;
    let page = Page::new(command.clone());
    output::file(&dir.join(page.get_filename()), &render(&page)?)
}

fn render(page: &Page) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let rendered = page.render(&mut bytes);
    rendered.map_err(|e| Failure::new(format!("cannot make the manual page: {e}")))?;
    Ok(bytes)
}
