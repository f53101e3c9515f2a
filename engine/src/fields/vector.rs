//! Vector fields: vectors, codes and graph of each.

mod graph;

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{SegmentEntry, SegmentWriter};

use graph::GraphBuilder;
pub(crate) use graph::{GraphSource, largest_graph};

use super::check::declared;
use super::record::{ROWS, decode_named, encode_named};
use super::{FieldKind, FieldReader, Merge, NewSegment, SegmentFields, SegmentSource};
use crate::document::Document;
use crate::error::{DocumentFault, Result, corrupt};
use crate::schema::{Metric, Schema, VectorField};
use crate::vector::hnsw::{BuiltGraph, Graph, RecallCurve, write_graph};
use crate::vector::{Codes, VectorRows, VectorStore, write_codes, write_vectors};

pub(super) struct VectorKind;

/// One vector field of a segment.
pub(crate) struct Vectors {
    pub(crate) store: VectorStore,
    /// `None` in small segments and in those of formats before codes.
    pub(crate) codes: Option<Codes>,
    pub(crate) graph: Option<Graph>,
    /// `None` without a graph and in segments of formats before curves.
    pub(crate) curve: Option<RecallCurve>,
}

pub(super) fn open(segment: &SegmentSource<'_>) -> Result<Vec<Vectors>> {
    let (reader, file, rows) = (segment.reader, segment.file(), segment.entry.rows);
    let open = |field: &VectorField| {
        Ok(Vectors {
            store: open_store(segment, field)?,
            codes: Codes::open(reader, file, field, rows)?,
            graph: Graph::open(reader, file, &field.name, rows)?,
            curve: None,
        })
    };
    let vectors = segment.schema.vectors.iter().map(open).collect::<Result<_>>()?;
    with_curves(vectors, segment.entry)
}

fn open_store(segment: &SegmentSource<'_>, field: &VectorField) -> Result<VectorStore> {
    VectorStore::open(segment.reader, segment.file(), field, segment.entry.rows)
}

/// Sets the recall curves of the vector fields from the manifest.
fn with_curves(mut vectors: Vec<Vectors>, entry: &SegmentEntry) -> Result<Vec<Vectors>> {
    let file = entry.file.name.as_str();
    let mut input = Decoder::new(file, &entry.curves);
    while input.remaining() > 0 {
        let name = input.bytes()?;
        let field = vectors.iter_mut().find(|v| v.store.name.as_bytes() == name);
        let name = String::from_utf8_lossy(name);
        let curve = RecallCurve::read(&mut input, file, &name)?;
        let Some(field) = field.filter(|v| v.curve.is_none() && v.graph.is_some()) else {
            let detail = "a recall curve of a field without a graph, or a second one of a field";
            return Err(corrupt(file, &name, detail));
        };
        field.curve = Some(curve);
    }
    Ok(vectors)
}

/// Measures the recall curves of a new segment's graphs; returns their bytes for the manifest.
pub(crate) fn measure_curves(vectors: &mut [Vectors], seed: u64) -> Result<Vec<u8>> {
    let mut out = Encoder::new();
    for field in vectors {
        if let (Some(codes), Some(graph)) = (&field.codes, &field.graph) {
            field.curve = RecallCurve::measure(&field.store, codes, graph, seed)?;
        }
        if let Some(curve) = &field.curve {
            out.bytes(field.store.name.as_bytes());
            curve.write(&mut out);
        }
    }
    Ok(out.into_bytes())
}

/// Checks a vector of a field.
pub(crate) fn check_vector(
    field: &VectorField,
    vector: &[f32],
) -> std::result::Result<(), DocumentFault> {
    let square = squared_length(&field.name, None, field.dim, vector)?;
    if field.metric != Metric::Cosine || !is_zero(square) {
        return Ok(());
    }
    let detail = "is zero, and a zero vector has no direction for the cosine metric; leave the vector out, or use \
                  dot or l2";
    Err(DocumentFault::Vector { field: field.name.clone(), token: None, detail: detail.to_owned() })
}

/// True if a vector with this squared length has no direction.
pub(super) fn is_zero(square: f64) -> bool {
    square < f64::from(f32::MIN_POSITIVE)
}

/// The squared length of a vector of a field, or its fault. `token` is its index in a list of token vectors.
pub(super) fn squared_length(
    field: &str,
    token: Option<usize>,
    expected: usize,
    vector: &[f32],
) -> std::result::Result<f64, DocumentFault> {
    let (field, found) = (field.to_owned(), vector.len());
    if found != expected {
        return Err(DocumentFault::Dimension { field, token, expected, found });
    }
    if let Some((at, x)) = vector.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        let detail = format!("has {x} at component {at}");
        return Err(DocumentFault::Vector { field, token, detail });
    }
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    // The squared distance of two vectors of this length is at most the largest float.
    if square > f64::from(f32::MAX) / 4.0 {
        let detail = "is too long: its squared length overflows".to_owned();
        return Err(DocumentFault::Vector { field, token, detail });
    }
    Ok(square)
}

