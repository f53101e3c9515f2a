//! What users found relevant, and the query adapters that were learnt from it.
//!
//! Both are rows of a collection of its own, in the folder `learning` of the directory: they are durable, checked and
//! repaired as any rows are. A collection without a directory has it in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use lexivec_query::limits::MAX_QUERY_BYTES;
use lexivec_query::request::AdapterChoice;
use lexivec_query::{Filter, SearchRequest};
use lexivec_storage::disk;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

use super::Collection;
use crate::document::{Document, vector_fault};
use crate::error::{Error, Result};
use crate::execute::{self, AdapterOptions, AdapterValidation, Question, normalize};
use crate::limits::{MAX_FEEDBACK_IDS, MAX_ID_BYTES, MAX_SCROLL_ROWS};
use crate::model::adapter::Adapter;
use crate::options::{OpenOptions, Options};
use crate::schema::{EmbedderRecord, Metric, Schema, VectorField};

const FOLDER: &str = "learning";

/// Where it is kept, in the directory of a collection.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Payload: what a row is, and the JSON of it.
const KIND: &str = "kind";
const JSON: &str = "json";
const FEEDBACK: &str = "feedback";
const ADAPTER: &str = "adapter";
/// Id of the row that names the active adapter.
const ACTIVE: &str = "active";
/// Id of the row that has the last version given, so that none is given twice.
const LAST: &str = "last";

/// A query, and which of the rows that were shown for it are relevant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The words that were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The query's vector; made of the words by the model where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Ids of the rows that were relevant.
    pub relevant: Vec<String>,
    /// Ids of all rows that were shown, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
}

/// What became of feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LearnReceipt {
    /// Taken in.
    pub taken: u64,
    /// Word for word there already: what is sent again counts once.
    pub known: u64,
    /// What is there now.
    pub total: u64,
}

/// An adapter that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdapterInfo {
    /// Its number, from 1.
    pub version: u32,
    /// The vector field whose queries it changes.
    pub field: String,
    /// What tells the model that made the vectors it was trained on, if a model did: its hash, and that of its canaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it gained on queries that had no part in its training.
    #[serde(rename = "exam")]
    pub validation: AdapterValidation,
    /// True of the one that is applied where a request names none.
    #[serde(skip_deserializing)]
    pub active: bool,
}

/// What a training came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrainReport {
    /// The examination.
    #[serde(flatten)]
    pub validation: AdapterValidation,
    /// Feedback that could not be used: its vector is another model's and it has no words, or the model has nothing to
    /// say about them.
    pub left_out: u64,
    /// The version that is kept; none of an adapter that did not pass.
    pub version: Option<u32>,
}

/// Feedback as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptFeedback {
    feedback: Feedback,
    /// The model whose vectors the query's vector is compared with.
    model: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    info: AdapterInfo,
    adapter: Adapter,
}

/// The adapters of a collection.
#[derive(Debug, Default)]
pub(crate) struct Adapters {
    active: Option<u32>,
    kept: BTreeMap<u32, Kept>,
}

impl Adapters {
    /// Changes a query's vector as the request asks; gives the version.
    pub(crate) fn apply(
        &self,
        request: &SearchRequest,
        field: &str,
        vector: &mut [f32],
    ) -> Result<Option<u32>> {
        let (version, named) = match request.adapter {
            AdapterChoice::Off => return Ok(None),
            AdapterChoice::Active => (self.active, false),
            AdapterChoice::Version(version) => (Some(version), true),
        };
        let Some(version) = version else { return Ok(None) };
        let fits = |kept: &&Kept| kept.info.field == field && kept.adapter.dim() == vector.len();
        match self.kept.get(&version).filter(fits) {
            Some(kept) => {
                // At unit length, as it was trained; then as long as it was.
                let length =
                    vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32;
                let adapted = kept.adapter.apply(&normalize(vector));
                vector.iter_mut().zip(adapted).for_each(|(to, x)| *to = x * length);
                Ok(Some(version))
            }
            None if named => {
                let known: Vec<&u32> = self.kept.keys().collect();
                let detail =
                    format!("no version {version} for field {field:?}; there are {known:?}");
                Err(Error::invalid("adapter", detail))
            }
            None => Ok(None),
        }
    }
}

/// The rows there are of feedback and adapters.
pub(super) struct Learning {
    path: Option<PathBuf>,
    store: Mutex<Option<Box<Collection>>>,
    pub(super) adapters: ArcSwap<Adapters>,
    /// Why there are no adapters, if they cannot be read: searches go on without them.
    fault: Mutex<Option<String>>,
}

