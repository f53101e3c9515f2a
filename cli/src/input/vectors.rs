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
    /// In the order of the rows.
    ids: Vec<String>,
    rows: Vec<f32>,
    places: HashMap<String, usize>,
}

impl Vectors {
    /// Reads both files; their row counts must agree and no id may be there twice. Without a file of
    /// ids they are the numbers of the rows.
    pub(crate) fn read(npy: &Path, ids: Option<&Path>) -> Outcome<Self> {
        let (rows, dim) = read_vectors(npy)?;
        let count = rows.len() / dim;
        let Some(ids) = ids else {
            let ids: Vec<String> = (0..count).map(|row| row.to_string()).collect();
            let places = ids.iter().cloned().zip(0..).collect();
            return Ok(Self { dim, ids, rows, places });
        };
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
        let ids = text.lines().map(str::to_owned).collect();
        Ok(Self { dim, ids, rows, places })
    }

    /// The vector of an id.
    pub(crate) fn get(&self, id: &str) -> Option<&[f32]> {
        let start = self.places.get(id)? * self.dim;
        self.rows.get(start..start + self.dim)
    }

    /// Ids that have a vector.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

/// Reads an .npy file of floats: all of them, and how many a row has.
pub(crate) fn read_vectors(path: &Path) -> Outcome<(Vec<f32>, usize)> {
    let (npy, dim, width) = open(path, TypeChar::Float)?;
    let rows = match width {
        4 => npy.into_vec::<f32>(),
        2 => npy.into_vec::<f16>().map(|halves| halves.into_iter().map(f16::to_f32).collect()),
        _ => return Err(fail(path, "its numbers are neither float32 nor float16")),
    };
    Ok((rows.map_err(|e| fail(path, e))?, dim))
}

/// Reads an .npy file of integers: all of them, and how many a row has.
pub(crate) fn read_numbers(path: &Path) -> Outcome<(Vec<i64>, usize)> {
    let (npy, each, width) = open(path, TypeChar::Int)?;
    let rows = match width {
        8 => npy.into_vec::<i64>(),
        4 => npy.into_vec::<i32>().map(|rows| rows.into_iter().map(i64::from).collect()),
        _ => return Err(fail(path, "its numbers are neither int32 nor int64")),
    };
    Ok((rows.map_err(|e| fail(path, e))?, each))
}

fn fail(path: &Path, detail: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {detail}", path.display()))
}

/// Opens an .npy file of two dimensions: numbers of a row, and bytes of a number, 0 if they are of
/// another kind.
fn open(path: &Path, kind: TypeChar) -> Outcome<(NpyFile<BufReader<File>>, usize, usize)> {
    let file = File::open(path).map_err(|e| fail(path, e))?;
    let len = file.metadata().map_err(|e| fail(path, e))?.len();
    let npy = NpyFile::new(BufReader::new(file)).map_err(|e| fail(path, e))?;
    let &[count, each] = npy.shape() else {
        let detail = format!("its shape is {:?}; rows x components is expected", npy.shape());
        return Err(fail(path, detail));
    };
    if npy.order() != Order::C {
        return Err(fail(path, "it is in Fortran order; save it in C order"));
    }
    let width = match npy.dtype() {
        DType::Plain(t) if t.type_char() == kind => t.size_field(),
        _ => 0,
    };
    // The header is only believed if the file is as long as it says.
    let bytes = count.checked_mul(each).and_then(|n| n.checked_mul(width));
    if each == 0 || width > 0 && bytes.is_none_or(|bytes| bytes > len) {
        return Err(fail(path, format!("{count} x {each} numbers do not fit its {len} bytes")));
    }
    Ok((npy, each as usize, width as usize))
}
