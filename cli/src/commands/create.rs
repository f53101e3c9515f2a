//! `create`: an empty collection.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lexivec::model::Embedder;
use lexivec::query::limits::TITLE_WEIGHT;
use lexivec::query::request::Bm25;
use lexivec::schema::{
    Analyzer, DEFAULT_TEXT_FIELD, DEFAULT_VECTOR_FIELD, Language, Quantization, TITLE_TEXT_FIELD,
    TextField, VectorField, check_name,
};
use lexivec::{Collection, Durability, Fusion, Metric, OpenOptions, Options};

use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output;
use crate::target::Target;
use crate::values::{bm25, field_weight};

#[derive(clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    target: Target,
    /// Components of vectors that are supplied with the documents. Without it and without a model, the collection has
    /// no vectors.
    #[arg(long)]
    dim: Option<usize>,
    /// Components of token vectors that are supplied with the documents, for late interaction.
    #[arg(long)]
    token_dim: Option<usize>,
    #[command(flatten)]
    new: New,
}

/// Options of a new collection.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of a new collection")]
pub(crate) struct New {
    /// Name of the collection; by default that of its directory.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Comparison of vectors: cosine, dot or l2; cosine by default.
    #[arg(long)]
    pub(crate) metric: Option<Metric>,
    /// Links of each vector in the HNSW graph (M).
    #[arg(long)]
    pub(crate) m: Option<usize>,
    /// Beam width while the HNSW graph is built.
    #[arg(long)]
    pub(crate) ef_construction: Option<usize>,
    /// Compressed form of vectors for searching: bf16, f16, int8, int4 or binary.
    #[arg(long)]
    pub(crate) quantization: Option<Quantization>,
    /// Score title and text as separate fields instead of as one text.
    #[arg(long)]
    pub(crate) separate_fields: bool,
    /// Language of the texts, for stop words and stems: english by default; danish, dutch, finnish, french, german,
    /// hungarian, italian, norwegian, portuguese, russian, spanish or swedish.
    #[arg(long)]
    pub(crate) language: Option<Language>,
    /// Index the frequent words of the language, too, such as "the" and "of".
    #[arg(long)]
    pub(crate) no_stop_words: bool,
    /// Index words as they are written and not their stems.
    #[arg(long)]
    pub(crate) no_stemming: bool,
    /// Leave accents of Latin letters out, so that "cafe" finds "café" and the other way round.
    #[arg(long)]
    pub(crate) fold_accents: bool,
    /// Weight of a text field, title or text, as title=2; may be repeated. By default a word of the title counts
    /// twice; with --separate-fields each field has the weight 1.
    #[arg(long, value_name = "FIELD=WEIGHT", value_parser = field_weight)]
    pub(crate) field_weight: Vec<(String, f64)>,
    /// The constants k1 and b of BM25; 1.2,0.75 by default.
    #[arg(long, value_name = "K1,B", value_parser = bm25)]
    pub(crate) bm25: Option<Bm25>,
    /// Share of the vectors in the score of a hybrid search, 0 to 1; the words have the rest. By default 0.5, or 0.2 with
    /// a static model.
    #[arg(long, value_name = "SHARE")]
    pub(crate) vector_share: Option<f64>,
    /// Durability of writes: sync (acknowledged once on disk), interval (on disk within a second) or bulk.
    #[arg(long)]
    pub(crate) durability: Option<Durability>,
    /// Also store token vectors made by the model, for --rerank late-interaction.
    #[arg(long)]
    pub(crate) late_interaction: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

pub(super) fn run(args: &Create, open: OpenOptions) -> Outcome<ExitCode> {
    // Vectors that are supplied take the place of those a model would make.
    let model = if args.dim.is_none() { args.new.model.embedder()? } else { None };
    let options = options(&args.new, &args.target.dir, model, args.dim, args.token_dim)?.open(open);
    let collection = Collection::create(&args.target.dir, options)?;
    if args.target.json {
        output::json(&collection.stats()?)?;
    } else {
        output::note(&format!(
            "created the collection {} in {}",
            collection.schema().name,
            args.target.dir.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Options of the library for a new collection; `dim` and `token_dim` are the components of supplied vectors and token
/// vectors.
pub(super) fn options(
    new: &New,
    dir: &Path,
    model: Option<Arc<dyn Embedder>>,
    dim: Option<usize>,
    token_dim: Option<usize>,
) -> Outcome<Options> {
    let mut options = Options::new().join_text(!new.separate_fields);
    options = options.bm25(new.bm25.unwrap_or_default());
    if let Some(share) = new.vector_share {
        options = options.fusion(Fusion::scores(share));
    }
    let usual = Analyzer::default();
    let analyzer = Analyzer {
        language: new.language.unwrap_or(usual.language),
        stop_words: !new.no_stop_words,
        stemming: !new.no_stemming,
        fold_accents: new.fold_accents,
        ..usual
    };
    options = options.text_fields(text_fields(new, &analyzer)?);
    options = options.durability(new.durability.unwrap_or_default());
    let directory = dir.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    match &new.name {
        Some(name) => options = options.name(name),
        None if check_name("name", &directory).is_ok() => options = options.name(directory),
        None => {}
    }
    if new.late_interaction && model.is_none() {
        let detail =
            "--late-interaction needs --model FOLDER with a transformer, and no supplied vectors";
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

/// The fields title and text, with their weights.
fn text_fields(new: &New, analyzer: &Analyzer) -> Outcome<Vec<TextField>> {
    let field = |name: &str| TextField::new(name).analyzer(analyzer.clone());
    let mut fields = vec![field(TITLE_TEXT_FIELD), field(DEFAULT_TEXT_FIELD)];
    if !new.separate_fields {
        fields.iter_mut().take(1).for_each(|title| title.weight = Some(TITLE_WEIGHT));
    }
    for (name, weight) in &new.field_weight {
        let Some(field) = fields.iter_mut().find(|field| field.name == *name) else {
            let detail =
                format!("--field-weight: there is no text field {name:?}; give title or text");
            return Err(Failure::usage(detail));
        };
        field.weight = Some(*weight);
    }
    Ok(fields)
}