impl Learning {
    /// What is kept beside a collection.
    pub(super) fn open(root: Option<&Path>, schema: &Schema) -> Self {
        let path = root.map(folder);
        let learning = Self {
            path,
            store: Mutex::new(None),
            adapters: ArcSwap::from_pointee(Adapters::default()),
            fault: Mutex::new(None),
        };
        learning.look(schema);
        learning
    }

    /// Reads the adapters anew; where they cannot be read there are none, and it is told.
    pub(super) fn look(&self, schema: &Schema) {
        let fault = self.reload(schema).err().map(|error| format!("what was learnt: {error}"));
        if fault.is_some() {
            self.adapters.store(Arc::new(Adapters::default()));
        }
        *self.fault.lock() = fault;
    }

    /// Why the adapters cannot be read, if they cannot.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().clone()
    }

    /// Reads the adapters anew.
    fn reload(&self, schema: &Schema) -> Result<()> {
        let adapters = match (&*self.store.lock(), &self.path) {
            (Some(store), _) => read_adapters(store, schema)?,
            (None, Some(path)) if disk::is_collection(path) => {
                read_adapters(&Collection::open_read_only(path)?, schema)?
            }
            _ => Adapters::default(),
        };
        self.adapters.store(Arc::new(adapters));
        Ok(())
    }

    /// The collection of it, if it is there, for writing.
    pub(super) fn kept(&self) -> Result<Option<MappedMutexGuard<'_, Collection>>> {
        let there =
            self.store.lock().is_some() || self.path.as_deref().is_some_and(disk::is_collection);
        there.then(|| self.store()).transpose()
    }

    /// The collection of it, for writing; made if it is not there.
    fn store(&self) -> Result<MappedMutexGuard<'_, Collection>> {
        let mut store = self.store.lock();
        if store.is_none() {
            let open = OpenOptions::new().background(false);
            *store = Some(Box::new(match &self.path {
                Some(path) if disk::is_collection(path) => Collection::open_with(path, open)?,
                Some(path) => Collection::create(path, Options::new().name(FOLDER).open(open))?,
                None => Collection::in_memory(Options::new().name(FOLDER))?,
            }));
        }
        MutexGuard::try_map(store, Option::as_deref_mut)
            .map_err(|_| Error::invalid(FOLDER, "the folder could not be opened"))
    }
}

fn of_kind(kind: &str) -> Result<Filter> {
    Ok(Filter::from_json(&json!({ KIND: kind }))?)
}

