//! `export` and `import`: a collection as one file, or through a pipe.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::{Collection, CopyOptions, OpenOptions};
use lexivec_ingest::reason;

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
    let collection = open.open(&args.dir)?;
    let name = args.file.display();
    let fail = |e: std::io::Error| {
        let advice = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "; remove it, or name another file",
            _ => "",
        };
        Failure::new(format!("cannot write {name}: {}{advice}", reason(&e)))
    };
    let bytes = if args.file == Path::new("-") {
        collection.export(&mut std::io::stdout().lock())?
    } else {
        let mut out = BufWriter::new(File::create_new(&args.file).map_err(fail)?);
        let bytes = collection.export(&mut out)?;
        out.flush().map_err(fail)?;
        out.get_ref().sync_all().map_err(fail)?;
        bytes
    };
    output::note(&format!("wrote {bytes} bytes"));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn import(args: &Import) -> Outcome<ExitCode> {
    let name = args.file.display();
    let mut input: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let opened = File::open(&args.file);
        Box::new(opened.map_err(|e| Failure::new(format!("cannot open {name}: {}", reason(&e))))?)
    };
    let options = args.name.iter().fold(CopyOptions::new(), CopyOptions::name);
    Collection::import(&args.dir, &mut BufReader::new(&mut input), options)?;
    output::note(&format!("created {}", args.dir.display()));
    Ok(ExitCode::SUCCESS)
}
