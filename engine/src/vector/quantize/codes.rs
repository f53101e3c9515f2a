//! The codes of one field of a segment: written, opened, checked, compared with a query.

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::top_codes::TopCodes;
use super::{CodeFormat, CodeQuery, CodeRows, CodeScale, Quantizer};
use crate::error::{Result, corrupt};
use crate::rows::RowSet;
use crate::schema::VectorField;
use crate::vector::distance::{Bits, Half, prefetch, record};
use crate::vector::{Pages, ScoredRow, VectorRows, VectorStore};

/// Rows scanned while the next block of as many is prefetched: the codes of both stay in the L1 cache.
const SCAN_ROWS: usize = 32;
/// Code formats by their number in `codes/grid`: the values a component can have, or a number beyond them.
const KINDS: [(u32, CodeFormat); 5] = [
    (2, CodeFormat::Whole(Bits::One)),
    (16, CodeFormat::Whole(Bits::Four)),
    (256, CodeFormat::Whole(Bits::Eight)),
    (65_536, CodeFormat::Half(Half::F16)),
    (65_537, CodeFormat::Half(Half::Bf16)),
];

/// Writes the sections `vector/<field>/codes{,/grid,/terms}`.
pub(crate) fn write_codes(
    out: &mut SegmentWriter,
    field: &VectorField,
    rows: &VectorRows<'_>,
    seed: u64,
) -> Result<()> {
    let quantizer = Quantizer::new(rows, field.quantization, seed);
    let mut head = Encoder::new();
    let kind = KINDS.iter().find(|(_, format)| *format == quantizer.format);
    head.u32(kind.map_or(0, |(kind, _)| *kind));
    head.u32(rows.dim as u32);
    head.u64(quantizer.seed);
    head.raw(bytemuck::cast_slice(&quantizer.centre));
    let name = &field.name;
    out.section(&format!("vector/{name}/codes/grid"), &head.into_bytes())?;
    let mut code = vec![0; quantizer.stride()];
    let (mut scales, mut turned) = (Vec::new(), Vec::new());
    out.begin(&format!("vector/{name}/codes"))?;
    for row in 0..rows.present.rows() {
        scales.push(quantizer.encode(
            rows.row(row),
            rows.inverse_norm(row),
            &mut turned,
            &mut code,
        ));
        out.write(&code)?;
    }
    out.end()?;
    Ok(out.section(&format!("vector/{name}/codes/terms"), bytemuck::cast_slice(&scales))?)
}

/// The codes of one field of an open segment.
pub(crate) struct Codes {
    quantizer: Quantizer,
    codes: Section,
    scales: Section,
    file: String,
}

impl Codes {
    /// Opens the codes if the segment has some.
    pub(crate) fn open(
        reader: &SegmentReader,
        file: &str,
        field: &VectorField,
        rows: u32,
    ) -> Result<Option<Self>> {
        let name = &field.name;
        let Some(head) = reader.find(&format!("vector/{name}/codes/grid")) else {
            return Ok(None);
        };
        let mut input = Decoder::new(file, head.all()?);
        let kind = input.u32()?;
        let Some(&(_, format)) = KINDS.iter().find(|(of, _)| *of == kind) else {
            return Err(corrupt(file, head.name(), "codes of an unknown kind"));
        };
        if input.u32()? as usize != field.dim {
            return Err(corrupt(file, head.name(), "codes of vectors of another dimension"));
        }
        let seed = input.u64()?;
        let centre = input.take(field.dim * 4)?.as_chunks::<4>().0.iter();
        let centre: Vec<f32> = centre.map(|b| f32::from_le_bytes(*b)).collect();
        input.finish()?;
        if !centre.iter().all(|c| c.is_finite()) {
            return Err(corrupt(file, head.name(), "its centre is not finite"));
        }
        let quantizer = Quantizer::of(format, field.metric, centre, seed);
        let codes = reader.section(&format!("vector/{name}/codes"))?;
        let scales = reader.section(&format!("vector/{name}/codes/terms"))?;
        let rows = rows as usize;
        if codes.len() != rows * quantizer.stride() || scales.len() != rows * size_of::<CodeScale>()
        {
            return Err(corrupt(file, codes.name(), "its length is not that of its rows"));
        }
        Ok(Some(Self { quantizer, codes, scales, file: file.to_owned() }))
    }

