//! `synonyms set|show|remove`.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::query::Synonyms;
use lexivec::query::limits::MAX_SYNONYM_BYTES;
use lexivec::{Collection, OpenOptions};

use crate::exit::{Failure, Outcome};
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct SynonymsArgs {
    #[command(subcommand)]
    verb: SynonymsVerb,
}

#[derive(clap::Subcommand)]
enum SynonymsVerb {
    /// Print the synonyms of a collection, as they were given.
    Show(Target),
    /// Give a collection the synonyms of a file, in place of those it had.
    Set {
        /// Directory of the collection.
        dir: PathBuf,
        /// File of rules, one a line: "car, automobile" each find the other, "truck => lorry" goes one way; "-" is stdin.
        file: PathBuf,
    },
    /// Remove the synonyms of a collection.
    Remove {
        /// Directory of the collection.
        dir: PathBuf,
    },
}

pub(super) fn run(args: SynonymsArgs, open: OpenOptions) -> Outcome<ExitCode> {
    match args.verb {
        SynonymsVerb::Show(target) => {
            let synonyms = Collection::open_read_only(&target.dir)?.synonyms();
            match target.json {
                true => output::json(&synonyms)?,
                false => synonyms.text().lines().try_for_each(output::line)?,
            }
        }
        SynonymsVerb::Set { dir, file } => {
            let synonyms: Synonyms = read(&file)?.parse()?;
            let rules = synonyms.rules().len();
            open.open(&dir)?.set_synonyms(synonyms)?;
            output::note(&output::count(rules, "rule"));
        }
        SynonymsVerb::Remove { dir } => {
            open.open(&dir)?.remove_synonyms()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The text of a file of rules, of which no more is read than is refused.
fn read(file: &std::path::Path) -> Outcome<String> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", file.display()));
    let input: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(failed)?),
    };
    let mut text = String::new();
    input.take(MAX_SYNONYM_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
