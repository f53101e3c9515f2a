//! The options of queries and judgments, and what they name.

use std::path::PathBuf;

use lexivec::SearchRequest;
use lexivec::eval::{JudgedQuery, Qrels};
use lexivec::query::request::Mode;

use super::beir::{self, Query};
use super::vectors::Vectors;
use crate::exit::{Failure, Outcome};

#[derive(clap::Args)]
pub(crate) struct Asked {
    /// A BEIR folder: its queries.jsonl, and qrels.tsv or qrels/test.tsv.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) beir: Option<PathBuf>,
    /// Queries: a file of one JSON object with "_id" and "text" a line.
    #[arg(long, value_name = "FILE", conflicts_with = "beir")]
    pub(crate) queries: Option<PathBuf>,
    /// Vectors of the queries: an .npy file of float32 or float16, rows x components.
    #[arg(long, value_name = "NPY", requires = "query_vector_ids")]
    pub(crate) query_vectors: Option<PathBuf>,
    /// Ids of the vectors' rows, one a line.
    #[arg(long, value_name = "FILE", requires = "query_vectors")]
    pub(crate) query_vector_ids: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Judged {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Judgments, in TREC's four columns or BEIR's three.
    #[arg(long, value_name = "FILE", conflicts_with = "beir")]
    pub(crate) qrels: Option<PathBuf>,
}

/// Queries, and their vectors if there are any.
pub(crate) struct Queries {
    pub(crate) list: Vec<Query>,
    pub(crate) vectors: Option<Vectors>,
}

impl Asked {
    /// Reads the queries and their vectors.
    pub(crate) fn read(&self) -> Outcome<Queries> {
        let file = match (&self.queries, &self.beir) {
            (Some(file), _) => file.clone(),
            (None, Some(folder)) => folder.join("queries.jsonl"),
            (None, None) => return Err(Failure::usage("name queries: --beir or --queries")),
        };
        let vectors = match (&self.query_vectors, &self.query_vector_ids) {
            (Some(npy), Some(ids)) => Some(Vectors::read(npy, Some(ids))?),
            _ => None,
        };
        Ok(Queries { list: beir::queries(&file)?, vectors })
    }
}

impl Judged {
    /// Reads the judgments.
    pub(crate) fn qrels(&self) -> Outcome<Qrels> {
        match (&self.qrels, &self.asked.beir) {
            (Some(file), _) => beir::qrels(file),
            (None, Some(folder)) => beir::qrels(&beir::qrels_file(folder)?),
            (None, None) => Err(Failure::usage("name judgments: --beir or --qrels")),
        }
    }
}

impl Queries {
    /// Leaves the queries that are judged.
    pub(crate) fn keep_judged(&mut self, qrels: &Qrels) -> Outcome<()> {
        self.list.retain(|query| qrels.contains_key(&query.id));
        match self.list.is_empty() {
            true => Err(Failure::new("no query of queries.jsonl is judged")),
            false => Ok(()),
        }
    }

    /// The requests by the ids of their queries.
    pub(crate) fn requests(&self, mode: Mode) -> Outcome<Vec<(String, SearchRequest)>> {
        let request = |query: &Query| {
            let mut request = SearchRequest::text(query.text.as_str()).mode(mode);
            request.with_payload = false;
            if let (Some(vectors), true) = (&self.vectors, mode != Mode::Text) {
                let Some(vector) = vectors.get(&query.id) else {
                    return Err(Failure::new(format!("query {:?} has no vector", query.id)));
                };
                request.vector = Some(vector.to_vec());
            }
            Ok((query.id.clone(), request))
        };
        self.list.iter().map(request).collect()
    }

    /// The requests with the judgments of their queries.
    pub(crate) fn judged(&self, mode: Mode, qrels: &Qrels) -> Outcome<Vec<JudgedQuery>> {
        let judged = |(id, request): (String, SearchRequest)| {
            let judgments = qrels.get(&id).cloned().unwrap_or_default();
            JudgedQuery { id, request, judgments }
        };
        Ok(self.requests(mode)?.into_iter().map(judged).collect())
    }
}
