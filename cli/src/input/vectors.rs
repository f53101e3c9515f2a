//! Vectors in an .npy file, and the ids of its rows in a text file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use npyz::half::f16;
use npyz::{DType, NpyFile, Order, TypeChar};

use crate::exit::{Failure, Outcome};

/// Vectors by id, all of one length.
pub(crate) struct Vectors {
    pub(crate) dim: usize,
    rows: Vec<f32>,
    places: HashMap<String, usize>,
}

impl Vectors {
    /// Reads both files; their row counts must agree and no id may be there twice.
    pub(crate) fn read(npy: &Path, ids: &Path) -> Outcome<Self> {
        let (rows, count, dim) = read_npy(npy)?;
        let name = ids.display();
        let text = std::fs::read_to_string(ids)
            .map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
        let mut places = HashMap::with_capacity(count);
        for (place, id) in text.lines().enumerate() {
            if let Some(first) = places.insert(id.to_owned(), place) {
                let (first, line) = (first + 1, place + 1);
                let detail = format!("{name} line {line}: id {id:?} is also line {first}");
                return Err(Failure::new(detail));
            }
        }
        if places.len() != count {
            let detail = format!(
                "{name} has {} ids, {} has {count} vectors; one id for each row is expected",
                places.len(),
                npy.display()
            );
            return Err(Failure::new(detail));
        }
        Ok(Self { dim, rows, places })
    }

    /// The vector of an id.
    pub(crate) fn get(&self, id: &str) -> Option<&[f32]> {
        let start = self.places.get(id)? * self.dim;
        self.rows.get(start..start + self.dim)
    }

    /// Ids that have a vector.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}

fn read_npy(path: &Path) -> Outcome<(Vec<f32>, usize, usize)> {
    let fail = |detail: String| Failure::new(format!("{}: {detail}", path.display()));
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let len = file.metadata().map_err(|e| fail(e.to_string()))?.len();
    let npy = NpyFile::new(BufReader::new(file)).map_err(|e| fail(e.to_string()))?;
    let &[count, dim] = npy.shape() else {
        return Err(fail(format!("its shape is {:?}; rows x components is expected", npy.shape())));
    };
    if npy.order() != Order::C {
        return Err(fail("it is in Fortran order; save it in C order".to_owned()));
    }
    let width = match npy.dtype() {
        DType::Plain(t) if t.type_char() == TypeChar::Float => t.size_field(),
        _ => 0,
    };
    // The header is only believed if the file is as long as it says.
    let bytes = count.checked_mul(dim).and_then(|n| n.checked_mul(width));
    if dim == 0 || width > 0 && bytes.is_none_or(|bytes| bytes > len) {
        return Err(fail(format!("{count} x {dim} numbers do not fit its {len} bytes")));
    }
    let rows: Vec<f32> = match width {
        4 => npy.into_vec::<f32>().map_err(|e| fail(e.to_string()))?,
        2 => {
            let halves = npy.into_vec::<f16>().map_err(|e| fail(e.to_string()))?;
            halves.into_iter().map(f16::to_f32).collect()
        }
        _ => {
            return Err(fail("its numbers are neither float32 nor float16".to_owned()));
        }
    };
    Ok((rows, count as usize, dim as usize))
}
