//! `ingest`: documents from a file into a collection, all of them or none; folders are in `folder`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lexivec::model::Embedder;
use lexivec::schema::Analyzer;
use lexivec::storage::disk;
use lexivec::{Collection, Document, Fusion, OpenOptions, Options, Schema, WriteOptions};
use lexivec_ingest::lines::{Numbered, Places};
use lexivec_ingest::loaders::{Format, Table, read_table, table};
use lexivec_ingest::vectors::Vectors;
use lexivec_ingest::{beir, lines};

use super::create::{self, New};
use super::folder::{self, Chunks, Destination};
use super::{settle, with_model};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Progress};
use crate::target::Target;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("source").args(["beir", "jsonl", "csv", "parquet", "folder"])))]
pub(crate) struct Ingest {
    #[command(flatten)]
    target: Target,
    /// BEIR folder, of which corpus.jsonl is read.
    #[arg(long, value_name = "FOLDER")]
    beir: Option<PathBuf>,
    /// File of one JSON document a line with "id", "title", "text", "vector", "tokens" and "payload"; - is stdin.
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,
    /// CSV file with the names of its columns in the first line: the id, "title" and "text"; all other columns are
    /// payload; - is stdin.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Parquet file with such columns.
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Column of the ids.
    #[arg(long, value_name = "NAME", default_value = "id")]
    id_column: String,
    /// Folder of Markdown, HTML, text, PDF, subtitles (SRT, WebVTT), JSON lines, CSV and Parquet files, with all
    /// folders below it. Each file is cut into chunks; the id of a chunk is the file's path, # and a number.
    #[arg(long, value_name = "FOLDER", conflicts_with = "vectors")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    chunks: Chunks,
    /// Vectors of the documents: an .npy file of float32 or float16, rows x components. Without another source, each
    /// row is a document.
    #[arg(long, value_name = "NPY")]
    vectors: Option<PathBuf>,
    /// Ids of the vectors' rows, one a line; without it, the ids are row numbers from 0.
    #[arg(long, value_name = "FILE", requires = "vectors")]
    vector_ids: Option<PathBuf>,
    #[command(flatten)]
    new: New,
}

