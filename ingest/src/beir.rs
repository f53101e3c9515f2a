//! BEIR folders (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv` or `qrels/test.tsv`) and TREC runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lexivec::Document;
use lexivec::eval::trec::{Qrels, Run, parse_qrels, parse_run};
use serde::Deserialize;
use serde_json::{Map, Value};

use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::lines::{self, Numbered};

/// A line of `corpus.jsonl`, for messages.
const CORPUS_LINE: &str = r#"{"_id": "d1", "title": "A title", "text": "Some words"}"#;
/// A line of `queries.jsonl`, for messages.
const QUERY_LINE: &str = r#"{"_id": "q1", "text": "some words"}"#;

#[derive(Deserialize)]
struct CorpusLine {
    #[serde(rename = "_id", deserialize_with = "lexivec::query::ids::one")]
    id: String,
    title: Option<String>,
    text: Option<String>,
    /// All other keys, which become payload.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A query of a folder.
#[derive(Clone, Debug, Deserialize)]
pub struct Query {
    /// Its id, to which judgments refer.
    #[serde(rename = "_id", deserialize_with = "lexivec::query::ids::one")]
    pub id: String,
    /// Its words.
    pub text: String,
}

/// Reads the documents of a folder's `corpus.jsonl`, in order. The keys of a line other than `_id`, `title` and
/// `text`, and those in its `metadata`, become payload.
///
/// # Errors
/// Those of [`lines::read`].
pub fn corpus(folder: &Path) -> Result<Numbered<Document>> {
    let lines = lines::read(&folder.join("corpus.jsonl"), CORPUS_LINE)?;
    let document = |mut line: CorpusLine| {
        if let Some(Value::Object(metadata)) = line.rest.remove("metadata") {
            line.rest.extend(metadata);
        }
        let mut document = Document::new(line.id).text(line.text.unwrap_or_default());
        if let Some(title) = line.title.filter(|title| !title.is_empty()) {
            document = document.text_in("title", title);
        }
        document.payload = line.rest;
        document
    };
    let documents = lines.values.into_iter().map(document).collect();
    Ok(Numbered { values: documents, places: lines.places })
}

/// Reads the queries of a file such as a folder's `queries.jsonl`, in order.
///
/// # Errors
/// Those of [`lines::read`]; and two queries of one id, of which only one would be scored.
pub fn queries(file: &Path) -> Result<Vec<Query>> {
    let queries: Vec<Query> = lines::read(file, QUERY_LINE)?.values;
    let mut seen = HashSet::new();
    if let Some(twice) = queries.iter().find(|query| !seen.insert(query.id.as_str())) {
        return Err(Error::input(format!(
            "{} has two queries with the id {:?}; give each query its own",
            file.display(),
            twice.id
        )));
    }
    Ok(queries)
}

/// Returns the path of a folder's judgments: `qrels.tsv`, or `qrels/test.tsv`.
///
/// # Errors
/// [`Error::Input`] if it has neither.
pub fn qrels_file(folder: &Path) -> Result<PathBuf> {
    let paths = [folder.join("qrels.tsv"), folder.join("qrels").join("test.tsv")];
    paths.into_iter().find(|p| p.is_file()).ok_or_else(|| {
        Error::input(format!("{} has neither qrels.tsv nor qrels/test.tsv", folder.display()))
    })
}

/// Reads the judgments of a file, in TREC's four columns or BEIR's three.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read or a line has another form.
pub fn qrels(file: &Path) -> Result<Qrels> {
    parsed(file, parse_qrels)
}

/// Reads the rankings of a TREC run.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read or a line has another form.
pub fn run(file: &Path) -> Result<Run> {
    parsed(file, parse_run)
}

fn parsed<T>(file: &Path, parse: impl Fn(&str) -> lexivec::query::Result<T>) -> Result<T> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::input(format!("cannot read {name}: {}", reason(&e))))?;
    parse(&text).map_err(|e| Error::input(format!("{name}: {e}")))
}
