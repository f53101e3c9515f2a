//! Float vectors of one field, row-major in a section, and their inverse lengths under cosine.

use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::distance::{inverse_norm, prefetch, similarity};
use super::pages::Pages;
use crate::error::{Result, corrupt};
use crate::rows::RowSet;
use crate::schema::{Metric, VectorField};

/// Most rows from which the mean distance of rows is estimated.
const MIDDLE_ROWS: u32 = 10_000;

/// Vectors of one field while a segment is built: borrowed from documents, or from the mapped segments
/// that are merged.
pub(crate) struct VectorRows<'a> {
    pub(crate) dim: usize,
    pub(crate) metric: Metric,
    /// The vector of each row; empty where it has none.
    rows: Vec<&'a [f32]>,
    /// One over each row's length; empty unless the metric is cosine.
    pub(crate) inverse_norms: Vec<f32>,
    /// Rows that have a vector.
    pub(crate) present: RowSet,
}

impl<'a> VectorRows<'a> {
    /// Takes the given vectors; `None` is a row without one.
    pub(crate) fn new(
        field: &VectorField,
        rows: u32,
        vectors: impl Iterator<Item = Option<&'a [f32]>>,
    ) -> Self {
        let mut given = Vec::with_capacity(rows as usize);
        let mut present = RowSet::empty(rows);
        let cosine = field.metric == Metric::Cosine;
        let mut inverse_norms = Vec::with_capacity(if cosine { rows as usize } else { 0 });
        for (row, vector) in (0..rows).zip(vectors) {
            given.push(vector.unwrap_or_default());
            if vector.is_some() {
                present.insert(row);
            }
            if cosine {
                inverse_norms.push(vector.map_or(0.0, inverse_norm));
            }
        }
        Self { dim: field.dim, metric: field.metric, rows: given, inverse_norms, present }
    }

    /// The vector of a row; empty if it has none.
    pub(crate) fn row(&self, row: u32) -> &'a [f32] {
        self.rows.get(row as usize).copied().unwrap_or_default()
    }

    /// One over the length of a row's vector under cosine; 1 under other metrics.
    pub(crate) fn inverse_norm(&self, row: u32) -> f32 {
        self.inverse_norms.get(row as usize).copied().unwrap_or(1.0)
    }
}

/// Writes the sections `vector/<field>/{rows,norms,present}`.
pub(crate) fn write_vectors(
    out: &mut SegmentWriter,
    name: &str,
    rows: &VectorRows<'_>,
) -> Result<()> {
    out.begin(&format!("vector/{name}/rows"))?;
    let absent = vec![0f32; rows.dim];
    for row in &rows.rows {
        let row = if row.is_empty() { absent.as_slice() } else { row };
        out.write(bytemuck::cast_slice(row))?;
    }
    out.end()?;
    if rows.metric == Metric::Cosine {
        out.section(&format!("vector/{name}/norms"), bytemuck::cast_slice(&rows.inverse_norms))?;
    }
    out.section(&format!("vector/{name}/present"), &rows.present.to_bytes())?;
    Ok(())
}

/// Vectors of one field of an open segment.
pub(crate) struct VectorStore {
    pub(crate) name: String,
    rows: Section,
    norms: Option<Section>,
    file: String,
    pub(crate) present: RowSet,
    pub(crate) dim: usize,
    pub(crate) metric: Metric,
}

impl VectorStore {
    pub(crate) fn open(
        reader: &SegmentReader,
        file: &str,
        field: &VectorField,
        rows: u32,
    ) -> Result<Self> {
        let section = |part: &str| reader.section(&format!("vector/{}/{part}", field.name));
        let floats = section("rows")?;
        let expected = (rows as usize).checked_mul(field.dim).and_then(|n| n.checked_mul(4));
        if Some(floats.len()) != expected {
            return Err(corrupt(file, floats.name(), "its length is not rows x dimension x 4"));
        }
        let norms = match field.metric {
            Metric::Cosine => {
                let norms = section("norms")?;
                if norms.len() != rows as usize * 4 {
                    return Err(corrupt(file, norms.name(), "its length is not rows x 4"));
                }
                Some(norms)
            }
            _ => None,
        };
        let present = section("present")?;
        let present = RowSet::from_bytes(rows, present.all()?)
            .ok_or_else(|| corrupt(file, present.name(), "not a row set of this segment"))?;
        Ok(Self {
            name: field.name.clone(),
            rows: floats,
            norms,
            file: file.to_owned(),
            present,
            dim: field.dim,
            metric: field.metric,
        })
    }

    /// The stored vector of a row, exactly as it was given.
    #[inline]
    pub(crate) fn vector(&self, row: u32) -> Result<&[f32]> {
        let width = self.dim * 4;
        let start = row as usize * width;
        let bytes = self.rows.get(start..start + width)?;
        bytemuck::try_cast_slice(bytes)
            .map_err(|_| corrupt(&self.file, self.rows.name(), "not aligned to floats"))
    }

