//! `man`: the manual, as one page or as a page for each command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man as Page;
use lexivec_ingest::reason;

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
            let made = std::fs::create_dir_all(dir);
            made.and_then(|()| clap_mangen::generate_to(command, dir)).map_err(|e| {
                Failure::new(format!("cannot write into {}: {}", dir.display(), reason(&e)))
            })?;
        }
        None => {
            let mut page = Vec::new();
            let rendered = Page::new(command).render(&mut page);
            rendered.map_err(|e| Failure::new(format!("cannot make the manual page: {e}")))?;
            output::bytes(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
