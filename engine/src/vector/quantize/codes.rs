//! The codes of one field of a segment: written, opened, checked, compared with a query.

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::best::Best;
use super::{CodeQuery, Grid, Quantizer, Term};
use crate::error::{Result, corrupt};
use crate::schema::VectorField;
use crate::segment::RowSet;
use crate::vector::distance::{Bits, Half, prefetch, record};
use crate::vector::{Near, Pages, VectorRows, VectorStore};

/// Rows scanned at once, while memory is asked for as many: the codes of both stay in the nearest cache.
const SCAN_ROWS: usize = 32;
/// What `codes/grid` says of each kind of code: the numbers a component can have, or a number beyond them.
const KINDS: [(u32, Grid); 5] = [
    (2, Grid::Whole(Bits::One)),
    (16, Grid::Whole(Bits::Four)),
    (256, Grid::Whole(Bits::Eight)),
    (65_536, Grid::Half(Half::F16)),
    (65_537, Grid::Half(Half::Bf16)),
];

/// Writes the sections `vector/<field>/codes{,/grid,/terms}`.
pub(crate) fn write_codes(
    out: &mut SegmentWriter,
    field: &VectorField,
    rows: &VectorRows<'_>,
    seed: u64,
) -> Result<()> {
    let quantizer = Quantizer::new(rows, field.quantization, seed);
    let mut grid = Encoder::new();
    let kind = KINDS.iter().find(|(_, grid)| *grid == quantizer.grid);
    grid.u32(kind.map_or(0, |(kind, _)| *kind));
    grid.u32(rows.dim as u32);
    grid.u64(quantizer.seed);
    grid.raw(bytemuck::cast_slice(&quantizer.centre));
    let name = &field.name;
    out.section(&format!("vector/{name}/codes/grid"), &grid.into_bytes())?;
    let mut code = vec![0; quantizer.stride()];
    let (mut terms, mut turned) = (Vec::new(), Vec::new());
    out.begin(&format!("vector/{name}/codes"))?;
    for row in 0..rows.present.rows() {
        terms.push(quantizer.encode(rows.row(row), rows.unit(row), &mut turned, &mut code));
        out.write(&code)?;
    }
    out.end()?;
    Ok(out.section(&format!("vector/{name}/codes/terms"), bytemuck::cast_slice(&terms))?)
}

