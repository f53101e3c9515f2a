//! Random writes, and what they do to a collection and to the model.

use std::sync::Arc;

use lexivec::storage::Vfs;
use lexivec::{
    Collection, Document, Durability, Filter, Metric, OpenOptions, Options, SearchRequest,
    WriteOptions,
};
use serde_json::{Map, Value, json};

use crate::Random;
use crate::model::{self, DIM, Model, TOKEN_DIM};

/// Rows from which a batch becomes a segment file with a graph at once.
const GRAPH_MIN_ROWS: usize = 24;
/// Ids that are used; few, so that rows are replaced and deleted often.
const IDS: usize = 48;

/// One thing done to a collection.
#[derive(Clone, Debug)]
pub enum Step {
    /// Whole rows, acknowledged in this way.
    Upsert(Vec<Document>, Durability),
    /// Whole rows, and rows by id that go with the same write.
    Replace(Vec<Document>, Vec<String>),
    /// Keys of one row's payload.
    Patch(String, Map<String, Value>),
    /// Rows by id.
    Delete(Vec<String>),
    /// Rows by a predicate.
    DeleteWhere(Filter),
    /// Everything into segment files.
    Flush,
    /// All segments into one.
    Compact,
}

/// Options under which a few rows make many files.
pub fn open_options() -> OpenOptions {
    OpenOptions::new().background(false).flush_rows(16).log_file_bytes(2_048).reserve_bytes(512)
}

/// Options of a small collection; distances between whole numbers are exact.
pub fn options() -> Options {
    let options = Options::new().vector(DIM, Metric::L2).tokens(TOKEN_DIM);
    let options = options.graph_min_rows(GRAPH_MIN_ROWS);
    options.open(open_options())
}

impl Step {
    /// The next random step.
    pub fn random(random: &mut Random) -> Self {
        match random.below(21) {
            0 => Self::Flush,
            1 => Self::Compact,
            2..=4 => Self::Delete(Self::ids(random)),
            5 => Self::DeleteWhere(
                Filter::from_json(&json!({"n": random.below(6), "tag": "a"}))
                    .unwrap_or(Filter::All),
            ),
            6..=8 => {
                let mut changes = Map::new();
                changes.insert("patched".to_owned(), json!(true));
                let tag = if random.below(3) == 0 { Value::Null } else { json!("b") };
                changes.insert("tag".to_owned(), tag);
                Self::Patch(format!("d{}", random.below(IDS)), changes)
            }
            9 => Self::upsert(random, GRAPH_MIN_ROWS + 4, Durability::Sync),
            10 => Self::upsert(random, 4, Durability::Interval),
            11 => Self::upsert(random, 4, Durability::Bulk),
            12 => Self::Replace(Self::documents(random, 4), Self::ids(random)),
            _ => Self::upsert(random, 6, Durability::Sync),
        }
    }

    fn ids(random: &mut Random) -> Vec<String> {
        (0..=random.below(3)).map(|_| format!("d{}", random.below(IDS))).collect()
    }

    fn upsert(random: &mut Random, most: usize, durability: Durability) -> Self {
        Self::Upsert(Self::documents(random, most), durability)
    }

    fn documents(random: &mut Random, most: usize) -> Vec<Document> {
        let wanted = if most > GRAPH_MIN_ROWS { most } else { 1 + random.below(most) };
        let mut documents: Vec<Document> = Vec::new();
        while documents.len() < wanted {
            let id = random.below(IDS);
            if !documents.iter().any(|d| d.id == format!("d{id}")) {
                documents.push(model::document(random, id));
            }
        }
        documents
    }

    /// Runs the step; true if everything written so far is durable then.
    pub fn apply(&self, collection: &Collection) -> lexivec::Result<bool> {
        Ok(match self {
            Self::Upsert(documents, durability) => {
                let options = WriteOptions::new().durability(*durability);
                collection.writer(options).upsert(documents.clone())?.durable
            }
            Self::Replace(documents, deleted) => {
                let options = WriteOptions::new();
                collection.writer(options).upsert_and_delete(documents.clone(), deleted)?.durable
            }
            Self::Patch(id, changes) => collection.patch(id, changes)?.is_some_and(|r| r.durable),
            Self::Delete(ids) => collection.delete(ids)?.durable,
            Self::DeleteWhere(filter) => collection.delete_where(filter)?.durable,
            Self::Flush => collection.flush().map(|_| true)?,
            Self::Compact => collection.compact(lexivec::CompactOptions::new()).map(|_| true)?,
        })
    }

    /// Does it to the model.
    pub fn apply_to_model(&self, model: &mut Model) {
        match self {
            Self::Upsert(documents, _) => model.upsert(documents),
            Self::Replace(documents, deleted) => {
                model.delete(deleted);
                model.upsert(documents);
            }
            Self::Patch(id, changes) => {
                model.patch(id, changes);
            }
            Self::Delete(ids) => {
                model.delete(ids);
            }
            Self::DeleteWhere(filter) => {
                let ids = model.admitted(filter);
                model.delete(&ids);
            }
            Self::Flush | Self::Compact => {}
        }
    }
}

/// All rows of a collection, page by page.
pub fn rows(collection: &Collection) -> lexivec::Result<Model> {
    let (mut found, mut after) = (Model::default(), None::<String>);
    loop {
        let page = collection.scroll(&Filter::All, after.as_deref(), 7)?;
        found.upsert(&page.documents);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Asks one random question of each kind, and compares the answers with the model's, exactly.
pub fn compare(collection: &Collection, model: &Model, random: &mut Random) -> Result<(), String> {
    let fail = |e: lexivec::Error| e.to_string();
    let filter = model::filter(random);
    let failure = |what: &str| format!("{what} under {}", filter.to_text());
    let count = collection.count(&filter).map_err(fail)?;
    if count != model.admitted(&filter).len() as u64 {
        return Err(failure(&format!("count {count}")));
    }
    let hits = |request: SearchRequest| -> Result<Vec<(String, f64)>, String> {
        let answer = collection.search(&request.filter(filter.clone())).map_err(fail)?;
        if !answer.hits.iter().all(|h| h.ledger.adds_up()) {
            return Err(failure("a ledger that does not add up"));
        }
        Ok(answer.hits.into_iter().map(|h| (h.id, h.score)).collect())
    };
    let (k, query) = (1 + random.below(60), model::vector(random));
    let found = hits(SearchRequest::vector(query.clone()).limit(k).exact())?;
    if found != model.nearest(&query, &filter, k) {
        return Err(failure(&format!("vector hits {found:?}")));
    }
    let words: Vec<&str> = (0..=random.below(3)).map(|_| model::WORDS[random.below(8)]).collect();
    let words = words.join(" ");
    let found = hits(SearchRequest::text(words.clone()).limit(k))?;
    let expected = model.matching(&words, &filter, k);
    if found != expected {
        return Err(failure(&format!("text hits {found:?} for {words:?}, expected {expected:?}")));
    }
    let id = format!("d{}", random.below(IDS));
    let got = collection.get(&id).map_err(fail)?;
    if got.as_ref() != model.rows.get(&id) {
        return Err(format!("{id} is {got:?}"));
    }
    Ok(())
}

/// Opens a collection for writing as the campaigns do.
pub fn open(vfs: Arc<dyn Vfs>) -> lexivec::Result<Collection> {
    open_options().open(vfs)
}
