//! Relevance feedback, and the query adapters trained on it.
//!
//! Both are rows of a separate collection in the folder `learning` of the directory, so they are
//! durable, checked and repaired like any rows. A collection without a directory has it in memory.

mod train;

use std::collections::{BTreeMap, BTreeSet};

use lexivec_query::ids;
use lexivec_query::limits::MAX_GIVEN_QUERY_BYTES;
use lexivec_query::request::beginning;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

pub use train::{AdapterOptions, MIN_GAIN, MIN_QUERIES, MIN_TRIPLETS};
use train::{Question, validate_and_train};

use crate::collection::{Collection, LEARNING, of_kind, read_all, record};
use crate::error::{Error, Result};
use crate::fields::check_vector;
use crate::limits::{MAX_FEEDBACK_IDS, MAX_ID_BYTES};
use crate::model::adapters::AdapterValidation;
use crate::schema::{Metric, VectorField};
use crate::vector::distance::normalize;

/// Kind of the records that hold feedback.
const FEEDBACK: &str = "feedback";

/// A query and its relevant rows among the rows shown for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The words of the query; of a longer text the part that a search uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The query's vector; the embedding of the words if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Ids of the relevant rows.
    #[serde(deserialize_with = "ids::list")]
    pub relevant: Vec<String>,
    /// Ids of all shown rows, best first.
    #[serde(default, deserialize_with = "ids::list", skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
}

/// Receipt for feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FeedbackReceipt {
    /// Feedback that was stored.
    pub taken: u64,
    /// Feedback that was stored before, word for word; it counts once.
    pub known: u64,
    /// All stored feedback.
    pub total: u64,
}

/// Result of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TrainReport {
    /// The validation on held-out queries.
    #[serde(flatten)]
    pub validation: AdapterValidation,
    /// Number of feedback entries that could not be used: the vector is another model's and there are
    /// no words, or the model has no embedding for the words.
    pub left_out: u64,
    /// The stored version; `None` if the adapter did not pass the validation.
    pub version: Option<u32>,
}

/// The stored form of feedback.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptFeedback {
    feedback: Feedback,
    /// The model whose vectors the query's vector is compared with.
    model: Option<String>,
}

impl Collection {
    /// Stores relevance feedback durably.
    ///
    /// # Errors
    /// Names the first refused entry: one without relevant ids, or without words or a vector; then none
    /// is stored. Also when the handle cannot write.
    pub fn add_feedback(&self, feedback: &[Feedback]) -> Result<FeedbackReceipt> {
        self.check_writable()?;
        if feedback.is_empty() {
            return Err(Error::invalid("feedback", "there is no entry; nothing was stored"));
        }
        let field = self.adapted_field()?;
        let model = self.schema().model_of(&field.name);
        let mut rows = BTreeMap::new();
        for (index, given) in feedback.iter().enumerate() {
            let fault = |detail: String| Error::invalid(format!("feedback[{index}]"), detail);
            self.check_feedback(field, given).map_err(fault)?;
            let mut feedback = given.clone();
            // As a search does it.
            feedback.text = feedback.text.map(|text| beginning(&text).to_owned());
            let kept = KeptFeedback { feedback, model: model.clone() };
            let json = serde_json::to_vec(&kept).map_err(|e| fault(e.to_string()))?;
            let id = format!("{FEEDBACK}-{:032x}", xxh3_128(&json));
            rows.insert(id.clone(), record(id, FEEDBACK, &kept)?);
        }
        let store = self.sibling_store(LEARNING)?;
        let before = store.count(&of_kind(FEEDBACK)?)?;
        store.upsert(rows.into_values())?;
        let total = store.count(&of_kind(FEEDBACK)?)?;
        let taken = total - before;
        Ok(FeedbackReceipt { taken, known: feedback.len() as u64 - taken, total })
    }

    fn check_feedback(
        &self,
        field: &VectorField,
        given: &Feedback,
    ) -> std::result::Result<(), String> {
        let by_model = self.schema().embedder.as_ref().is_some_and(|r| r.field == field.name);
        match (&given.vector, &given.text) {
            (Some(vector), _) => check_vector(field, vector).map_err(|fault| fault.to_string())?,
            (None, Some(_)) if by_model => {}
            (None, Some(_)) => {
                return Err("the collection has no model; give \"vector\"".to_owned());
            }
            (None, None) => return Err("give \"text\" or \"vector\"".to_owned()),
        }
        if given.text.as_ref().is_some_and(|text| text.len() > MAX_GIVEN_QUERY_BYTES) {
            return Err(format!("the text is longer than {MAX_GIVEN_QUERY_BYTES} bytes"));
        }
        if given.relevant.is_empty() {
            return Err("\"relevant\" names no row".to_owned());
        }
        let ids = || given.relevant.iter().chain(&given.shown);
        if ids().count() > MAX_FEEDBACK_IDS || ids().any(|id| id.len() > MAX_ID_BYTES) {
            return Err(format!("more than {MAX_FEEDBACK_IDS} ids, or an id that is too long"));
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
            None => Err(Error::invalid(
                LEARNING,
                "the collection has no vector field whose queries could be adapted",
            )),
            Some(field) if field.metric == Metric::L2 => {
                let detail = "adapters change the direction of queries, and under the metric l2 their length counts as well";
                Err(Error::invalid(LEARNING, detail))
            }
            Some(field) => Ok(field),
        }
    }

    /// Trains an adapter on all stored feedback, and stores it under a new version if it passes a
    /// validation on held-out queries. It is not active until
    /// [`activate_adapter`](Self::activate_adapter).
    ///
    /// # Errors
    /// Too little feedback, an option out of its range, no model although feedback has words only, a
    /// handle that cannot write.
    pub fn train_adapter(&self, options: &AdapterOptions) -> Result<TrainReport> {
        self.check_writable()?;
        let field = self.adapted_field()?;
        let (questions, left_out) = self.questions(field)?;
        let (validation, adapter) =
            validate_and_train(&self.searcher()?, &field.name, &questions, options)?;
        if !adapter.is_sound() {
            return Err(Error::invalid(
                "training",
                "training diverged: its weights are not finite; lower the learning rate",
            ));
        }
        if !validation.passed {
            return Ok(TrainReport { validation, left_out, version: None });
        }
        let version = self.add_adapter(&field.name, validation, adapter)?;
        Ok(TrainReport { validation, left_out, version: Some(version) })
    }

    /// Feedback grouped by query, each with a vector; and the number of entries that could not be used.
    fn questions(&self, field: &VectorField) -> Result<(Vec<Question>, u64)> {
        let kept: Vec<KeptFeedback> = match self.existing_store(LEARNING)? {
            Some(store) => read_all(&store, FEEDBACK)?,
            None => Vec::new(),
        };
        let own = self.schema().model_of(&field.name);
        // Grouped by the query's vector: a query in two folds would be known from training.
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
        match self.embedder() {
            Some(model) => model.embed_query(text),
            None => Err(Error::Embedder(
                "feedback is words that have to be embedded; hand the model in".to_owned(),
            )),
        }
    }
}
