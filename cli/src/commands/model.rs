//! `model`: what a folder with a model has in it.

use std::process::ExitCode;

use lexivec::model::{ModelInfo, ModelKind};

use crate::args::ModelVerb;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(verb: ModelVerb) -> Outcome<ExitCode> {
    let ModelVerb::Show { folder, precision, json } = verb;
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