    /// Similarity of two rows at their mean distance, estimated from some rows.
    pub(crate) fn middle(&self) -> Result<f32> {
        let mut mean = vec![0f64; self.dim];
        let (mut squares, mut count) = (0f64, 0f64);
        let step = (self.present.count() / MIDDLE_ROWS).max(1) as usize;
        for row in self.present.iter().step_by(step) {
            let norm = f64::from(self.inverse_norm(row)?);
            for (mean, &x) in mean.iter_mut().zip(self.vector(row)?) {
                let x = f64::from(x) * norm;
                *mean += x;
                squares += x * x;
            }
            count += 1.0;
        }
        let count = count.max(1.0);
        let of_mean: f64 = mean.iter().map(|sum| (sum / count).powi(2)).sum();
        Ok(match self.metric {
            Metric::L2 => -2.0 * (squares / count - of_mean),
            Metric::Cosine | Metric::Dot => of_mean,
        } as f32)
    }

    /// Counts the pages that a comparison with a row reads.
    pub(crate) fn touch(&self, row: u32, pages: &mut Pages) {
        let part = |width: usize| row as usize * width..(row as usize + 1) * width;
        pages.touch(&self.rows, part(self.dim * 4));
        if let Some(norms) = &self.norms {
            pages.touch(norms, part(4));
        }
    }

    /// Checks the stored inverse norms against the vectors.
    pub(crate) fn check_norms(&self) -> Result<()> {
        for row in self.present.iter() {
            let expected = inverse_norm(self.vector(row)?);
            if self.metric == Metric::Cosine
                && self.inverse_norm(row)?.to_bits() != expected.to_bits()
            {
                let detail = format!("the norm of row {row} is not that of its vector");
                return Err(corrupt(&self.file, self.rows.name(), detail));
            }
        }
        Ok(())
    }

    /// One over the length of a row's vector under cosine; 1 under other metrics.
    #[inline]
    pub(crate) fn inverse_norm(&self, row: u32) -> Result<f32> {
        let Some(norms) = &self.norms else {
            return Ok(1.0);
        };
        let start = row as usize * 4;
        let bytes = norms.get(start..start + 4)?;
        Ok(bytes.first_chunk::<4>().map_or(0.0, |b| f32::from_le_bytes(*b)))
    }

    /// A query prepared for comparison with many rows.
    pub(crate) fn query<'a>(&'a self, vector: &'a [f32]) -> Query<'a> {
        Query { store: self, vector, inverse_norm: inverse_norm(vector) }
    }
}

/// A query against the rows of one store.
pub(crate) struct Query<'a> {
    store: &'a VectorStore,
    vector: &'a [f32],
    inverse_norm: f32,
}

impl Query<'_> {
    /// The query as it was given.
    pub(crate) fn vector(&self) -> &[f32] {
        self.vector
    }

    /// One over the length of the query.
    pub(crate) fn inverse_norm(&self) -> f32 {
        self.inverse_norm
    }

    /// Counts the pages that a comparison with a row reads.
    pub(crate) fn touch(&self, row: u32, pages: &mut Pages) {
        self.store.touch(row, pages);
    }

    /// Asks the disk for a row that is read soon, without waiting.
    pub(crate) fn ask(&self, row: u32) {
        let part = |width: usize| row as usize * width..(row as usize + 1) * width;
        self.store.rows.ask(part(self.store.dim * 4));
        if let Some(norms) = &self.store.norms {
            norms.ask(part(4));
        }
    }

    /// Reads up to `most` of the next rows of the query's store, and prefetches them.
    pub(crate) fn take<'a>(
        &'a self,
        rows: &mut impl Iterator<Item = u32>,
        most: usize,
        out: &mut Vec<Stored<'a>>,
    ) -> Result<()> {
        out.clear();
        for row in rows.take(most) {
            let stored = self.stored(row)?;
            prefetch(bytemuck::cast_slice(stored.vector));
            out.push(stored);
        }
        Ok(())
    }

    /// A row of the query's store.
    #[inline]
    pub(crate) fn stored(&self, row: u32) -> Result<Stored<'_>> {
        Ok(Stored { row, vector: self.store.vector(row)?, norm: self.store.inverse_norm(row)? })
    }

    /// Exact similarity of a row to the query.
    #[inline]
    pub(crate) fn similarity(&self, stored: &Stored<'_>) -> f32 {
        let norms = self.inverse_norm * stored.norm;
        similarity(self.store.metric, self.vector, stored.vector, norms)
    }
}

/// A row's stored vector and its inverse norm.
pub(crate) struct Stored<'a> {
    pub(crate) row: u32,
    vector: &'a [f32],
    norm: f32,
}
