//! Configuration from a model's files: its sizes, its pooling, its prefixes.

use std::collections::BTreeMap;

use lexivec_storage::Vfs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::folder::Folder;
use crate::error::{Error, Result};

/// Most bytes of a configuration file.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Most layers, heads and components of a model: far above those of the largest BERT.
const MAX_SIZE: usize = 8_192;

/// The members of `config.json` that matter.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Config {
    model_type: String,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) vocab_size: usize,
    pub(super) max_position_embeddings: usize,
    #[serde(default = "two")]
    pub(super) type_vocab_size: usize,
    #[serde(default = "epsilon")]
    pub(super) layer_norm_eps: f32,
    pub(super) hidden_act: Activation,
    #[serde(default)]
    pad_token_id: usize,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    id2label: BTreeMap<String, String>,
}

/// The architecture that `config.json` names.
#[derive(Deserialize)]
pub(in crate::model) struct Architecture {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
}

impl Architecture {
    /// Reads it; `None` if the folder has no `config.json` that names a `model_type`.
    pub(in crate::model) fn read(folder: &Folder) -> Result<Option<Self>> {
        Ok(optional::<Self>(folder, "config.json")?.filter(|found| found.model_type.is_some()))
    }

    /// True for a model that returns scores and no vectors.
    pub(in crate::model) fn scores(&self) -> bool {
        self.architectures.iter().any(|name| name.ends_with("ForSequenceClassification"))
    }
}

fn two() -> usize {
    2
}

fn epsilon() -> f32 {
    1e-12
}

/// Activation between the two layers of a feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    /// GELU by the error function.
    Gelu,
    /// GELU approximated by the hyperbolic tangent.
    #[serde(alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluNew,
    Relu,
}

/// Pooling of token vectors to the vector of their text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pooling {
    /// The mean of all token vectors.
    Mean,
    /// The vector of the first token.
    First,
}

/// Steps before and after the encoder.
#[derive(Debug, Serialize)]
pub(super) struct Setup {
    pub(super) pooling: Pooling,
    /// True if vectors are normalized to unit length.
    pub(super) normalize: bool,
    /// Most tokens of a text, including special ones.
    pub(super) max_tokens: usize,
    pub(super) lower_case: bool,
    pub(super) query_prefix: String,
    pub(super) passage_prefix: String,
}

impl Config {
    /// Reads `config.json`, and refuses unsupported architectures and impossible sizes.
    pub(super) fn read(folder: &Folder) -> Result<Self> {
        let config: Self = required(folder, "config.json")?;
        let bad = |detail: String| Err(folder.fault("config.json", detail));
        if !["bert", "roberta", "xlm-roberta", "camembert"].contains(&config.model_type.as_str()) {
            let kind = &config.model_type;
            return bad(format!("model type {kind:?}; bert, roberta and xlm-roberta are known"));
        }
        if config.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
            return bad("its positions are not absolute".to_owned());
        }
        let sizes = [
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.intermediate_size,
            config.type_vocab_size,
        ];
        let heads = config.num_attention_heads;
        if sizes.iter().any(|size| !(1..=MAX_SIZE).contains(size))
            || !config.hidden_size.is_multiple_of(heads.max(1))
            || config.positions() < 2
        {
            return bad("its sizes are impossible".to_owned());
        }
        if !(config.layer_norm_eps > 0.0 && config.layer_norm_eps < 1.0) {
            return bad("layer_norm_eps is no small number above 0".to_owned());
        }
        Ok(config)
    }

    /// Number of the first position.
    pub(super) fn first_position(&self) -> usize {
        // The other families count positions from the one after padding.
        if self.model_type == "bert" { 0 } else { self.pad_token_id.saturating_add(1) }
    }

    /// Positions that a text may have.
    fn positions(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    /// Number of a classifier's outputs, if the file names them.
    pub(super) fn labels(&self) -> Option<usize> {
        (!self.id2label.is_empty()).then_some(self.id2label.len())
    }

    pub(super) fn is_bert(&self) -> bool {
        self.model_type == "bert"
    }
}

/// A part of a pipeline of the `sentence-transformers` library.
#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Pooling file: newer files have one name, older ones a flag for each mode.
#[derive(Default, Deserialize)]
struct PoolingFile {
    pooling_mode: Option<String>,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerFile {
    /// A huge number if the model has no limit.
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
struct LengthFile {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
struct PromptsFile {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
}

impl Setup {
    /// Reads `modules.json` and the files it names; without them the mean of all tokens is taken, at unit
    /// length.
    pub(super) fn read(folder: &Folder, config: &Config) -> Result<Self> {
        let mut setup = Self {
            pooling: Pooling::Mean,
            normalize: true,
            max_tokens: config.positions(),
            lower_case: false,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        if let Some(modules) = optional::<Vec<Module>>(folder, "modules.json")? {
            setup.normalize = false;
            for module in modules {
                match module.kind.rsplit('.').next().unwrap_or_default() {
                    "Transformer" => {}
                    "Normalize" => setup.normalize = true,
                    "Pooling" => setup.pooling = pooling(&folder.below(&module.path)?)?,
                    other => {
                        let detail = format!("module {other:?} is not known");
                        return Err(folder.fault("modules.json", detail));
                    }
                }
            }
        }
        let length: LengthFile = optional(folder, "sentence_bert_config.json")?.unwrap_or_default();
        let tokenizer: TokenizerFile =
            optional(folder, "tokenizer_config.json")?.unwrap_or_default();
        let most = tokenizer.model_max_length.map_or(usize::MAX, |most| most as usize);
        let most = length.max_seq_length.unwrap_or(most);
        setup.max_tokens = setup.max_tokens.min(most);
        if setup.max_tokens < 4 {
            let detail = format!("{most} tokens leave no room for words");
            return Err(folder.fault("sentence_bert_config.json", detail));
        }
        setup.lower_case = length.do_lower_case;
        let name = "config_sentence_transformers.json";
        let PromptsFile { mut prompts } = optional(folder, name)?.unwrap_or_default();
        let mut prompt = |names: &[&str]| names.iter().find_map(|n| prompts.remove(*n));
        setup.query_prefix = prompt(&["query"]).unwrap_or_default();
        setup.passage_prefix = prompt(&["passage", "document", "corpus"]).unwrap_or_default();
        Ok(setup)
    }
}

fn pooling(folder: &Folder) -> Result<Pooling> {
    let file: PoolingFile = required(folder, "config.json")?;
    let flags = (file.pooling_mode_mean_tokens, file.pooling_mode_cls_token);
    match (file.pooling_mode.as_deref(), flags) {
        (Some("mean"), _) | (None, (true, false)) => Ok(Pooling::Mean),
        (Some("cls"), _) | (None, (false, true)) => Ok(Pooling::First),
        _ => {
            Err(folder.fault("config.json", "neither the mean of tokens nor the first".to_owned()))
        }
    }
}

fn required<T: DeserializeOwned>(folder: &Folder, name: &str) -> Result<T> {
    optional(folder, name)?
        .ok_or_else(|| Error::Embedder(format!("{}: there is no {name}", folder.vfs.describe())))
}

/// Reads a JSON file; `None` if there is no such file.
fn optional<T: DeserializeOwned>(folder: &Folder, name: &str) -> Result<Option<T>> {
    if folder.size_of(name).is_none() {
        return Ok(None);
    }
    let bytes = folder.vfs.read(name, MAX_CONFIG_BYTES)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|e| folder.fault(name, e.to_string()))
}