pub(super) fn run(args: &Ingest, options: OpenOptions) -> Outcome<ExitCode> {
    if let Some(folder) = &args.folder {
        return folder::run(folder, &args.chunks, &args.target, || {
            if disk::is_collection(&args.target.dir) {
                return Ok(Destination::Existing(open(args, options)?));
            }
            let model = args.new.model.embedder()?;
            let new = self::options(args, options, model.clone(), None, &[])?;
            Ok(Destination::New(Box::new(new), model))
        });
    }
    let start = Instant::now();
    // Everything is read before the collection is touched: a fault in the input changes nothing.
    let vectors = match &args.vectors {
        Some(npy) => Some(Vectors::read(npy, args.vector_ids.as_deref())?),
        None => None,
    };
    let (mut documents, places) = documents(args, vectors.as_ref())?;
    if documents.is_empty() {
        return Err(Failure::new("the input has no documents; nothing was written"));
    }
    if let Some(vectors) = &vectors {
        attach(&mut documents, vectors)?;
    }
    let given = documents.iter().find_map(|d| d.vectors.values().next()).map(Vec::len);
    let collection = if disk::is_collection(&args.target.dir) {
        open(args, options)?
    } else {
        let dim = vectors.map(|v| v.dim).or(given);
        if dim.is_some() && args.new.model.is_explicit() {
            let detail = "the documents have vectors, and --model would make others; leave out --model, or the vectors";
            return Err(Failure::usage(detail));
        }
        // Supplied vectors take the place of those a model would make.
        let model = if dim.is_none() { args.new.model.embedder()? } else { None };
        let new = self::options(args, options, model, dim, &documents)?;
        // Before the directory is made: refused documents leave nothing behind.
        new.check(&documents).map_err(|e| refused(places.as_ref(), e))?;
        Collection::open_or_create(&args.target.dir, new)?
    };
    let before = collection.stats()?.documents as usize;
    let receipt = {
        let progress = Progress::new();
        let show = |stage, done, all| progress.show(stage, done, all);
        let written = collection.writer(WriteOptions::new().progress(&show)).upsert(documents);
        written.map_err(|e| refused(places.as_ref(), e))?
    };
    settle(&collection, &receipt)?;
    let replaced = before + receipt.written - collection.stats()?.documents as usize;
    if args.target.json {
        output::json(&receipt)?;
    } else {
        output::note(&format!(
            "wrote {} ({replaced} replaced) to {} in {:.1} s",
            output::count(receipt.written, "document"),
            args.target.dir.display(),
            start.elapsed().as_secs_f64()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A document as a line, for messages.
const DOCUMENT_LINE: &str =
    r#"{"id": "a", "title": "A title", "text": "Some words", "payload": {"year": 2020}}"#;

/// The documents of the input, and their places in it if it is a file of documents.
fn documents(args: &Ingest, vectors: Option<&Vectors>) -> Outcome<(Vec<Document>, Option<Places>)> {
    let with_places = |read: Numbered<Document>| (read.values, Some(read.places));
    if let Some(beir) = &args.beir {
        return beir::corpus(beir).map(with_places).map_err(unwritten);
    }
    if let Some(jsonl) = &args.jsonl {
        return lines::read(jsonl, DOCUMENT_LINE).map(with_places).map_err(unwritten);
    }
    for (file, format) in [(&args.csv, Format::Csv), (&args.parquet, Format::Parquet)] {
        if let Some(file) = file {
            return rows(file, format, &args.id_column).map(with_places);
        }
    }
    let Some(vectors) = vectors else {
        let detail = "name an input: --folder, --jsonl, --csv, --parquet, --beir or --vectors";
        return Err(Failure::usage(detail));
    };
    Ok((vectors.ids().map(Document::new).collect(), None))
}

/// The failure of reading an input.
fn unwritten(error: lexivec_ingest::Error) -> Failure {
    match error {
        lexivec_ingest::Error::Input(reason) => {
            Failure::new(format!("{reason}; nothing was written"))
        }
        other => other.into(),
    }
}

/// The failure of a write of documents, with the place of the refused one if the input has places.
fn refused(places: Option<&Places>, error: lexivec::Error) -> Failure {
    match places {
        Some(places) => places.refusal(error).into(),
        None => error.into(),
    }
}

/// The rows of a table as documents.
fn rows(file: &Path, format: Format, id_column: &str) -> Outcome<Numbered<Document>> {
    let Table { columns, rows, .. } =
        read_table(file, format, id_column, None).map_err(unwritten)?;
    if !rows.values.is_empty() && !columns.iter().any(|column| column == id_column) {
        return Err(Failure::new(format!(
            "{}: it has no column {id_column:?} for the ids; its columns are {}; name one with --id-column; nothing \
             was written",
            file.display(),
            columns.join(", ")
        )));
    }
    let mut values = Vec::with_capacity(rows.values.len());
    for (index, row) in rows.values.into_iter().enumerate() {
        let document = table::document(row, id_column).map_err(|e| {
            Failure::new(format!("{}: {e}; nothing was written", rows.places.name(index)))
        })?;
        values.push(document);
    }
    Ok(Numbered::new(values, rows.places))
}

fn attach(documents: &mut [Document], vectors: &Vectors) -> Outcome<()> {
    let mut used = 0;
    for document in documents.iter_mut() {
        if let Some(vector) = vectors.get(&document.id) {
            let field = lexivec::schema::DEFAULT_VECTOR_FIELD.to_owned();
            document.vectors.insert(field, vector.to_vec());
            used += 1;
        }
    }
    let all = vectors.ids().count();
    if used < all {
        let known: std::collections::HashSet<&str> =
            documents.iter().map(|d| d.id.as_str()).collect();
        let stray = vectors.ids().filter(|id| !known.contains(id)).min().unwrap_or_default();
        let detail = format!(
            "{} of {all} vectors belong to no document, {stray:?} for one; nothing was written",
            all - used
        );
        return Err(Failure::new(detail));
    }
    Ok(())
}

/// The failure of an option from which an existing collection differs.
fn differs(what: &str, has: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("the collection exists and its {what} is {has}; omit the option"))
}

/// Opens an existing collection; options of a new one must agree with it.
fn open(args: &Ingest, options: OpenOptions) -> Outcome<Collection> {
    let collection = options.open(&args.target.dir)?;
    let schema = collection.schema();
    let field = schema.vectors.first();
    let about_vectors =
        args.new.metric.is_some() || args.new.m.is_some() || args.new.quantization.is_some();
    if field.is_none() && (about_vectors || args.new.ef_construction.is_some()) {
        return Err(Failure::usage(
            "the collection exists and has no vectors; omit the options about vectors",
        ));
    }
    if let (Some(wanted), Some(field)) = (args.new.metric, field)
        && wanted != field.metric
    {
        return Err(differs("metric", format!("{:?}", field.metric).to_lowercase()));
    }
    if let (Some(m), Some(field)) = (args.new.m, field)
        && m != field.m
    {
        return Err(differs("m", field.m.to_string()));
    }
    if let (Some(ef), Some(field)) = (args.new.ef_construction, field)
        && ef != field.ef_construction
    {
        return Err(differs("ef-construction", field.ef_construction.to_string()));
    }
    if let (Some(wanted), Some(field)) = (args.new.quantization, field)
        && wanted != field.quantization
    {
        let has = format!("{:?}", field.quantization).to_lowercase();
        return Err(differs("quantization", has));
    }
    if let Some(bm25) = args.new.bm25
        && bm25 != schema.bm25
    {
        let has = format!("{},{}", schema.bm25.k1, schema.bm25.b);
        return Err(Failure::usage(format!(
            "the collection exists and its bm25 is {has}; omit the option, and give --bm25 to `lexivec search`"
        )));
    }
    if args.new.name.as_ref().is_some_and(|n| *n != schema.name) {
        return Err(differs("name", schema.name.clone()));
    }
    if args.new.durability.is_some_and(|d| d != schema.durability) {
        return Err(differs("durability", format!("{:?}", schema.durability).to_lowercase()));
    }
    if let Some((what, has)) = other_analysis(args, schema) {
        return Err(differs(what, has));
    }
    if args.new.separate_fields && schema.join_text {
        return Err(differs("text", "searched as one field".to_owned()));
    }
    weights_agree(&args.new, schema)?;
    if let Some(share) = args.new.vector_share
        && Fusion::scores(share) != schema.fusion
    {
        return Err(Failure::usage(
            "the collection exists and has another share of the vectors; omit the option, and give --alpha to \
             `lexivec search`",
        ));
    }
    if args.new.late_interaction && schema.embedder.as_ref().is_none_or(|e| e.tokens.is_none()) {
        return Err(differs("late interaction", "not made by a model".to_owned()));
    }
    with_model(collection, &args.new.model)
}

/// The first option of the analysis of texts that an existing collection differs from: what it is about, and what the
/// collection has.
fn other_analysis(args: &Ingest, schema: &Schema) -> Option<(&'static str, String)> {
    let analyzers = || schema.text.iter().map(|field| &field.analyzer);
    if let Some(language) = args.new.language
        && let Some(other) = analyzers().find(|analyzer| analyzer.language != language)
    {
        return Some(("language", other.language.to_string()));
    }
    let (new, has) = (&args.new, |has: fn(&Analyzer) -> bool| analyzers().any(has));
    let texts = if new.no_stop_words && has(|a| a.stop_words) {
        "indexed without stop words"
    } else if new.no_stemming && has(|a| a.stemming) {
        "indexed by stems"
    } else if new.fold_accents && has(|a| !a.fold_accents) {
        "indexed with accents"
    } else {
        return None;
    };
    Some(("text", texts.to_owned()))
}

/// Refuses weights of text fields that an existing collection does not have.
fn weights_agree(new: &New, schema: &Schema) -> Outcome<()> {
    for (name, weight) in &new.field_weight {
        let has = schema.text.iter().find(|field| field.name == *name).and_then(|f| f.weight);
        if has != Some(*weight) {
            let has = has.map_or("none".to_owned(), |weight| weight.to_string());
            return Err(Failure::usage(format!(
                "the collection exists and the weight of its field {name:?} is {has}; omit the option, and give \
                 --field-weight to `lexivec search`"
            )));
        }
    }
    Ok(())
}

/// Options of a new collection for documents.
fn options(
    args: &Ingest,
    open: OpenOptions,
    model: Option<Arc<dyn Embedder>>,
    dim: Option<usize>,
    documents: &[Document],
) -> Outcome<Options> {
    if args.new.metric.is_some() && dim.is_none() && !args.new.model.is_named() {
        return Err(Failure::usage("--metric needs vectors: give --vectors, or --model FOLDER"));
    }
    let mut lists = documents.iter().flat_map(|d| d.tokens.values());
    let token_dim = lists.find_map(|list| list.first()).map(Vec::len);
    Ok(create::options(&args.new, &args.target.dir, model, dim, token_dim)?.open(open))
}