    /// Checks that the codes are those of the vectors.
    pub(crate) fn check(&self, store: &VectorStore) -> Result<()> {
        let stride = self.quantizer.stride();
        let (mut code, mut turned) = (vec![0; stride], Vec::new());
        for row in store.present.iter() {
            let (vector, inverse_norm) = (store.vector(row)?, store.inverse_norm(row)?);
            let scale = self.quantizer.encode(vector, inverse_norm, &mut turned, &mut code);
            let at = row as usize;
            let stored =
                self.scales.get(at * size_of::<CodeScale>()..(at + 1) * size_of::<CodeScale>())?;
            let same = code == self.codes.get(at * stride..(at + 1) * stride)?;
            if !same || stored != bytemuck::bytes_of(&scale) {
                let detail = format!("the code of row {row} is not that of its vector");
                return Err(corrupt(&self.file, self.codes.name(), detail));
            }
        }
        Ok(())
    }

    /// Prepares a query; see [`Quantizer::query`].
    pub(crate) fn query(&self, vector: &[f32], inverse_norm: f32) -> CodeQuery {
        self.quantizer.query(vector, inverse_norm)
    }

    /// Estimated similarity of a row at the mean distance of all rows, for any query:
    /// [`scores`](Self::scores) leave out the term of the centre.
    pub(crate) fn middle(&self) -> Result<f32> {
        let scales: &[CodeScale] = bytemuck::try_cast_slice(self.scales.all()?)
            .map_err(|_| corrupt(&self.file, self.scales.name(), "not aligned to floats"))?;
        let sum: f64 = scales.iter().map(|scale| f64::from(scale.offset)).sum();
        Ok((sum / scales.len().max(1) as f64) as f32)
    }

    /// Counts the pages that [`scores`](Self::scores) reads of a row.
    pub(crate) fn touch(&self, row: u32, pages: &mut Pages) {
        let part = |width: usize| row as usize * width..(row as usize + 1) * width;
        pages.touch(&self.codes, part(self.quantizer.stride()));
        pages.touch(&self.scales, part(size_of::<CodeScale>()));
    }

    /// A prefetcher of codes.
    pub(crate) fn ahead(&self) -> Result<Ahead<'_>> {
        // No record is read or verified here.
        let codes = self.codes.records(1, &[])?;
        let scales = self.scales.records(1, &[])?;
        Ok(Ahead { codes, stride: self.quantizer.stride(), scales })
    }

    /// Estimated similarities of some rows, in `scores`; `products` is scratch. A caller that reads
    /// rows out of order prefetches them with [`ahead`](Self::ahead).
    pub(crate) fn scores(
        &self,
        query: &CodeQuery,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) -> Result<()> {
        let stride = self.quantizer.stride();
        let codes = self.codes.records(stride, rows)?;
        let scales = self.scales.records(size_of::<CodeScale>(), rows)?;
        let scales: &[CodeScale] = bytemuck::try_cast_slice(scales)
            .map_err(|_| corrupt(&self.file, self.scales.name(), "not aligned to floats"))?;
        let scale_of = |row: u32| scales.get(row as usize).copied().unwrap_or_default();
        let codes = CodeRows { bytes: codes, stride };
        query.scores(self.quantizer.format, codes, rows, scale_of, products, scores);
        Ok(())
    }

    /// The `most` closest of some rows by their codes, in no order.
    pub(crate) fn scan(
        &self,
        query: &CodeQuery,
        rows: &RowSet,
        most: usize,
    ) -> Result<Vec<ScoredRow>> {
        let found = self.scan_many(std::slice::from_ref(query), rows.iter(), most)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Like [`scan`](Self::scan), for several queries in one pass.
    pub(crate) fn scan_many(
        &self,
        queries: &[CodeQuery],
        mut rows: impl Iterator<Item = u32>,
        most: usize,
    ) -> Result<Vec<Vec<ScoredRow>>> {
        let mut all: Vec<_> = queries.iter().map(|_| TopCodes::new(most)).collect();
        let (mut block, mut next) = (Vec::new(), Vec::new());
        let (mut products, mut scores) = (Vec::new(), Vec::new());
        let ahead = self.ahead()?;
        let mut take = |block: &mut Vec<u32>| {
            block.clear();
            block.extend(rows.by_ref().take(SCAN_ROWS).inspect(|&row| ahead.ask(row)));
        };
        take(&mut block);
        while !block.is_empty() {
            // Prefetched while the block before them is compared.
            take(&mut next);
            for (query, best) in queries.iter().zip(&mut all) {
                self.scores(query, &block, &mut products, &mut scores)?;
                block.iter().zip(&scores).for_each(|(&row, &score)| best.offer(score, row));
            }
            std::mem::swap(&mut block, &mut next);
        }
        Ok(all.into_iter().map(TopCodes::into_rows).collect())
    }

    /// Assumed recall of a code scan that was not measured. Eight bits found all but one hit in 5,000
    /// of every collection tried; the recall of fewer bits depends on the vectors: `None`.
    pub(crate) fn usual_recall(&self) -> Option<f64> {
        match self.quantizer.format {
            CodeFormat::Half(_) | CodeFormat::Whole(Bits::Eight) => Some(0.995),
            CodeFormat::Whole(Bits::Four | Bits::One) => None,
        }
    }

    /// Bytes of a row: its code and its scale.
    pub(crate) fn row_bytes(&self) -> usize {
        self.quantizer.stride() + size_of::<CodeScale>()
    }

    /// Rows beyond the wanted ones that are rescored after a walk by fine codes.
    pub(crate) fn doubtful(&self, wanted: usize) -> usize {
        match self.quantizer.format {
            CodeFormat::Half(_) => wanted / 8 + 4,
            CodeFormat::Whole(Bits::Eight | Bits::Four) => wanted + 16,
            CodeFormat::Whole(Bits::One) => wanted * 8 + 128,
        }
    }

    /// Rows that a scan of `rows` rows returns beyond the wanted ones, so that rescoring on floats
    /// corrects the error of the codes: the more rows there are, the more differ by less than that.
    pub(crate) fn spare(&self, wanted: usize, rows: u32) -> usize {
        match self.quantizer.format {
            CodeFormat::Half(_) => wanted / 8 + 4,
            CodeFormat::Whole(Bits::Eight) => wanted * 4 + 100 + rows as usize / 100,
            CodeFormat::Whole(Bits::Four) => wanted * 20 + 200 + rows as usize / 50,
            CodeFormat::Whole(Bits::One) => wanted * 20 + 400 + rows as usize / 20,
        }
    }
}

