//! Codes: vectors in few bits a component, for walks and scans; what they find is scored anew on the
//! stored floats.
//!
//! A vector is centred (the mean of the segment is taken away), rotated where a component has less
//! than eight bits, and rounded to a grid of its own. Its scale is chosen so that the estimate of an
//! inner product has no bias (Gao and Long, "RaBitQ", 2024).

mod best;
mod pairs;

pub(crate) use pairs::{BuildCodes, PairQuery};

use best::Best;
use bytemuck::{Pod, Zeroable};
use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::Near;
use super::distance::{Bits, Components, NARROW, QUERY_BLOCK, code_dots, prefetch, record};
use super::pages::Pages;
use super::rotation::Rotation;
use super::store::{VectorRows, VectorStore};
use crate::error::{Result, corrupt};
use crate::schema::{Metric, Quantization, VectorField};
use crate::segment::RowSet;

/// Parts of the largest component up to which a grid of four bits reaches; the best is taken. What is
/// beyond is cut: a finer grid for the many is worth more.
const REACHES: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
/// Rows whose mean is the centre, at the most.
const CENTRE_ROWS: u32 = 10_000;
/// Rows scanned at once, while memory is asked for as many: the codes of both stay in the nearest cache.
const SCAN_ROWS: usize = 32;
/// Sums that the fit of a grid is added up in.
const FIT_LANES: usize = 16;
/// Largest number of a component of a query of codes of less than eight bits.
const QUERY_MAX: u8 = 127;

/// How far the codes of one field in one segment are from their vectors.
#[derive(Clone, Debug)]
pub(crate) struct Quantizer {
    bits: Bits,
    metric: Metric,
    centre: Vec<f32>,
    rotation: Option<Rotation>,
    seed: u64,
}

/// What makes an inner product of a code the similarity of its row: times `scale`, plus `offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Term {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
}

/// A query made ready for the codes of one segment.
pub(crate) struct CodeQuery {
    components: Components,
    /// What the middle of the grid adds to every product.
    middle: f32,
    factor: f32,
}

impl Bits {
    /// Highest number of a component.
    fn most(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 15,
            Self::Eight => 255,
        }
    }

    /// The number that stands for 0. Of eight bits it is a whole one, so that a number less it is one of
    /// a query, too: codes of a build ask each other.
    fn middle(self) -> f32 {
        match self {
            Self::One | Self::Four => self.most() as f32 / 2.0,
            Self::Eight => 128.0,
        }
    }

    /// Numbers from the middle to the largest component.
    fn half(self) -> f32 {
        self.most() as f32 - self.middle()
    }

    /// A code's byte where no component was put yet.
    fn nothing(self) -> u8 {
        if self == Self::Eight { 128 } else { 0 }
    }

    /// Puts component `i` in a code where it is not yet.
    fn put(self, code: &mut [u8], i: usize, value: u8) {
        let (at, shift) = match self {
            Self::One => (i / 8, i % 8),
            Self::Four => (i / QUERY_BLOCK * 64 + i % 64, i % QUERY_BLOCK / 64 * 4),
            Self::Eight => (i, 0),
        };
        if let Some(byte) = code.get_mut(at) {
            *byte = if self == Self::Eight { value } else { *byte | value << shift };
        }
    }

    fn of(quantization: Quantization) -> Self {
        match quantization {
            Quantization::Int8 => Self::Eight,
            Quantization::Int4 => Self::Four,
            Quantization::Binary => Self::One,
        }
    }
}

impl Quantizer {
    /// The quantizer of a segment's rows.
    pub(crate) fn new(rows: &VectorRows<'_>, quantization: Quantization, seed: u64) -> Self {
        let mut centre = vec![0f64; rows.dim];
        let step = (rows.present.count() / CENTRE_ROWS).max(1) as usize;
        let mut count = 0f64;
        for row in rows.present.iter().step_by(step) {
            let scale = f64::from(rows.unit(row));
            let vector = rows.row(row);
            centre.iter_mut().zip(vector).for_each(|(c, &x)| *c += f64::from(x) * scale);
            count += 1.0;
        }
        let centre = centre.iter().map(|c| (c / count.max(1.0)) as f32).collect();
        Self::of(Bits::of(quantization), rows.metric, centre, seed)
    }

