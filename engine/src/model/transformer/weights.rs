//! The tensors of a model's file, as floats.

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::super::folder::Folder;
use crate::error::{Error, Result};

/// Name of the file with the tensors.
pub(super) const FILE: &str = "model.safetensors";
const WORDS: &str = "embeddings.word_embeddings.weight";

/// The tensors of a file, by name.
pub(super) struct Tensors<'a> {
    folder: &'a Folder,
    file: SafeTensors<'a>,
    /// Prefix of the names of the encoder's tensors.
    prefix: String,
}

impl<'a> Tensors<'a> {
    pub(super) fn read(folder: &'a Folder, bytes: &'a [u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|e| folder.fault(FILE, format!("not a safetensors file: {e}")))?;
        let names = file.names();
        let prefix = names.iter().find_map(|name| name.strip_suffix(WORDS));
        let Some(prefix) = prefix.map(str::to_owned) else {
            return Err(folder.fault(FILE, format!("there is no tensor …{WORDS}")));
        };
        Ok(Self { folder, file, prefix })
    }

    fn fault(&self, name: &str, detail: String) -> Error {
        self.folder.fault(FILE, format!("tensor {name:?}: {detail}"))
    }

    /// A tensor of the encoder, row by row.
    pub(super) fn encoder(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.floats(&format!("{}{name}", self.prefix), shape)
    }

    /// True if there is such a tensor.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file.tensor(name).is_ok()
    }

    /// Rows of a tensor of two dimensions.
    pub(super) fn rows(&self, name: &str) -> Option<usize> {
        self.file.tensor(name).ok()?.shape().first().copied()
    }

    /// A tensor by its full name, row by row.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (kind, bytes) = self.tensor(name, shape)?;
        Ok(kind.floats(bytes))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<(Kind, &[u8])> {
        let tensor = self.file.tensor(name).map_err(|e| self.fault(name, e.to_string()))?;
        if tensor.shape() != shape {
            let found = tensor.shape();
            return Err(self.fault(name, format!("its shape is {found:?}, not {shape:?}")));
        }
        let kind = Kind::of(tensor.dtype())
            .ok_or_else(|| self.fault(name, format!("{:?} are no floats", tensor.dtype())))?;
        Ok((kind, tensor.data()))
    }

    /// Number format and offset of the word table in the file.
    pub(super) fn words(&self, whole: &[u8], shape: &[usize]) -> Result<(Kind, usize)> {
        let (kind, bytes) = self.tensor(&format!("{}{WORDS}", self.prefix), shape)?;
        // The tensor is a slice of the file's bytes.
        Ok((kind, bytes.as_ptr() as usize - whole.as_ptr() as usize))
    }
}

/// Number format of a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bf16,
    F16,
    F32,
}

impl Kind {
    fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::BF16 => Some(Self::Bf16),
            Dtype::F16 => Some(Self::F16),
            Dtype::F32 => Some(Self::F32),
            _ => None,
        }
    }

    /// Bytes of a number.
    pub(super) fn width(self) -> usize {
        if matches!(self, Self::F32) { 4 } else { 2 }
    }

    /// Numbers as floats.
    pub(super) fn floats(self, bytes: &[u8]) -> Vec<f32> {
        let halves = || bytes.as_chunks::<2>().0.iter();
        match self {
            Self::Bf16 => halves().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            Self::F16 => halves().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Self::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        }
    }
}
