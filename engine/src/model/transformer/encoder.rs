//! The encoder: tokens of some texts in, a vector for each token out (Devlin and others, "BERT: Pre-training of
//! deep bidirectional transformers for language understanding", 2019).

use std::ops::Range;

use lexivec_storage::Bytes;
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_vecmath::{ApproxGelu, Gelu, Normalize, NormalizeOptions, Softmax};

use super::config::{Activation, Config};
use super::linear::{Linear, Precision, Scratch, columns, product};
use super::weights::{Kind, Tensors};
use crate::error::{Error, Result};

/// The tokens of one text, or of a pair of texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    /// Token types: for a pair, the text (0 or 1) of each token.
    pub(super) types: Vec<u32>,
}

/// The layers of a model.
pub(super) struct Encoder {
    words: Words,
    positions: Vec<f32>,
    first_position: usize,
    types: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    activation: Activation,
    pub(super) width: usize,
    heads: usize,
}

/// The word table in the mapped file: in most models it is half of the file, of which a text reads a
/// few rows.
struct Words {
    file: Bytes,
    start: usize,
    kind: Kind,
    count: usize,
}

struct Layer {
    /// Queries, keys and values in one matrix.
    attention: Linear,
    out: Linear,
    out_norm: Norm,
    up: Linear,
    down: Linear,
    down_norm: Norm,
}

struct Norm {
    scale: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

/// Scratch memory of a pass.
#[derive(Default)]
struct Work {
    scratch: Scratch,
    attention: Vec<f32>,
    scores: Vec<f32>,
    head: Vec<f32>,
    context: Vec<f32>,
    between: Vec<f32>,
    added: Vec<f32>,
}

impl Encoder {
    /// Builds the layers from a file's tensors; `file` holds its bytes.
    pub(super) fn new(
        config: &Config,
        tensors: &Tensors<'_>,
        file: &Bytes,
        precision: Precision,
    ) -> Result<Self> {
        let width = config.hidden_size;
        let epsilon = config.layer_norm_eps;
        let norm = |name: &str| -> Result<Norm> {
            Ok(Norm {
                scale: tensors.encoder(&format!("{name}.weight"), &[width])?,
                bias: tensors.encoder(&format!("{name}.bias"), &[width])?,
                epsilon,
            })
        };
        // Joins the weights of several layers with the same input to one layer.
        let linear = |names: &[String], inputs: usize, outputs: usize| -> Result<Linear> {
            let (mut weights, mut bias) = (Vec::new(), Vec::new());
            for name in names {
                let shape = [outputs, inputs];
                weights.extend(tensors.encoder(&format!("{name}.weight"), &shape)?);
                bias.extend(tensors.encoder(&format!("{name}.bias"), &[outputs])?);
            }
            Linear::new(&weights, bias, inputs, precision)
        };
        let layer = |number: usize| -> Result<Layer> {
            let at = |name: &str| format!("encoder.layer.{number}.{name}");
            let attention = ["query", "key", "value"].map(|n| at(&format!("attention.self.{n}")));
            let inner = config.intermediate_size;
            Ok(Layer {
                attention: linear(&attention, width, width)?,
                out: linear(&[at("attention.output.dense")], width, width)?,
                out_norm: norm(&at("attention.output.LayerNorm"))?,
                up: linear(&[at("intermediate.dense")], width, inner)?,
                down: linear(&[at("output.dense")], inner, width)?,
                down_norm: norm(&at("output.LayerNorm"))?,
            })
        };
        let (kind, start) = tensors.words(file, &[config.vocab_size, width])?;
        let words = Words { file: file.clone(), start, kind, count: config.vocab_size };
        let table = |name: &str, rows: usize| {
            tensors.encoder(&format!("embeddings.{name}_embeddings.weight"), &[rows, width])
        };
        let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?;
        Ok(Self {
            words,
            positions: table("position", config.max_position_embeddings)?,
            first_position: config.first_position(),
            types: table("token_type", config.type_vocab_size)?,
            norm: norm("embeddings.LayerNorm")?,
            layers,
            activation: config.hidden_act,
            width,
            heads: config.num_attention_heads,
        })
    }

    /// Switches the word table to another map of the same file, so that the pages read to build the
    /// layers are released.
    pub(super) fn read_words_from(&mut self, file: Bytes) {
        self.words.file = file;
    }

    /// The vectors of all tokens, text by text. No text is padded to the length of another.
    pub(super) fn hidden(&self, texts: &[Tokens]) -> Result<Vec<f32>> {
        let mut hidden = self.embedded(texts)?;
        let mut spans: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        for text in texts {
            let start = spans.last().map_or(0, |span| span.end);
            spans.push(start..start + text.ids.len());
        }
        let mut work = Work::default();
        for layer in &self.layers {
            self.attend(layer, &spans, &mut hidden, &mut work)?;
            self.feed(layer, &mut hidden, &mut work)?;
        }
        Ok(hidden)
    }