    fn of(bits: Bits, metric: Metric, centre: Vec<f32>, seed: u64) -> Self {
        let rotation = (bits != Bits::Eight).then(|| Rotation::new(centre.len(), seed));
        Self { bits, metric, centre, rotation, seed }
    }

    pub(crate) fn stride(&self) -> usize {
        self.bits.stride(self.centre.len())
    }

    /// A vector times `scale`, centred and rotated, in `out`.
    fn turned(&self, vector: &[f32], scale: f32, out: &mut Vec<f32>) {
        out.clear();
        out.extend(vector.iter().zip(&self.centre).map(|(x, c)| x * scale - c));
        if let Some(rotation) = &self.rotation {
            rotation.apply(out);
        }
    }

    /// Writes the code of a vector, `unit` being what makes it one under cosine. `turned` is scratch.
    pub(crate) fn encode(
        &self,
        vector: &[f32],
        unit: f32,
        turned: &mut Vec<f32>,
        code: &mut [u8],
    ) -> Term {
        code.fill(self.bits.nothing());
        self.turned(vector, unit, turned);
        let square: f64 = turned.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let reaches = if self.bits == Bits::Four { &REACHES[..] } else { &REACHES[..1] };
        let most = turned.iter().fold(0f32, |most, x| most.max(x.abs()));
        let best = reaches
            .iter()
            .map(|reach| (reach * most, self.fit(turned, reach * most)))
            .max_by(|(_, a), (_, b)| a.cosine().total_cmp(&b.cosine()));
        let Some((reach, fit)) = best.filter(|(_, fit)| fit.with_vector > 0.0) else {
            return Term { scale: 0.0, offset: self.offset(square) };
        };
        let steps = self.steps(reach);
        for (i, &x) in turned.iter().enumerate() {
            self.bits.put(code, i, self.number(x, steps));
        }
        let scale = (square / fit.with_vector) as f32;
        let scale = if self.metric == Metric::L2 { 2.0 * scale } else { scale };
        Term { scale, offset: self.offset(square) }
    }

    fn offset(&self, square: f64) -> f32 {
        if self.metric == Metric::L2 { -square as f32 } else { 0.0 }
    }

    /// The number of a component on a grid of which `steps` make one: the nearer of two; of one bit, its
    /// sign.
    #[inline]
    fn number(&self, x: f32, steps: f32) -> u8 {
        // What is below the grid becomes 0 by the cast.
        (x * steps + self.bits.middle() + 0.5).min(self.bits.most() as f32) as u8
    }

    /// Steps of a grid that goes to `reach` on both sides.
    fn steps(&self, reach: f32) -> f32 {
        if reach > 0.0 { self.bits.half() / reach } else { 0.0 }
    }

    fn fit(&self, vector: &[f32], reach: f32) -> Fit {
        let (steps, middle) = (self.steps(reach), self.bits.middle());
        if steps == 0.0 {
            return Fit { with_vector: 0.0, square: 0.0 };
        }
        // Sums side by side, for the processor to take several at once.
        let mut sums = [[0f32; 2]; FIT_LANES];
        let mut add = |part: &[f32]| {
            for (sum, &x) in sums.iter_mut().zip(part) {
                let value = f32::from(self.number(x, steps)) - middle;
                sum[0] += value * x;
                sum[1] += value * value;
            }
        };
        let (parts, rest) = vector.as_chunks::<FIT_LANES>();
        parts.iter().for_each(|part| add(part));
        add(rest);
        let sum = |of: usize| sums.iter().map(|sum| f64::from(sum[of])).sum();
        Fit { with_vector: sum(0), square: sum(1) }
    }