impl SegmentFields {
    /// The vectors of a field.
    pub(crate) fn vectors(&self, field: &str) -> Option<&Vectors> {
        self.vectors.iter().find(|v| v.store.name == field)
    }

    /// True if this vector field has a graph here.
    pub(crate) fn has_graph(&self, field: &str) -> bool {
        self.vectors(field).is_some_and(|v| v.graph.is_some())
    }
}

impl FieldReader for VectorStore {
    fn read(&self, row: u32, document: &mut Document) -> Result<()> {
        if self.present.contains(row) {
            document.vectors.insert(self.name.clone(), self.vector(row)?.to_vec());
        }
        Ok(())
    }
}

impl FieldKind for VectorKind {
    fn check(
        &self,
        schema: &Schema,
        document: &Document,
    ) -> std::result::Result<(), DocumentFault> {
        document
            .vectors
            .iter()
            .try_for_each(|(name, vector)| check_vector(declared(&schema.vectors, name)?, vector))
    }

    fn is_in(&self, document: &Document) -> bool {
        !document.vectors.is_empty()
    }

    fn record(&self) -> u8 {
        ROWS
    }

    fn logged_bytes(&self, document: &Document) -> usize {
        document.vectors.values().map(|vector| vector.len() * 4).sum()
    }

    fn encode(&self, document: &Document, out: &mut Encoder) {
        encode_named(out, &document.vectors, |out, vector| out.bytes(bytemuck::cast_slice(vector)));
    }

    fn decode(&self, input: &mut Decoder<'_>, document: &mut Document) -> Result<()> {
        decode_named(input, &mut document.vectors, |input| {
            let (floats, rest) = input.bytes()?.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(input.corrupt("a vector is not of whole floats").into());
            }
            Ok(floats.iter().map(|b| f32::from_le_bytes(*b)).collect())
        })
    }

    fn write(&self, new: &NewSegment<'_>, out: &mut SegmentWriter) -> Result<()> {
        for field in &new.schema.vectors {
            let given = new.documents.iter().map(|d| d.vectors.get(&field.name).map(Vec::as_slice));
            let vectors = VectorRows::new(field, new.rows(), given);
            let builder = GraphBuilder { schema: new.schema, field, progress: new.progress };
            let graph = || new.graphs.then(|| builder.build(&vectors, 1)).transpose();
            write_field(out, new.schema, field, &vectors, graph)?;
        }
        Ok(())
    }

    fn merge(&self, merge: &Merge<'_>, out: &mut SegmentWriter) -> Result<()> {
        for field in &merge.schema.vectors {
            let mut given = Vec::with_capacity(merge.count() as usize);
            for (fields, row) in merge.rows() {
                let vectors = fields.vectors(&field.name);
                let store = vectors.map(|v| &v.store).filter(|store| store.present.contains(row));
                given.push(store.map(|store| store.vector(row)).transpose()?);
            }
            let vectors = VectorRows::new(field, merge.count(), given.into_iter());
            let builder = GraphBuilder { schema: merge.schema, field, progress: merge.progress };
            let graph = || match merge.graph {
                GraphSource::Largest => builder.extend_largest(merge.inputs, &vectors).map(Some),
                GraphSource::Scratch(times) => builder.build(&vectors, times).map(Some),
                GraphSource::None => Ok(None),
            };
            write_field(out, merge.schema, field, &vectors, graph)?;
        }
        Ok(())
    }

    fn merge_bytes(&self, segment: &SegmentSource<'_>) -> u64 {
        let links: u64 = segment.schema.vectors.iter().map(|f| f.m as u64 * 2 * 4 * 2).sum();
        u64::from(segment.entry.rows) * links
    }

    fn read(&self, fields: &SegmentFields, row: u32, document: &mut Document) -> Result<()> {
        fields.vectors.iter().try_for_each(|field| field.store.read(row, document))
    }

    fn readers(&self, segment: &SegmentSource<'_>) -> Vec<Result<Box<dyn FieldReader>>> {
        let open = |field| Ok(Box::new(open_store(segment, field)?) as Box<dyn FieldReader>);
        segment.schema.vectors.iter().map(open).collect()
    }

    fn verify(
        &self,
        fields: &SegmentFields,
        _: &Schema,
        _: &dyn Fn(u32) -> Result<Document>,
    ) -> Result<()> {
        for Vectors { store, codes, .. } in &fields.vectors {
            store.check_norms()?;
            codes.as_ref().map_or(Ok(()), |codes| codes.check(store))?;
        }
        Ok(())
    }
}

/// Writes the sections of one field; `graph` builds its graph if the segment wants one.
fn write_field(
    out: &mut SegmentWriter,
    schema: &Schema,
    field: &VectorField,
    vectors: &VectorRows<'_>,
    graph: impl FnOnce() -> Result<Option<BuiltGraph>>,
) -> Result<()> {
    write_vectors(out, &field.name, vectors)?;
    let present = vectors.present.count();
    if schema.wants_codes(present) {
        write_codes(out, field, vectors, schema.seed)?;
    }
    if schema.wants_graph(present)
        && let Some(graph) = graph()?
    {
        write_graph(out, &field.name, &graph)?;
    }
    Ok(())
}