    /// The input vectors of tokens: the sum of word, position and type embeddings, normalized.
    fn embedded(&self, texts: &[Tokens]) -> Result<Vec<f32>> {
        let tokens = texts.iter().map(|text| text.ids.len()).sum::<usize>();
        let mut hidden = Vec::with_capacity(tokens * self.width);
        let row = |table: &[f32], number: usize, what: &str| -> Result<Range<usize>> {
            let range = number * self.width..(number + 1) * self.width;
            match range.end <= table.len() {
                true => Ok(range),
                false => Err(Error::Embedder(format!(
                    "{what} {number} is beyond the model's table; tokenizer.json and model.safetensors do not belong together"
                ))),
            }
        };
        for text in texts {
            for (index, (&id, &of)) in text.ids.iter().zip(&text.types).enumerate() {
                let position = row(&self.positions, self.first_position + index, "position")?;
                let kind = row(&self.types, of as usize, "token type")?;
                let added = self.positions[position].iter().zip(&self.types[kind]);
                let words = self.words.row(id, self.width)?;
                hidden.extend(words.iter().zip(added).map(|(w, (p, t))| w + p + t));
            }
        }
        self.norm.apply(&mut hidden, &[]);
        Ok(hidden)
    }

    /// The attention layer: each token attends to all tokens of its text.
    fn attend(
        &self,
        layer: &Layer,
        spans: &[Range<usize>],
        hidden: &mut [f32],
        work: &mut Work,
    ) -> Result<()> {
        let Work { scratch, attention, scores, head, context, added, .. } = work;
        layer.attention.apply(hidden, scratch, attention)?;
        context.resize(hidden.len(), 0.0);
        let (stride, size) = (3 * self.width, self.width / self.heads);
        let scale = 1.0 / (size as f32).sqrt();
        for span in spans.iter().filter(|span| !span.is_empty()) {
            let count = span.len();
            for number in 0..self.heads {
                let part = |of: usize| {
                    let start = span.start * stride + of * self.width + number * size;
                    columns(attention.get(start..).unwrap_or_default(), count, size, stride)
                };
                scores.resize(count * count, 0.0);
                product(scale, part(0)?, part(1)?.transposed(), scores)?;
                for row in scores.chunks_mut(count) {
                    Softmax::new_mut(row).dispatch();
                }
                head.resize(count * size, 0.0);
                let scores = columns(scores, count, count, count)?;
                product(1.0, scores, part(2)?, head)?;
                let rows = context.chunks_mut(self.width).skip(span.start);
                for (row, head) in rows.zip(head.chunks(size)) {
                    if let Some(part) = row.get_mut(number * size..(number + 1) * size) {
                        part.copy_from_slice(head);
                    }
                }
            }
        }
        layer.out.apply(context, scratch, added)?;
        layer.out_norm.apply(hidden, added);
        Ok(())
    }

    /// The feed-forward part of a layer, applied to each token.
    fn feed(&self, layer: &Layer, hidden: &mut [f32], work: &mut Work) -> Result<()> {
        let Work { scratch, between, added, .. } = work;
        layer.up.apply(hidden, scratch, between)?;
        match self.activation {
            Activation::Gelu => Gelu {}.map_mut(between),
            Activation::GeluNew => ApproxGelu {}.map_mut(between),
            Activation::Relu => between.iter_mut().for_each(|x| *x = x.max(0.0)),
        }
        layer.down.apply(between, scratch, added)?;
        layer.down_norm.apply(hidden, added);
        Ok(())
    }
}

impl Words {
    fn row(&self, id: u32, width: usize) -> Result<Vec<f32>> {
        let bytes = width * self.kind.width();
        let start = self.start + id as usize * bytes;
        let row = self.file.get(start..start + bytes).filter(|_| (id as usize) < self.count);
        let row =
            row.ok_or_else(|| Error::Embedder(format!("token {id} is beyond the model's table; tokenizer.json and model.safetensors do not belong together")))?;
        Ok(self.kind.floats(row))
    }
}

impl Norm {
    /// Adds the residual `added`, if any, to rows and normalizes each to a mean of 0 and a variance of
    /// 1, then applies scale and bias.
    fn apply(&self, rows: &mut [f32], added: &[f32]) {
        let width = self.scale.len().max(1);
        rows.iter_mut().zip(added).for_each(|(x, y)| *x += y);
        for row in rows.chunks_mut(width) {
            let count = row.len() as f32;
            let mean = row.iter().sum::<f32>() / count;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.epsilon).sqrt(),
                element_scale: Some(&self.scale),
                element_bias: Some(&self.bias),
                bias: 0.0,
            };
            Normalize::new_mut(row, options).dispatch();
        }
    }
}