    /// Makes a query ready, `unit` being what makes it one under cosine.
    pub(crate) fn query(&self, vector: &[f32], unit: f32) -> CodeQuery {
        let mut turned = Vec::with_capacity(vector.len());
        match self.metric {
            Metric::L2 => self.turned(vector, 1.0, &mut turned),
            // The centre of the rows adds the same to all of them.
            Metric::Cosine | Metric::Dot => {
                let unit = if self.metric == Metric::Cosine { unit } else { 1.0 };
                turned.extend(vector.iter().map(|x| x * unit));
                if let Some(rotation) = &self.rotation {
                    rotation.apply(&mut turned);
                }
            }
        }
        let most = turned.iter().fold(0f32, |most, x| most.max(x.abs()));
        // Of eight bits the code is fine enough for a query that is half as fine.
        let highest = if self.bits == Bits::Eight { NARROW } else { QUERY_MAX };
        let grid = if most > 0.0 { f32::from(highest) / most } else { 0.0 };
        let mut components = Components::default();
        components.set(turned.iter().map(|x| (x * grid).round() as i8));
        let factor = if grid > 0.0 { 1.0 / grid } else { 0.0 };
        let middle = components.sum() as f32 * self.bits.middle();
        CodeQuery { components, middle, factor }
    }
}

/// How well a code stands for its vector.
struct Fit {
    with_vector: f64,
    square: f64,
}

impl Fit {
    fn cosine(&self) -> f64 {
        if self.square > 0.0 { self.with_vector / self.square.sqrt() } else { 0.0 }
    }
}

impl CodeQuery {
    /// Estimated similarity of a row, but for a constant of the query.
    #[inline]
    fn score(&self, product: i32, term: Term) -> f32 {
        (product as f32 - self.middle) * self.factor * term.scale + term.offset
    }
}

