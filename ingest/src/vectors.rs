//! Vectors of an `.npy` file, and the ids of its rows in a text file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use npyz::half::f16;
use npyz::{DType, NpyFile, Order, TypeChar};

use lexivec::storage::reason;

use crate::error::{Error, Result};

/// Vectors by id, all of one dimension.
#[derive(Debug)]
#[non_exhaustive]
pub struct Vectors {
    /// Components of each vector.
    pub dim: usize,
    /// In the order of the rows.
    ids: Vec<String>,
    rows: Vec<f32>,
    rows_by_id: HashMap<String, usize>,
}

impl Vectors {
    /// Reads an `.npy` file of rows x components and a file with one id a line, in the order of the rows. Without a
    /// file of ids, the ids are the numbers of the rows, from 0.
    ///
    /// # Errors
    /// [`Error::Input`] if a file cannot be read, the numbers of rows and ids differ, or an id stands twice.
    pub fn read(npy: &Path, ids: Option<&Path>) -> Result<Self> {
        let (rows, dim) = read_vectors(npy)?;
        let count = rows.len() / dim;
        let Some(ids) = ids else {
            let ids: Vec<String> = (0..count).map(|row| row.to_string()).collect();
            let rows_by_id = ids.iter().cloned().zip(0..).collect();
            return Ok(Self { dim, ids, rows, rows_by_id });
        };
        let name = ids.display();
        let text = std::fs::read_to_string(ids)
            .map_err(|e| Error::input(format!("cannot read {name}: {}", reason(&e))))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut rows_by_id = HashMap::with_capacity(count);
        for (row, id) in text.lines().enumerate() {
            if let Some(first) = rows_by_id.insert(id.to_owned(), row) {
                let (first, line) = (first + 1, row + 1);
                let detail = format!("{name} line {line}: id {id:?} is also line {first}");
                return Err(Error::input(detail));
            }
        }
        if rows_by_id.len() != count {
            let detail = format!(
                "{name} has {} ids, {} has {count} vectors; one id for each row is expected",
                rows_by_id.len(),
                npy.display()
            );
            return Err(Error::input(detail));
        }
        let ids = text.lines().map(str::to_owned).collect();
        Ok(Self { dim, ids, rows, rows_by_id })
    }

    /// Returns the vector of an id; `None` if it has none.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&[f32]> {
        let start = self.rows_by_id.get(id)? * self.dim;
        self.rows.get(start..start + self.dim)
    }

    /// Returns the ids that have a vector, in the order of the rows.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

/// Reads an `.npy` file of float32 or float16, rows x components: all numbers, row by row, and the components of a row.
///
/// # Errors
/// [`Error::Input`] if the file has another type, shape or length.
pub fn read_vectors(path: &Path) -> Result<(Vec<f32>, usize)> {
    let (npy, dim, width) = open(path, TypeChar::Float)?;
    let rows = match width {
        4 => npy.into_vec::<f32>(),
        2 => npy.into_vec::<f16>().map(|halves| halves.into_iter().map(f16::to_f32).collect()),
        _ => return Err(fail(path, "its numbers are neither float32 nor float16")),
    };
    Ok((rows.map_err(|e| fail(path, e))?, dim))
}

/// Reads an `.npy` file of int32 or int64, rows x columns: all numbers, row by row, and the columns.
///
/// # Errors
/// [`Error::Input`] if the file has another type, shape or length.
pub fn read_numbers(path: &Path) -> Result<(Vec<i64>, usize)> {
    let (npy, each, width) = open(path, TypeChar::Int)?;
    let rows = match width {
        8 => npy.into_vec::<i64>(),
        4 => npy.into_vec::<i32>().map(|rows| rows.into_iter().map(i64::from).collect()),
        _ => return Err(fail(path, "its numbers are neither int32 nor int64")),
    };
    Ok((rows.map_err(|e| fail(path, e))?, each))
}

fn fail(path: &Path, detail: impl std::fmt::Display) -> Error {
    Error::input(format!("{}: {detail}", path.display()))
}

/// Opens an `.npy` file of two dimensions. Returns also the numbers of a row and the bytes of a number, which are 0 if
/// the numbers are not of this kind.
fn open(path: &Path, kind: TypeChar) -> Result<(NpyFile<BufReader<File>>, usize, usize)> {
    let file = File::open(path).map_err(|e| fail(path, reason(&e)))?;
    let len = file.metadata().map_err(|e| fail(path, reason(&e)))?.len();
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
    // A damaged header could promise more numbers than the file has bytes.
    let bytes = count.checked_mul(each).and_then(|n| n.checked_mul(width));
    if each == 0 || width > 0 && bytes.is_none_or(|bytes| bytes > len) {
        return Err(fail(path, format!("{count} x {each} numbers do not fit its {len} bytes")));
    }
    Ok((npy, each as usize, width as usize))
}
