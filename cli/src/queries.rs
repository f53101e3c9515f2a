//! Options that name queries and judgments, and reading them.

use std::path::PathBuf;

use lexivec::eval::Qrels;
use lexivec::query::limits::MAX_QUERY_BYTES;
use lexivec_ingest::beir;
use lexivec_ingest::queries::Queries;
use lexivec_ingest::vectors::Vectors;

use crate::exit::{Failure, Outcome};
use crate::output;

/// Options that name queries.
#[derive(clap::Args)]
pub(crate) struct Asked {
    /// BEIR folder, of which queries.jsonl and qrels.tsv or qrels/test.tsv are read.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) beir: Option<PathBuf>,
    /// File of queries: one JSON object with "_id" and "text" a line.
    #[arg(long, value_name = "FILE", conflicts_with = "beir")]
    pub(crate) queries: Option<PathBuf>,
    /// Vectors of the queries: an .npy file of float32 or float16, rows x components.
    #[arg(long, value_name = "NPY", requires = "query_vector_ids")]
    pub(crate) query_vectors: Option<PathBuf>,
    /// Ids of the rows of --query-vectors, one a line.
    #[arg(long, value_name = "FILE", requires = "query_vectors")]
    pub(crate) query_vector_ids: Option<PathBuf>,
}

/// Options that name queries and their judgments.
#[derive(clap::Args)]
pub(crate) struct Judged {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// File of relevance judgments, in TREC's four columns or BEIR's three.
    #[arg(long, value_name = "FILE", conflicts_with = "beir")]
    pub(crate) qrels: Option<PathBuf>,
}

/// Prints a note about queries that are too long to be searched for whole.
pub(crate) fn note_cut(queries: usize) {
    if queries > 0 {
        let queries = output::count(queries, "long query");
        output::note(&format!(
            "of {queries} only the first {MAX_QUERY_BYTES} bytes were searched for"
        ));
    }
}

impl Asked {
    /// Reads the queries and their vectors.
    pub(crate) fn read(&self) -> Outcome<Queries> {
        let file = match (&self.queries, &self.beir) {
            (Some(file), _) => file.clone(),
            (None, Some(folder)) => folder.join("queries.jsonl"),
            (None, None) => return Err(Failure::usage("name the queries: --beir or --queries")),
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
            (Some(file), _) => Ok(beir::qrels(file)?),
            (None, Some(folder)) => Ok(beir::qrels(&beir::qrels_file(folder)?)?),
            (None, None) => Err(Failure::usage("name the judgments: --beir or --qrels")),
        }
    }
}