/// Writes the sections `vector/<field>/codes{,/grid,/terms}`.
pub(crate) fn write_codes(
    out: &mut SegmentWriter,
    field: &VectorField,
    rows: &VectorRows<'_>,
    seed: u64,
) -> Result<()> {
    let quantizer = Quantizer::new(rows, field.quantization, seed);
    let mut grid = Encoder::new();
    grid.u32(quantizer.bits.most() + 1);
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
        let bits = match input.u32()? {
            2 => Bits::One,
            16 => Bits::Four,
            256 => Bits::Eight,
            _ => return Err(corrupt(file, grid.name(), "codes of an unknown kind")),
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
        let quantizer = Quantizer::of(bits, field.metric, centre, seed);
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
        products.resize(rows.len(), 0);
        code_dots(self.quantizer.bits, codes, stride, rows, &query.components, products);
        let terms = self.terms.records(size_of::<Term>(), rows)?;
        let terms: &[Term] = bytemuck::try_cast_slice(terms)
            .map_err(|_| corrupt(&self.file, self.terms.name(), "not aligned to floats"))?;
        let term = |row: u32| terms.get(row as usize).copied().unwrap_or_default();
        scores.clear();
        scores.extend(rows.iter().zip(&*products).map(|(&row, p)| query.score(*p, term(row))));
        Ok(())
    }

    /// The `most` closest of some rows by their codes, in no order.
    pub(crate) fn scan(&self, query: &CodeQuery, rows: &RowSet, most: usize) -> Result<Vec<Near>> {
        let found = self.scan_many(std::slice::from_ref(query), rows, most)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// As [`scan`](Self::scan), for several queries in one pass.
    pub(crate) fn scan_many(
        &self,
        queries: &[CodeQuery],
        rows: &RowSet,
        most: usize,
    ) -> Result<Vec<Vec<Near>>> {
        let mut all: Vec<_> = queries.iter().map(|_| Best::new(most)).collect();
        let (mut block, mut next) = (Vec::new(), Vec::new());
        let (mut products, mut scores) = (Vec::new(), Vec::new());
        let (mut rows, ahead) = (rows.iter(), self.ahead()?);
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
        match self.quantizer.bits {
            Bits::Eight => 0.995,
            Bits::Four | Bits::One => 0.0,
        }
    }

    /// Bytes a row takes, those of its code and what goes with it.
    pub(crate) fn row_bytes(&self) -> usize {
        self.quantizer.stride() + size_of::<Term>()
    }

    /// As [`spare`](Self::spare), where only some rows, so many, are compared: they may be as far from the
    /// query as most are, and then the more of them there are, the more differ by less than the codes blur.
    pub(crate) fn spare_of_some(&self, wanted: usize, rows: u32) -> usize {
        match self.quantizer.bits {
            Bits::Eight => self.spare(wanted),
            Bits::Four => wanted * 20 + 200 + rows as usize / 50,
            Bits::One => wanted * 20 + 400 + rows as usize / 20,
        }
    }

    /// Rows by which a walk has to bring more than are wanted, so that what the codes blur is put
    /// right by the floats.
    pub(crate) fn spare(&self, wanted: usize) -> usize {
        match self.quantizer.bits {
            Bits::Eight => wanted / 2 + 8,
            Bits::Four => wanted + 16,
            Bits::One => wanted * 8 + 128,
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
    use super::*;
    use crate::vector::distance::{inverse_norm, similarity};
    use lexivec_query::random::SplitMix;

    const DIM: usize = 100;
    pub(super) const ROWS: u32 = 300;

    /// Vectors that are not centred, with some components far larger than the others.
    pub(super) fn vectors(dim: usize) -> Vec<Vec<f32>> {
        let mut random = SplitMix::new(3);
        let mut component = |i: usize| {
            let spread = if i.is_multiple_of(10) { 4.0 } else { 0.5 };
            ((random.unit() - 0.5) * spread + (i % 3) as f64) as f32
        };
        (0..=ROWS).map(|_| (0..dim).map(&mut component).collect()).collect()
    }

    pub(super) fn field(metric: Metric, dim: usize, quantization: Quantization) -> VectorField {
        VectorField { quantization, ..VectorField::new("vector", dim, metric) }
    }

    #[test]
    fn estimates_have_no_bias_and_the_error_of_their_bits() {
        let vectors = vectors(DIM);
        let (query, given) = vectors.split_last().expect("some");
        for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
            for (quantization, error) in [
                (Quantization::Int8, 0.02),
                (Quantization::Int4, 0.12),
                (Quantization::Binary, 0.8),
            ] {
                let field = field(metric, DIM, quantization);
                let rows = given.iter().map(|v| Some(v.as_slice()));
                let rows = VectorRows::new(&field, ROWS, rows);
                let quantizer = Quantizer::new(&rows, quantization, 7);
                let (mut code, mut turned) = (vec![0; quantizer.stride()], Vec::new());
                let near = quantizer.query(query, inverse_norm(query));
                let (mut exact, mut found) = (Vec::new(), Vec::new());
                for row in 0..ROWS {
                    let vector = rows.row(row);
                    let term = quantizer.encode(vector, rows.unit(row), &mut turned, &mut code);
                    let mut product = [0];
                    let (bits, stride) = (quantizer.bits, quantizer.stride());
                    code_dots(bits, &code, stride, &[0], &near.components, &mut product);
                    found.push(f64::from(near.score(product[0], term)));
                    let norms = inverse_norm(query) * inverse_norm(vector);
                    exact.push(f64::from(similarity(metric, query, vector, norms)));
                }
                // Up to a constant of the query.
                let mean = |of: &[f64]| of.iter().sum::<f64>() / f64::from(ROWS);
                let (shift, spread) = (mean(&exact) - mean(&found), mean(&exact));
                let square = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>();
                let off = square(&mut exact.iter().zip(&found).map(|(e, f)| e - f - shift));
                let all = square(&mut exact.iter().map(|e| e - spread));
                let relative = (off / all).sqrt();
                assert!(relative < error, "{metric:?} {quantization:?}: {relative}");
            }
        }
    }

    #[test]
    fn a_check_tells_codes_of_other_vectors() {
        use crate::vector::store::write_vectors;
        use lexivec_storage::MemoryVfs;
        let vectors = vectors(DIM);
        for quantization in [Quantization::Int8, Quantization::Int4, Quantization::Binary] {
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
