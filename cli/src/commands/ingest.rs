//! `ingest`: documents from files into a collection, all of them or none.

use std::process::ExitCode;
use std::time::Instant;

use lexivec::storage::disk;
use lexivec::{Collection, Document, OpenOptions, WriteOptions};

use super::{create, settle, with_model};
use crate::args::Ingest;
use crate::exit::{Failure, Outcome};
use crate::input::vectors::Vectors;
use crate::input::{beir, folder, lines};
use crate::output::{self, Progress};

pub(super) fn run(args: &Ingest, options: OpenOptions) -> Outcome<ExitCode> {
    let start = Instant::now();
    // Everything is read before the collection is touched: a fault in the input changes nothing.
    let vectors = match &args.vectors {
        Some(npy) => Some(Vectors::read(npy, args.vector_ids.as_deref())?),
        None => None,
    };
    let mut documents = documents(args, vectors.as_ref())?;
    if documents.is_empty() {
        return Err(Failure::new("the input has no documents; nothing was written"));
    }
    if let Some(vectors) = &vectors {
        attach(&mut documents, vectors)?;
    }
    let given = documents.iter().find_map(|d| d.vectors.values().next()).map(Vec::len);
    let existing = disk::is_collection(&args.dir);
    let collection = if existing {
        open(args, options)?
    } else {
        make(args, options, vectors.map(|v| v.dim).or(given), &documents)?
    };
    let before = collection.stats()?.documents as usize;
    let receipt = {
        let progress = Progress::new();
        let show = |stage, done, all| progress.show(stage, done, all);
        collection.upsert_with(documents, WriteOptions::new().progress(&show))?
    };
    settle(&collection, &receipt)?;
    let replaced = before + receipt.written - collection.stats()?.documents as usize;
    if args.json {
        output::json(&receipt)?;
    } else {
        output::note(&format!(
            "wrote {} documents ({} replaced) to {} in {:.1} s",
            receipt.written,
            replaced,
            args.dir.display(),
            start.elapsed().as_secs_f64()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn documents(args: &Ingest, vectors: Option<&Vectors>) -> Outcome<Vec<Document>> {
    if let Some(beir) = &args.beir {
        return beir::corpus(beir);
    }
    if let Some(jsonl) = &args.jsonl {
        return lines::read(jsonl);
    }
    let Some(path) = &args.folder else {
        let Some(vectors) = vectors else {
            let detail = "name a source: --beir, --jsonl, --folder or --vectors";
            return Err(Failure::usage(detail));
        };
        return Ok(vectors.ids().map(Document::new).collect());
    };
    let found = folder::read(path)?;
    if found.passed_over > 0 {
        output::note(&format!("passed over {} empty, long or binary files", found.passed_over));
    }
    Ok(found.documents)
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

/// Opens the collection that is there; what was asked for a new one must be what it has.
fn open(args: &Ingest, options: OpenOptions) -> Outcome<Collection> {
    let collection = Collection::open_with(&args.dir, options)?;
    let schema = collection.schema();
    let field = schema.vectors.first();
    let differs = |what: &str, has: String| {
        Failure::usage(format!("the collection is there and its {what} is {has}; leave that out"))
    };
    let about_vectors =
        args.new.metric.is_some() || args.new.m.is_some() || args.new.quantization.is_some();
    if field.is_none() && (about_vectors || args.new.ef_construction.is_some()) {
        return Err(Failure::usage("the collection is there and has no vectors; leave that out"));
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
    if args.new.name.as_ref().is_some_and(|n| *n != schema.name) {
        return Err(differs("name", schema.name.clone()));
    }
    if args.new.durability.is_some_and(|d| d != schema.durability) {
        return Err(differs("durability", format!("{:?}", schema.durability).to_lowercase()));
    }
    if args.new.separate_fields && schema.join_text {
        return Err(differs("text", "searched as one field".to_owned()));
    }
    if schema.embedder.is_none() {
        return Ok(collection);
    }
    with_model(collection, &args.new.model)
}

fn make(
    args: &Ingest,
    open: OpenOptions,
    dim: Option<usize>,
    documents: &[Document],
) -> Outcome<Collection> {
    if args.new.metric.is_some() && dim.is_none() && args.new.model.folder.is_none() {
        return Err(Failure::usage(
            "--metric is about vectors and there are none: give --vectors, or --model FOLDER",
        ));
    }
    let mut lists = documents.iter().flat_map(|d| d.tokens.values());
    let token_dim = lists.find_map(|list| list.first()).map(Vec::len);
    let options = create::options(&args.new, &args.dir, dim, token_dim)?.open(open);
    // Before the directory is made: refused documents leave nothing behind.
    options.check(documents)?;
    Ok(Collection::create(&args.dir, options)?)
}
