//! `export` and `import`: a collection as one file, or through a pipe.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::storage::reason;
use lexivec::{Collection, CopyOptions, OpenOptions};

use crate::exit::{Failure, Outcome};
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Export {
    /// Directory of the collection.
    dir: PathBuf,
    /// File to write, which must not exist; - is stdout.
    file: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Import {
    /// Directory of the new collection.
    dir: PathBuf,
    /// File to read; - is stdin.
    file: PathBuf,
    /// Name of the new collection; without it, that of the exported one.
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn export(args: &Export, open: OpenOptions) -> Outcome<ExitCode> {
    let folder = args.file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(folder), Ok(dir)) = (folder.canonicalize(), args.dir.canonicalize())
        && folder.starts_with(&dir)
    {
        return Err(Failure::usage("the file would be in the collection's own directory"));
    }
    let collection = opened(&args.dir, open)?;
    let bytes = match args.file == Path::new("-") {
        true => collection.export(&mut std::io::stdout().lock())?,
        false => output::new_file(&args.file, |out| Ok(collection.export(out)?))?,
    };
    output::note(&format!("wrote {bytes} bytes"));
    Ok(ExitCode::SUCCESS)
}

/// Opens a collection to export it: for reading, so that a snapshot stays as it is, unless writes are in its log only,
/// which an export holds once they are in segment files.
fn opened(dir: &Path, open: OpenOptions) -> Outcome<Collection> {
    Ok(match Collection::inspect(dir)?.log.is_empty() {
        true => Collection::open_read_only(dir)?,
        false => open.open(dir)?,
    })
}

pub(super) fn import(args: &Import, open: &OpenOptions) -> Outcome<ExitCode> {
    let name = args.file.display();
    let mut input: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let opened = File::open(&args.file);
        Box::new(opened.map_err(|e| Failure::new(format!("cannot open {name}: {}", reason(&e))))?)
    };
    let options = CopyOptions::new().unsafe_filesystem(open.unsafe_filesystem);
    let options = args.name.iter().fold(options, CopyOptions::name);
    Collection::import(&args.dir, &mut BufReader::new(&mut input), options)?;
    output::note(&format!("created {}", args.dir.display()));
    Ok(ExitCode::SUCCESS)
}
