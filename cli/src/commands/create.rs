//! `create`: an empty collection.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lexivec::model::Embedder;
use lexivec::schema::{Analyzer, DEFAULT_VECTOR_FIELD, TextField, VectorField, check_name};
use lexivec::{Collection, OpenOptions, Options};

use crate::args::{Create, New};
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &Create, open: OpenOptions) -> Outcome<ExitCode> {
    // Vectors from outside are the collection's own: the model would make others.
    let model = if args.dim.is_none() { args.new.model.embedder()? } else { None };
    let options = options(&args.new, &args.dir, model, args.dim, args.token_dim)?.open(open);
    let collection = Collection::create(&args.dir, options)?;
    if args.json {
        output::json(&collection.stats()?)?;
    } else {
        output::note(&format!("made {} in {}", collection.schema().name, args.dir.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Options of a new collection; `dim` is that of vectors that come from outside, where no model makes
/// them, `token_dim` that of token vectors.
pub(super) fn options(
    new: &New,
    dir: &Path,
    model: Option<Arc<dyn Embedder>>,
    dim: Option<usize>,
    token_dim: Option<usize>,
) -> Outcome<Options> {
    let mut options = Options::new().join_text(!new.separate_fields);
    options = options.bm25(new.bm25.unwrap_or_default());
    let field = |name: &str| TextField { name: name.to_owned(), analyzer: Analyzer::default() };
    options = options.text_fields(vec![field("title"), field("text")]);
    options = options.durability(new.durability.unwrap_or_default());
    let directory = dir.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    match &new.name {
        Some(name) => options = options.name(name),
        None if check_name("name", &directory).is_ok() => options = options.name(directory),
        None => {}
    }
    if new.late_interaction && model.is_none() {
        let detail =
            "--late-interaction needs --model FOLDER, of a transformer, and vectors that it makes";
        return Err(Failure::usage(detail));
    }
    let dim = dim.or(model.as_ref().map(|m| m.dim()));
    if let Some(dim) = dim {
        let mut field = VectorField::new(DEFAULT_VECTOR_FIELD, dim, new.metric.unwrap_or_default());
        field.m = new.m.unwrap_or(field.m);
        field.quantization = new.quantization.unwrap_or(field.quantization);
        field.ef_construction = new.ef_construction.unwrap_or(field.ef_construction);
        options = options.vector_field(field);
    }
    if let Some(dim) = token_dim {
        options = options.tokens(dim);
    }
    options = options.embed_tokens(new.late_interaction);
    if let Some(model) = model {
        options = options.embedder(model);
    }
    Ok(options)
}