/// The codes of one field of an open segment.
pub(crate) struct Codes {
    quantizer: Quantizer,
    codes: Section,
    terms: Section,
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
        let Some(grid) = reader.find(&format!("vector/{name}/codes/grid")) else {
            return Ok(None);
        };
        let mut input = Decoder::new(file, grid.all()?);
        let kind = input.u32()?;
        let Some(&(_, kind)) = KINDS.iter().find(|(of, _)| *of == kind) else {
            return Err(corrupt(file, grid.name(), "codes of an unknown kind"));
        };
        if input.u32()? as usize != field.dim {
            return Err(corrupt(file, grid.name(), "codes of vectors of another dimension"));
        }
        let seed = input.u64()?;
        let centre = input.take(field.dim * 4)?.as_chunks::<4>().0.iter();
        let centre: Vec<f32> = centre.map(|b| f32::from_le_bytes(*b)).collect();
        input.finish()?;
        if !centre.iter().all(|c| c.is_finite()) {
            return Err(corrupt(file, grid.name(), "its centre is not finite"));
        }
        let quantizer = Quantizer::of(kind, field.metric, centre, seed);
        let codes = reader.section(&format!("vector/{name}/codes"))?;
        let terms = reader.section(&format!("vector/{name}/codes/terms"))?;
        let rows = rows as usize;
        if codes.len() != rows * quantizer.stride() || terms.len() != rows * size_of::<Term>() {
            return Err(corrupt(file, codes.name(), "its length is not that of its rows"));
        }
        Ok(Some(Self { quantizer, codes, terms, file: file.to_owned() }))
    }

    /// Checks that the codes are those of the vectors.
    pub(crate) fn check(&self, store: &VectorStore) -> Result<()> {
        let stride = self.quantizer.stride();
        let (mut code, mut turned) = (vec![0; stride], Vec::new());
        for row in store.present.iter() {
            let (vector, unit) = (store.vector(row)?, store.norm(row)?);
            let term = self.quantizer.encode(vector, unit, &mut turned, &mut code);
            let at = row as usize;
            let stored = self.terms.get(at * size_of::<Term>()..(at + 1) * size_of::<Term>())?;
            let same = code == self.codes.get(at * stride..(at + 1) * stride)?;
            if !same || stored != bytemuck::bytes_of(&term) {
                let detail = format!("the code of row {row} is not that of its vector");
                return Err(corrupt(&self.file, self.codes.name(), detail));
            }
        }
        Ok(())
    }

    /// Makes a query ready; see [`Quantizer::query`].
    pub(crate) fn query(&self, vector: &[f32], unit: f32) -> CodeQuery {
        self.quantizer.query(vector, unit)
    }

    /// Estimated similarity of a row as far from a query as all are on the average, whatever the
    /// query: what [`scores`](Self::scores) leaves out is what the centre adds.
    pub(crate) fn middle(&self) -> Result<f32> {
        let terms: &[Term] = bytemuck::try_cast_slice(self.terms.all()?)
            .map_err(|_| corrupt(&self.file, self.terms.name(), "not aligned to floats"))?;
        let sum: f64 = terms.iter().map(|term| f64::from(term.offset)).sum();
        Ok((sum / terms.len().max(1) as f64) as f32)
    }

    /// Counts what [`scores`](Self::scores) reads of a row.
    pub(crate) fn touch(&self, row: u32, pages: &mut Pages) {
        let part = |width: usize| row as usize * width..(row as usize + 1) * width;
        pages.touch(&self.codes, part(self.quantizer.stride()));
        pages.touch(&self.terms, part(size_of::<Term>()));
    }

    /// What asks memory for codes.
    pub(crate) fn ahead(&self) -> Result<Ahead<'_>> {
        // Nothing is read of them.
        let codes = self.codes.records(1, &[])?;
        let terms = self.terms.records(1, &[])?;
        Ok(Ahead { codes, stride: self.quantizer.stride(), terms })
    }

    /// Estimated similarities of some rows, in `scores`; `products` is scratch. Who jumps asks memory
    /// for them before: [`ahead`](Self::ahead).
    pub(crate) fn scores(
        &self,
        query: &CodeQuery,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) -> Result<()> {
        let stride = self.quantizer.stride();
        let codes = self.codes.records(stride, rows)?;
        let terms = self.terms.records(size_of::<Term>(), rows)?;
        let terms: &[Term] = bytemuck::try_cast_slice(terms)
            .map_err(|_| corrupt(&self.file, self.terms.name(), "not aligned to floats"))?;
        let term = |row: u32| terms.get(row as usize).copied().unwrap_or_default();
        query.scores(self.quantizer.grid, (codes, stride), rows, term, products, scores);
        Ok(())
    }

    /// The `most` closest of some rows by their codes, in no order.
    pub(crate) fn scan(&self, query: &CodeQuery, rows: &RowSet, most: usize) -> Result<Vec<Near>> {
        let found = self.scan_many(std::slice::from_ref(query), rows.iter(), most)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// As [`scan`](Self::scan), for several queries in one pass.
    pub(crate) fn scan_many(
        &self,
        queries: &[CodeQuery],
        mut rows: impl Iterator<Item = u32>,
        most: usize,
    ) -> Result<Vec<Vec<Near>>> {
        let mut all: Vec<_> = queries.iter().map(|_| Best::new(most)).collect();
        let (mut block, mut next) = (Vec::new(), Vec::new());
        let (mut products, mut scores) = (Vec::new(), Vec::new());
        let ahead = self.ahead()?;
        let mut take = |block: &mut Vec<u32>| {
            block.clear();
            block.extend(rows.by_ref().take(SCAN_ROWS).inspect(|&row| ahead.ask(row)));
        };
        take(&mut block);
        while !block.is_empty() {
            // On their way while those before them are compared.
            take(&mut next);
            for (query, best) in queries.iter().zip(&mut all) {
                self.scores(query, &block, &mut products, &mut scores)?;
                block.iter().zip(&scores).for_each(|(&row, &score)| best.offer(score, row));
            }
            std::mem::swap(&mut block, &mut next);
        }
        Ok(all.into_iter().map(Best::into_rows).collect())
    }

    /// Recall of a scan where it was not measured. Eight bits found all but one hit in 5,000 of every
    /// collection tried; what fewer find depends on the vectors.
    pub(crate) fn usual_recall(&self) -> f64 {
        match self.quantizer.grid {
            Grid::Half(_) | Grid::Whole(Bits::Eight) => 0.995,
            Grid::Whole(Bits::Four | Bits::One) => 0.0,
        }
    }

    /// Bytes a row takes, those of its code and what goes with it.
    pub(crate) fn row_bytes(&self) -> usize {
        self.quantizer.stride() + size_of::<Term>()
    }

    /// As [`spare`](Self::spare), where only some rows, so many, are compared: they may be as far from the
    /// query as most are, and then the more of them there are, the more differ by less than the codes blur.
    pub(crate) fn spare_of_some(&self, wanted: usize, rows: u32) -> usize {
        match self.quantizer.grid {
            Grid::Half(_) | Grid::Whole(Bits::Eight) => self.spare(wanted),
            Grid::Whole(Bits::Four) => wanted * 20 + 200 + rows as usize / 50,
            Grid::Whole(Bits::One) => wanted * 20 + 400 + rows as usize / 20,
        }
    }

    /// Rows by which a walk has to bring more than are wanted, so that what the codes blur is put
    /// right by the floats.
    pub(crate) fn spare(&self, wanted: usize) -> usize {
        match self.quantizer.grid {
            Grid::Half(_) => wanted / 8 + 4,
            Grid::Whole(Bits::Eight) => wanted / 2 + 8,
            Grid::Whole(Bits::Four) => wanted + 16,
            Grid::Whole(Bits::One) => wanted * 8 + 128,
        }
    }
}

/// Where the codes of a segment lie.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<'a> {
    codes: &'a [u8],
    stride: usize,
    terms: &'a [u8],
}

impl Ahead<'_> {
    /// Asks memory for what [`Codes::scores`] needs of a row.
    #[inline]
    pub(crate) fn ask(&self, row: u32) {
        prefetch(record(self.codes, self.stride, row));
        prefetch(record(self.terms, size_of::<Term>(), row));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DIM, ROWS, field, vectors};
    use super::*;
    use crate::schema::{Metric, Quantization};

    #[test]
    fn a_check_tells_codes_of_other_vectors() {
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
            // Row 3 is another in the codes.
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