/// The JSON of all rows of a kind.
fn read_all<T: DeserializeOwned>(store: &Collection, kind: &str) -> Result<Vec<T>> {
    let (filter, mut all, mut after) = (of_kind(kind)?, Vec::new(), None);
    loop {
        let page = store.scroll(&filter, after.as_deref(), MAX_SCROLL_ROWS)?;
        for row in &page.documents {
            let json = row.payload.get(JSON).and_then(|json| json.as_str()).unwrap_or_default();
            let fault = |e| Error::invalid(format!("{FOLDER}, row {:?}", row.id), format!("{e}"));
            all.push(serde_json::from_str(json).map_err(fault)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

fn row(id: String, kind: &str, content: &impl Serialize) -> Result<Document> {
    let json = serde_json::to_string(content).map_err(|e| Error::invalid(kind, e.to_string()))?;
    Ok(Document::new(id).payload(KIND, kind).payload(JSON, json))
}

fn id_of(version: u32) -> String {
    format!("{ADAPTER}-{version:010}")
}

/// The adapters that fit the collection's vectors as they are now.
fn read_adapters(store: &Collection, schema: &Schema) -> Result<Adapters> {
    let fits = |kept: &Kept| {
        let field = schema.vectors.iter().find(|f| f.name == kept.info.field);
        field.is_some_and(|f| f.dim == kept.adapter.dim() && kept.info.model == model_of(schema, f))
            && kept.adapter.is_sound()
    };
    let kept = read_all::<Kept>(store, ADAPTER)?;
    let kept: BTreeMap<u32, Kept> =
        kept.into_iter().filter(fits).map(|kept| (kept.info.version, kept)).collect();
    let active = read_all::<u32>(store, ACTIVE)?.pop().filter(|version| kept.contains_key(version));
    Ok(Adapters { active, kept })
}

fn model_of(schema: &Schema, field: &VectorField) -> Option<String> {
    schema
        .embedder
        .as_ref()
        .filter(|record| record.field == field.name)
        .map(EmbedderRecord::identity)
}

impl Collection {
    /// Takes in what users found relevant. It is durable then.
    ///
    /// # Errors
    /// Names the first that is refused: without relevant ids, or without anything to make a vector of. Nothing is
    /// taken in then. When the handle cannot write.
    pub fn learn(&self, feedback: &[Feedback]) -> Result<LearnReceipt> {
        self.shared.writable()?;
        if feedback.is_empty() {
            return Err(Error::invalid("feedback", "there is none; nothing was taken in"));
        }
        let field = self.adapted_field()?;
        let model = model_of(self.schema(), field);
        let mut rows = BTreeMap::new();
        for (place, given) in feedback.iter().enumerate() {
            let fault = |detail: String| Error::invalid(format!("feedback[{place}]"), detail);
            self.check_feedback(field, given).map_err(fault)?;
            let kept = KeptFeedback { feedback: given.clone(), model: model.clone() };
            let json = serde_json::to_vec(&kept).map_err(|e| fault(e.to_string()))?;
            let id = format!("{FEEDBACK}-{:032x}", xxh3_128(&json));
            rows.insert(id.clone(), row(id, FEEDBACK, &kept)?);
        }
        let store = self.learning.store()?;
        let before = store.count(&of_kind(FEEDBACK)?)?;
        store.upsert(rows.into_values().collect())?;
        let total = store.count(&of_kind(FEEDBACK)?)?;
        let taken = total - before;
        Ok(LearnReceipt { taken, known: feedback.len() as u64 - taken, total })
    }

    fn check_feedback(
        &self,
        field: &VectorField,
        given: &Feedback,
    ) -> std::result::Result<(), String> {
        let by_model = self.schema().embedder.as_ref().is_some_and(|r| r.field == field.name);
        match (&given.vector, &given.text) {
            (Some(vector), _) => vector_fault(field, vector).map_or(Ok(()), Err)?,
            (None, Some(_)) if by_model => {}
            (None, Some(_)) => {
                return Err("the collection has no model; give \"vector\"".to_owned());
            }
            (None, None) => return Err("give \"text\" or \"vector\"".to_owned()),
        }
        if given.text.as_ref().is_some_and(|text| text.len() > MAX_QUERY_BYTES) {
            return Err(format!("the text is longer than {MAX_QUERY_BYTES} bytes"));
        }
        if given.relevant.is_empty() {
            return Err("\"relevant\" names no row".to_owned());
        }
        let ids = || given.relevant.iter().chain(&given.shown);
        if ids().count() > MAX_FEEDBACK_IDS || ids().any(|id| id.len() > MAX_ID_BYTES) {
            return Err(format!("more than {MAX_FEEDBACK_IDS} ids, or one too long"));
        }
        Ok(())
    }

    /// The field whose queries are adapted: the model's, or the first.
    fn adapted_field(&self) -> Result<&VectorField> {
        let schema = self.schema();
        let field = match &schema.embedder {
            Some(record) => schema.vectors.iter().find(|f| f.name == record.field),
            None => schema.vectors.first(),
        };
        match field {
            None => Err(Error::invalid(FOLDER, "the collection has no vectors to adapt")),
            Some(field) if field.metric == Metric::L2 => {
                let detail = "adapters turn queries, and under l2 their length counts as well";
                Err(Error::invalid(FOLDER, detail))
            }
            Some(field) => Ok(field),
        }
    }

    /// Trains an adapter on all feedback there is, and keeps it under a new version if it passes an examination by
    /// queries that had no part in its training. It is not active until [`activate_adapter`](Self::activate_adapter).
    ///
    /// # Errors
    /// Too little feedback, an option out of its range, no model where feedback is words, a handle that cannot write.
    pub fn train_adapter(&self, options: &AdapterOptions) -> Result<TrainReport> {
        self.shared.writable()?;
        let field = self.adapted_field()?;
        let (questions, left_out) = self.questions(field)?;
        let generation = self.shared.view()?;
        let source = self.source(&generation);
        let (validation, adapter) = execute::learn(&source, &field.name, &questions, options)?;
        if !adapter.is_sound() {
            return Err(Error::invalid("training", "its weights ran away; take a lower rate"));
        }
        if !validation.passed {
            return Ok(TrainReport { validation, left_out, version: None });
        }
        let version = {
            let store = self.learning.store()?;
            let version = read_all::<u32>(&store, LAST)?.pop().unwrap_or(0) + 1;
            let (field, model) = (field.name.clone(), model_of(self.schema(), field));
            let info = AdapterInfo { version, field, model, validation, active: false };
            let kept = row(id_of(version), ADAPTER, &Kept { info, adapter })?;
            store.upsert(vec![kept, row(LAST.to_owned(), LAST, &version)?])?;
            version
        };
        self.learning.reload(self.schema())?;
        Ok(TrainReport { validation, left_out, version: Some(version) })
    }

    /// Feedback by its queries, each with a vector; and how much could not be used.
    fn questions(&self, field: &VectorField) -> Result<(Vec<Question>, u64)> {
        let kept: Vec<KeptFeedback> = match self.learning.kept()? {
            Some(store) => read_all(&store, FEEDBACK)?,
            None => Vec::new(),
        };
        let own = model_of(self.schema(), field);
        // By the vector that is asked: one query in two parts of an examination would be known beforehand.
        let mut questions: BTreeMap<Vec<u32>, Question> = BTreeMap::new();
        let mut left_out = 0;
        for KeptFeedback { feedback, model } in kept {
            let Feedback { text, vector, relevant, shown } = feedback;
            let vector = match (vector.filter(|_| model == own), text) {
                (Some(vector), _) => Some(vector),
                (None, Some(text)) => self.embed_question(&text)?,
                (None, None) => None,
            };
            let Some(vector) = vector.filter(|vector| vector.len() == field.dim) else {
                left_out += 1;
                continue;
            };
            let vector = normalize(&vector);
            let bits = vector.iter().map(|x| x.to_bits()).collect();
            let question = questions.entry(bits).or_default();
            question.vector = vector;
            question.relevant.extend(relevant);
            let new: BTreeSet<String> = question.shown.iter().cloned().collect();
            question.shown.extend(shown.into_iter().filter(|id| !new.contains(id)));
        }
        Ok((questions.into_values().collect(), left_out))
    }

    fn embed_question(&self, text: &str) -> Result<Option<Vec<f32>>> {
        match &self.embedder {
            Some(model) => model.embed_query(text),
            None => Err(Error::Embedder(
                "feedback is words that have to be embedded; hand the model in".to_owned(),
            )),
        }
    }

    /// The adapters that fit the collection's vectors, by version.
    pub fn adapters(&self) -> Vec<AdapterInfo> {
        let adapters = self.learning.adapters.load();
        let info = |kept: &Kept| {
            let active = adapters.active == Some(kept.info.version);
            AdapterInfo { active, ..kept.info.clone() }
        };
        adapters.kept.values().map(info).collect()
    }

    /// Applies an adapter to all queries that name none, from the next search on; none with `None`.
    ///
    /// # Errors
    /// When there is no such version, or the handle cannot write.
    pub fn activate_adapter(&self, version: Option<u32>) -> Result<()> {
        self.shared.writable()?;
        // Where nothing was learnt nothing is made for a refusal.
        if let Some(store) = self.learning.kept()? {
            match version {
                Some(version) => {
                    known(&read_adapters(&store, self.schema())?, version)?;
                    store.upsert(vec![row(ACTIVE.to_owned(), ACTIVE, &version)?])?;
                }
                None => {
                    store.delete(&[ACTIVE])?;
                }
            }
        } else if let Some(version) = version {
            known(&Adapters::default(), version)?;
        }
        self.learning.reload(self.schema())
    }

    /// Deletes an adapter.
    ///
    /// # Errors
    /// When there is no such version, it is the active one, or the handle cannot write.
    pub fn delete_adapter(&self, version: u32) -> Result<()> {
        self.shared.writable()?;
        let Some(store) = self.learning.kept()? else {
            return known(&Adapters::default(), version);
        };
        // Those of earlier models go as well, which no search can name.
        if store.get(&id_of(version))?.is_none() {
            known(&read_adapters(&store, self.schema())?, version)?;
        }
        if read_all::<u32>(&store, ACTIVE)?.contains(&version) {
            let detail = format!("version {version} is active; activate another or none first");
            return Err(Error::invalid("adapter", detail));
        }
        store.delete(&[id_of(version)])?;
        drop(store);
        self.learning.reload(self.schema())
    }
}

/// Refuses a version that is not there.
fn known(adapters: &Adapters, version: u32) -> Result<()> {
    if adapters.kept.contains_key(&version) {
        return Ok(());
    }
    let known: Vec<&u32> = adapters.kept.keys().collect();
    Err(Error::invalid("adapter", format!("no version {version}; there are {known:?}")))
}
