//! Embedding of documents by the collection's model before they are written: vectors and token vectors.

use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::{check_token_vectors, check_vector};
use crate::limits::MAX_ROW_TOKENS;
use crate::model::Embedder;
use crate::progress::{Progress, Stage};
use crate::schema::{Schema, TokenField};

/// Texts given to an embedder in one call; affects progress reports, not results.
const EMBED_BATCH: usize = 1_024;

/// Fills the embedder's fields of every document that has text and no vector there.
pub(crate) fn embed(
    schema: &Schema,
    model: Option<&dyn Embedder>,
    documents: &mut [Document],
    progress: &Progress<'_>,
) -> Result<()> {
    let Some(record) = &schema.embedder else {
        return Ok(());
    };
    let filled = record.tokens.as_ref();
    let field = filled.and_then(|name| schema.tokens.iter().find(|f| f.name == *name));
    let no_vector = |d: &Document| !d.vectors.contains_key(&record.field);
    let no_tokens = |d: &Document| field.is_some_and(|f| !d.tokens.contains_key(&f.name));
    let mut wanting: Vec<&mut Document> =
        documents.iter_mut().filter(|d| no_vector(d) || no_tokens(d)).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let Some(model) = model else {
        return Err(Error::Embedder(format!(
            "the collection's vectors are made by {} ({}); hand that model in, or give every \
                 document a vector{}",
            record.name,
            record.hash,
            if field.is_some() { " and token vectors" } else { "" }
        )));
    };
    let all = wanting.len();
    let mut done = 0;
    for batch in wanting.chunks_mut(EMBED_BATCH) {
        let part = batch.iter_mut().map(|d| &mut **d).filter(|d| no_vector(d));
        fill_vectors(schema, model, &record.field, part.collect())?;
        if let Some(field) = field {
            let part = batch.iter_mut().map(|d| &mut **d).filter(|d| no_tokens(d));
            fill_tokens(schema, model, field, part.collect())?;
        }
        done += batch.len();
        progress.report(Stage::Embed, done, all)?;
    }
    Ok(())
}

/// The vectors that the model makes of each document's texts.
fn made<T>(
    schema: &Schema,
    model: &dyn Embedder,
    documents: &[&mut Document],
    make: impl FnOnce(&[&str]) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let texts: Vec<String> = documents.iter().map(|d| d.joined_text(schema)).collect();
    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let made = make(&views)?;
    if made.len() == documents.len() {
        return Ok(made);
    }
    let (name, found, texts) = (model.name(), made.len(), documents.len());
    Err(Error::Embedder(format!("model {name} gave {found} vectors for {texts} texts")))
}

fn fill_vectors(
    schema: &Schema,
    model: &dyn Embedder,
    field: &str,
    documents: Vec<&mut Document>,
) -> Result<()> {
    let vectors = made(schema, model, &documents, |texts| model.embed(texts))?;
    for (document, vector) in documents.into_iter().zip(vectors) {
        if let Some(vector) = vector {
            check_embedded(schema, model, &vector)?;
            document.vectors.insert(field.to_owned(), vector);
        }
    }
    Ok(())
}

/// Fills a token field with at most the first [`MAX_ROW_TOKENS`] token vectors of a text.
fn fill_tokens(
    schema: &Schema,
    model: &dyn Embedder,
    field: &TokenField,
    documents: Vec<&mut Document>,
) -> Result<()> {
    let make = |texts: &[&str]| token_lists(model, model.embed_tokens(texts)?);
    let lists = made(schema, model, &documents, make)?;
    for (document, mut list) in documents.into_iter().zip(lists) {
        list.truncate(MAX_ROW_TOKENS);
        if !list.is_empty() {
            check_tokens(model, field, &list)?;
            document.tokens.insert(field.name.clone(), list);
        }
    }
    Ok(())
}

/// The token vectors of a model; an error for a model without token vectors.
pub(crate) fn token_lists<T>(model: &dyn Embedder, made: Option<T>) -> Result<T> {
    let name = model.name();
    let none = || Error::Embedder(format!("model {name} makes no token vectors; give them"));
    made.ok_or_else(none)
}

/// Refuses a model's output if it is not a valid vector of its field.
pub(crate) fn check_embedded(schema: &Schema, model: &dyn Embedder, vector: &[f32]) -> Result<()> {
    let name = schema.embedder.as_ref().map(|r| r.field.as_str());
    let field = schema.vectors.iter().find(|f| Some(f.name.as_str()) == name);
    field
        .map_or(Ok(()), |field| check_vector(field, vector))
        .map_err(|fault| Error::Embedder(format!("model {}: {fault}", model.name())))
}

/// Refuses token vectors that do not fit this field.
pub(crate) fn check_tokens(
    model: &dyn Embedder,
    field: &TokenField,
    list: &[Vec<f32>],
) -> Result<()> {
    check_token_vectors(field, list)
        .map_err(|fault| Error::Embedder(format!("model {}: {fault}", model.name())))
}
