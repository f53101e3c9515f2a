//! BEIR folders: `corpus.jsonl`, `queries.jsonl`, `qrels.tsv` or `qrels/test.tsv`; and TREC runs.

use std::path::{Path, PathBuf};

use lexivec::Document;
use lexivec::eval::trec::{Qrels, Run, parse_qrels, parse_run};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::lines;
use crate::exit::{Failure, Outcome};

#[derive(Deserialize)]
struct CorpusLine {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    /// Whatever else the line has becomes payload.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A query of the folder.
#[derive(Deserialize)]
pub(crate) struct Query {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) text: String,
}

/// The documents of the folder, in order.
pub(crate) fn corpus(folder: &Path) -> Outcome<Vec<Document>> {
    let lines: Vec<CorpusLine> = lines::read(&folder.join("corpus.jsonl"))?;
    let document = |mut line: CorpusLine| {
        if let Some(Value::Object(metadata)) = line.rest.remove("metadata") {
            line.rest.extend(metadata);
        }
        let mut document = Document::new(line.id).text(line.text);
        if !line.title.is_empty() {
            document = document.text_in("title", line.title);
        }
        document.payload = line.rest;
        document
    };
    Ok(lines.into_iter().map(document).collect())
}

/// The queries of a file such as the folder's queries.jsonl, in order.
pub(crate) fn queries(file: &Path) -> Outcome<Vec<Query>> {
    lines::read(file)
}

/// The folder's file of judgments.
pub(crate) fn qrels_file(folder: &Path) -> Outcome<PathBuf> {
    let paths = [folder.join("qrels.tsv"), folder.join("qrels").join("test.tsv")];
    paths.into_iter().find(|p| p.is_file()).ok_or_else(|| {
        Failure::new(format!("{} has neither qrels.tsv nor qrels/test.tsv", folder.display()))
    })
}

/// The judgments of a file.
pub(crate) fn qrels(file: &Path) -> Outcome<Qrels> {
    parsed(file, parse_qrels)
}

/// The rankings of a TREC run.
pub(crate) fn run(file: &Path) -> Outcome<Run> {
    parsed(file, parse_run)
}

fn parsed<T>(file: &Path, parse: impl Fn(&str) -> lexivec::query::Result<T>) -> Outcome<T> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
    parse(&text).map_err(|e| Failure::new(format!("{name}: {e}")))
}