/// The bytes of a segment's codes, for prefetching.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<'a> {
    codes: &'a [u8],
    stride: usize,
    scales: &'a [u8],
}

impl Ahead<'_> {
    /// Prefetches the bytes that [`Codes::scores`] reads of a row.
    #[inline]
    pub(crate) fn ask(&self, row: u32) {
        prefetch(record(self.codes, self.stride, row));
        prefetch(record(self.scales, size_of::<CodeScale>(), row));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DIM, ROWS, field, vectors};
    use super::*;
    use crate::schema::{Metric, Quantization};

    #[test]
    fn a_check_finds_codes_of_other_vectors() {
        use crate::vector::store::write_vectors;
        use lexivec_storage::MemoryVfs;
        let vectors = vectors(DIM);
        for quantization in [
            Quantization::Bf16,
            Quantization::F16,
            Quantization::Int8,
            Quantization::Int4,
            Quantization::Binary,
        ] {
            let field = field(Metric::Cosine, DIM, quantization);
            // The codes of row 3 are those of another row.
            let check = |other: usize| {
                let given = vectors.iter().map(|v| Some(v.as_slice()));
                let coded = (0..).map(|i| if i == 3 { other } else { i });
                let coded = coded.map(|i| Some(vectors[i].as_slice())).take(vectors.len());
                let vfs = MemoryVfs::default();
                let mut out = SegmentWriter::create(&vfs, "s", 1).expect("created");
                let rows = VectorRows::new(&field, ROWS + 1, given);
                write_vectors(&mut out, &field.name, &rows).expect("written");
                let rows = VectorRows::new(&field, ROWS + 1, coded);
                write_codes(&mut out, &field, &rows, 7).expect("written");
                let file = out.finish().expect("sealed");
                let reader = SegmentReader::open(&vfs, &file).expect("open");
                let store = VectorStore::open(&reader, "s", &field, ROWS + 1).expect("vectors");
                let codes = Codes::open(&reader, "s", &field, ROWS + 1).expect("codes");
                codes.expect("some").check(&store)
            };
            assert!(check(3).is_ok(), "{quantization:?}");
            assert!(check(4).is_err(), "{quantization:?}");
        }
    }
}
