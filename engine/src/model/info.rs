//! Description of a model's folder: its kind, its sizes, and the licence that its files name.

use std::path::Path;

use lexivec_storage::Vfs;
use serde::Serialize;

use super::folder::Folder;
use super::open::{Kind, kind, open_embedder};
use super::rerank::Reranker;
use super::transformer::{CrossEncoder, Precision};
use crate::error::Result;

/// Most bytes of a model card or a licence file that is read; a longer file is not a card.
const MAX_CARD_BYTES: u64 = 1 << 20;
/// Most characters of a licence that are shown: its name, not its text.
const MAX_LICENCE_CHARS: usize = 100;

/// Description of the model in a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The name that collections record.
    pub name: String,
    /// Its kind.
    pub kind: ModelKind,
    /// Components of its vectors; `None` for a cross-encoder, which makes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Its precision; `None` for a static model, which has no choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<&'static str>,
    /// Hash of everything that decides its output, including the precision.
    pub hash: String,
    /// The licence as the model card's `license:` has it, or the first line of a file LICENSE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// Kinds of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelKind {
    /// A table of tokens' vectors.
    Static,
    /// A transformer that gives a text a vector.
    Transformer,
    /// A transformer that gives a query and a text a score.
    CrossEncoder,
}

impl ModelInfo {
    /// Opens the model of a folder and describes it.
    ///
    /// # Errors
    /// Those of [`open_embedder`] and [`CrossEncoder::open`].
    pub fn of(path: impl AsRef<Path>, precision: Option<Precision>) -> Result<Self> {
        let path = path.as_ref();
        let folder = Folder::open(path)?;
        let licence = licence(&folder)?;
        let chosen = Some(precision.unwrap_or_default().name());
        Ok(match kind(&folder)? {
            Kind::CrossEncoder => {
                let model = CrossEncoder::open(path, precision.unwrap_or_default())?;
                let (name, hash) = (model.name().to_owned(), model.hash().to_owned());
                let kind = ModelKind::CrossEncoder;
                Self { name, kind, dim: None, precision: chosen, hash, licence }
            }
            embeds => {
                let model = open_embedder(path, precision)?;
                let (kind, precision) = match embeds {
                    Kind::Static => (ModelKind::Static, None),
                    _ => (ModelKind::Transformer, chosen),
                };
                let (name, hash) = (model.name().to_owned(), model.hash().to_owned());
                Self { name, kind, dim: Some(model.dim()), precision, hash, licence }
            }
        })
    }
}

fn licence(folder: &Folder) -> Result<Option<String>> {
    if let Some(licence) = read(folder, "README.md")?.as_deref().and_then(of_card) {
        return Ok(Some(licence));
    }
    for name in ["LICENSE", "LICENSE.txt", "LICENSE.md"] {
        if let Some(text) = read(folder, name)? {
            return Ok(text.lines().find_map(shown));
        }
    }
    Ok(None)
}

/// The text of a file, if it is there and of a size to be read.
fn read(folder: &Folder, name: &str) -> Result<Option<String>> {
    if folder.size_of(name).is_none_or(|size| size > MAX_CARD_BYTES) {
        return Ok(None);
    }
    let bytes = folder.vfs.read(name, MAX_CARD_BYTES)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The `license:` between the two lines of dashes that a model card begins with.
fn of_card(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim_end);
    lines.next().filter(|line| *line == "---")?;
    let value = lines.take_while(|line| *line != "---").find_map(|l| l.strip_prefix("license:"))?;
    shown(value.trim().trim_matches(['"', '\'']))
}

/// A line without control characters; `None` if it is empty.
fn shown(line: &str) -> Option<String> {
    let plain = line.chars().filter(|c| !c.is_control()).take(MAX_LICENCE_CHARS);
    Some(plain.collect::<String>().trim().to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{of_card, shown};

    #[test]
    fn a_licence_is_read_from_the_front_of_a_card() {
        for (card, licence) in [
            ("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model", Some("apache-2.0")),
            ("---\r\nlicense: \"mit\"\r\n---\r\n", Some("mit")),
            ("---\ntags: [a]\n---\nlicense: mit\n", None),
            ("---\nlicense:\n---\n", None),
            ("license: mit\n", None),
            ("", None),
        ] {
            assert_eq!(of_card(card).as_deref(), licence, "{card:?}");
        }
        assert_eq!(shown("  MIT\u{1b}[2J License\t").as_deref(), Some("MIT[2J License"));
        assert_eq!(shown(&"a".repeat(1_000)).map(|line| line.len()), Some(100));
    }
}
