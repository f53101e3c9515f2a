//! Token vectors of one field: a list of codes for each row, and the MaxSim score of a query's tokens
//! against them.
//!
//! Late interaction (MaxSim): Khattab and Zaharia, "ColBERT", 2020. Only the direction of a token vector
//! counts, and only its code is stored: each component as a whole number of the largest component's
//! 127th part. A code decodes to the unit vector of its direction, which encodes to the same code, so
//! codes and scores keep their bits however often a row is read and written. The products of codes are
//! integers and are summed in one order in double precision, so every machine computes the same score.

use std::borrow::Cow;

use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::distance::{Bits, Components, code_dots, code_pairs};
use crate::error::{Result, corrupt};
use crate::limits::MAX_ROW_TOKENS;
use crate::schema::TokenField;

/// The absolute value of a code's largest component.
const MOST: f64 = 127.0;
/// A code's byte for a component of 0.
const MIDDLE: i32 = 128;
/// Bytes of an edge, the number of token vectors up to a row.
const EDGE: usize = 8;

/// Bytes of the code of a token vector.
fn stride(dim: usize) -> usize {
    Bits::Eight.stride(dim)
}

/// The integers of a vector's code, -127 to 127; all 0 for a vector without a direction.
fn numbers(vector: &[f32]) -> impl Iterator<Item = i8> {
    let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
    let steps = if most > 0.0 { MOST / f64::from(most) } else { 0.0 };
    vector.iter().map(move |&x| (f64::from(x) * steps).round() as i8)
}

/// One over the length of a vector, from its squared length; 0 for a vector without a direction.
fn inverse_length(square: i32) -> f64 {
    if square > 0 { 1.0 / f64::from(square).sqrt() } else { 0.0 }
}

/// The codes of a list of token vectors, one after another, of `width` bytes each.
fn encode(vectors: &[Vec<f32>], width: usize) -> Vec<u8> {
    let mut codes = vec![MIDDLE as u8; vectors.len() * width];
    for (code, vector) in codes.chunks_exact_mut(width.max(1)).zip(vectors) {
        for (byte, number) in code.iter_mut().zip(numbers(vector)) {
            *byte = (MIDDLE + i32::from(number)) as u8;
        }
    }
    codes
}

/// The unit vectors of codes of `width` bytes each, of which the first `dim` are components.
fn decode(codes: &[u8], width: usize, dim: usize) -> Vec<Vec<f32>> {
    let vector = |code: &[u8]| {
        let numbers = code.iter().take(dim).map(|&byte| i32::from(byte) - MIDDLE);
        let scale = inverse_length(numbers.clone().map(|n| n * n).sum());
        numbers.map(|n| (f64::from(n) * scale) as f32).collect()
    };
    codes.chunks_exact(width.max(1)).map(vector).collect()
}

/// Token vectors in the form of the log: their codes without padding.
pub(crate) fn pack(vectors: &[Vec<f32>]) -> Vec<u8> {
    encode(vectors, vectors.first().map_or(0, Vec::len))
}

/// Reads [`pack`] of `vectors` vectors; `None` if the bytes are not that.
pub(crate) fn unpack(codes: &[u8], vectors: usize) -> Option<Vec<Vec<f32>>> {
    let dim = codes.len().checked_div(vectors).filter(|&dim| dim > 0)?;
    let whole = codes.len().is_multiple_of(vectors) && vectors <= MAX_ROW_TOKENS;
    whole.then(|| decode(codes, dim, dim))
}

/// The codes of a document's token vectors, in the form of a segment.
pub(crate) fn row_codes(field: &TokenField, vectors: &[Vec<f32>]) -> Vec<u8> {
    encode(vectors, stride(field.dim))
}

/// Writes the sections `tokens/<field>/{codes,edges}`; each item is the codes of a row, empty for a row
/// without token vectors.
pub(crate) fn write_tokens<'a>(
    out: &mut SegmentWriter,
    field: &TokenField,
    rows: impl Iterator<Item = Result<Cow<'a, [u8]>>>,
) -> Result<()> {
    let (name, stride) = (&field.name, stride(field.dim));
    let mut end = 0u64;
    let mut edges = end.to_le_bytes().to_vec();
    out.begin(&format!("tokens/{name}/codes"))?;
    for codes in rows {
        let codes = codes?;
        end += (codes.len() / stride) as u64;
        edges.extend_from_slice(&end.to_le_bytes());
        out.write(&codes)?;
    }
    out.end()?;
    Ok(out.section(&format!("tokens/{name}/edges"), &edges)?)
}

/// The token vectors of one field of an open segment.
pub(crate) struct TokenStore {
    pub(crate) name: String,
    dim: usize,
    rows: u32,
    codes: Section,
    edges: Section,
    file: String,
}

impl TokenStore {
    pub(crate) fn open(
        reader: &SegmentReader,
        file: &str,
        field: &TokenField,
        rows: u32,
    ) -> Result<Self> {
        let section = |part: &str| reader.section(&format!("tokens/{}/{part}", field.name));
        let (codes, edges) = (section("codes")?, section("edges")?);
        if edges.len() != (rows as usize + 1) * EDGE {
            return Err(corrupt(file, edges.name(), "another number of rows"));
        }
        if !codes.len().is_multiple_of(stride(field.dim)) {
            return Err(corrupt(file, codes.name(), "its length is not one of whole codes"));
        }
        let (name, dim) = (field.name.clone(), field.dim);
        Ok(Self { name, dim, rows, codes, edges, file: file.to_owned() })
    }

    /// The codes of a row's token vectors, one after another; empty for a row without them.
    pub(crate) fn codes(&self, row: u32) -> Result<&[u8]> {
        let at = row as usize * EDGE;
        let (edges, _) = self.edges.get(at..at + 2 * EDGE)?.as_chunks::<EDGE>();
        let edge = |i: usize| edges.get(i).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let (start, end) = (edge(0), edge(1));
        let stride = stride(self.dim) as u64;
        let last = self.codes.len() as u64 / stride;
        if start > end || end > last || end - start > MAX_ROW_TOKENS as u64 {
            let detail = format!("row {row} has impossible edges");
            return Err(corrupt(&self.file, self.edges.name(), detail));
        }
        Ok(self.codes.get((start * stride) as usize..(end * stride) as usize)?)
    }

    /// The token vectors of a row, at unit length; empty for a row without them.
    pub(crate) fn vectors(&self, row: u32) -> Result<Vec<Vec<f32>>> {
        Ok(decode(self.codes(row)?, stride(self.dim), self.dim))
    }

    /// MaxSim of a row and a query; `None` if the row has no token vectors.
    pub(crate) fn score(&self, row: u32, query: &mut TokenQuery) -> Result<Option<f64>> {
        Ok(query.score(self.codes(row)?, stride(self.dim)))
    }

    /// Checks that every token vector belongs to a row, and that each code equals the code of the
    /// vector it decodes to.
    pub(crate) fn check(&self) -> Result<()> {
        let stride = stride(self.dim);
        let mut found = 0;
        for row in 0..self.rows {
            let codes = self.codes(row)?;
            found += codes.len();
            if encode(&decode(codes, stride, self.dim), stride) != codes {
                let detail = format!("row {row} has a code that no vector has");
                return Err(corrupt(&self.file, self.codes.name(), detail));
            }
        }
        if found != self.codes.len() {
            return Err(corrupt(&self.file, self.codes.name(), "codes that belong to no row"));
        }
        Ok(())
    }
}

/// The token vectors of a query prepared for many rows, with scratch memory for one row.
pub(crate) struct TokenQuery {
    tokens: Vec<QueryToken>,
    indices: Vec<u32>,
    inverse_lengths: Vec<f64>,
    products: Vec<i32>,
}

struct QueryToken {
    components: Components,
    /// The share of the codes' middle in every product.
    middle: i32,
    inverse_length: f64,
}

impl TokenQuery {
    pub(crate) fn new(tokens: &[Vec<f32>]) -> Self {
        let token = |vector: &Vec<f32>| {
            let mut components = Components::default();
            components.set(numbers(vector));
            let square = numbers(vector).map(|n| i32::from(n) * i32::from(n)).sum();
            QueryToken {
                middle: components.sum() * MIDDLE,
                components,
                inverse_length: inverse_length(square),
            }
        };
        let tokens = tokens.iter().map(token).collect();
        Self { tokens, indices: Vec::new(), inverse_lengths: Vec::new(), products: Vec::new() }
    }

    /// The sum over the query's tokens of the highest cosine with any of these codes.
    fn score(&mut self, codes: &[u8], stride: usize) -> Option<f64> {
        let Self { tokens, indices, inverse_lengths, products } = self;
        let count = codes.len() / stride;
        if count == 0 {
            return None;
        }
        indices.clear();
        indices.extend(0..count as u32);
        products.resize(count, 0);
        inverse_lengths.clear();
        for &index in &*indices {
            let mut square = 0;
            code_pairs(codes, stride, index, &[index], |_, product| {
                square = product;
                true
            });
            inverse_lengths.push(inverse_length(square));
        }
        let mut sum = 0.0;
        for token in tokens {
            code_dots(Bits::Eight, codes, stride, indices, &token.components, products);
            let cosines = products.iter().zip(&*inverse_lengths);
            let best = cosines
                .map(|(product, inverse)| f64::from(product - token.middle) * inverse)
                .fold(f64::NEG_INFINITY, f64::max);
            sum += best * token.inverse_length;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexivec_storage::MemoryVfs;
    use proptest::prelude::*;

    /// Largest difference of a cosine of two codes from that of their vectors. A component is at most
    /// half a step, 1/254 of the largest one, from its number; of `dim` components whose largest is m
    /// the vector has length 1 at least m, so the code's direction is at most an angle of sqrt(dim) /
    /// 254 away, and each of two vectors adds that much.
    fn tolerance(dim: usize) -> f64 {
        2.0 * (dim as f64).sqrt() / 254.0 + 1e-6
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// MaxSim of float vectors, as it is defined.
    fn model(query: &[Vec<f32>], row: &[Vec<f32>]) -> f64 {
        let best =
            |q: &Vec<f32>| row.iter().map(|t| cosine(q, t)).fold(f64::NEG_INFINITY, f64::max);
        query.iter().map(best).sum()
    }

    fn lists(dim: usize, most: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
        let vector = prop::collection::vec(-8f32..8.0, dim);
        let vector = vector.prop_filter("a direction", |v| v.iter().any(|x| x.abs() > 1e-3));
        prop::collection::vec(vector, 1..=most)
    }

    fn field(dim: usize) -> TokenField {
        TokenField::new("tokens", dim)
    }

    proptest! {
        #[test]
        fn scores_are_near_those_of_the_vectors_and_equal_those_of_the_codes(
            (dim, query, row) in (1usize..150)
                .prop_flat_map(|dim| (Just(dim), lists(dim, 5), lists(dim, 9)))
        ) {
            let codes = row_codes(&field(dim), &row);
            let score = TokenQuery::new(&query).score(&codes, stride(dim)).expect("a score");
            let bound = tolerance(dim) * query.len() as f64;
            let expected = model(&query, &row);
            prop_assert!((score - expected).abs() <= bound, "{score} is not {expected}");
            // Of the unit vectors of the codes it is the score but for rounding.
            let rounded = |of: &[Vec<f32>]| decode(&encode(of, dim), dim, dim);
            let expected = model(&rounded(&query), &rounded(&row));
            prop_assert!((score - expected).abs() <= 1e-6 * query.len() as f64);
            // Lengths do not count.
            let long: Vec<Vec<f32>> =
                row.iter().map(|v| v.iter().map(|x| x * 4.0).collect()).collect();
            prop_assert_eq!(row_codes(&field(dim), &long), codes);
        }

        #[test]
        fn decoded_vectors_have_the_same_codes_again(
            (dim, row) in (1usize..150).prop_flat_map(|dim| (Just(dim), lists(dim, 9)))
        ) {
            let codes = pack(&row);
            let again = unpack(&codes, row.len()).expect("whole codes");
            prop_assert_eq!(&pack(&again), &codes);
            prop_assert_eq!(unpack(&codes, row.len()), Some(again.clone()));
            prop_assert_eq!(row_codes(&field(dim), &again), row_codes(&field(dim), &row));
            for vector in &again {
                prop_assert!((cosine(vector, vector) - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn axes_are_kept_as_they_are() {
        let row = vec![vec![0.0, -1.0, 0.0], vec![1.0, 0.0, 0.0]];
        assert_eq!(unpack(&pack(&row), 2), Some(row.clone()));
        let score = |query: &[Vec<f32>]| {
            TokenQuery::new(query).score(&row_codes(&field(3), &row), stride(3))
        };
        assert_eq!(score(&[vec![0.0, 3.0, 0.0], vec![0.5, 0.0, 0.0]]), Some(0.0 + 1.0));
        assert_eq!(TokenQuery::new(&row).score(&[], stride(3)), None);
    }

    #[test]
    fn invalid_codes_are_reported() {
        for (bytes, vectors) in [(&[1u8, 2, 3][..], 2), (&[][..], 1), (&[1][..], 0), (&[], 0)] {
            assert_eq!(unpack(bytes, vectors), None, "{bytes:?} {vectors}");
        }
        assert_eq!(unpack(&[1; MAX_ROW_TOKENS + 1], MAX_ROW_TOKENS + 1), None);
        // Rows of 2, 0 and 1 token vectors, and faulty versions of them.
        let sound = row_codes(&field(2), &[vec![1.0, 2.0], vec![0.0, 1.0], vec![-3.0, 1.0]]);
        let open = |codes: &[u8], edges: &[u64]| {
            let vfs = MemoryVfs::default();
            let mut out = SegmentWriter::create(&vfs, "s", 1).expect("created");
            let edges: Vec<u8> = edges.iter().flat_map(|e| e.to_le_bytes()).collect();
            out.section("tokens/tokens/codes", codes).expect("written");
            out.section("tokens/tokens/edges", &edges).expect("written");
            let file = out.finish().expect("sealed");
            let reader = SegmentReader::open(&vfs, &file).expect("open");
            TokenStore::open(&reader, "s", &field(2), 3)
        };
        let store = open(&sound, &[0, 2, 2, 3]).expect("sound");
        store.check().expect("sound");
        let lengths: Vec<usize> = (0..3).map(|r| store.vectors(r).expect("read").len()).collect();
        assert_eq!(lengths, [2, 0, 1]);
        assert_eq!(store.score(1, &mut TokenQuery::new(&[vec![1.0, 0.0]])).expect("none"), None);
        assert!(open(&sound, &[0, 2, 3]).is_err());
        assert!(open(&sound[1..], &[0, 2, 2, 3]).is_err());
        for edges in [[0, 2, 1, 3], [0, 2, 2, 4], [0, 2, 2, u64::MAX], [u64::MAX, 2, 2, 3]] {
            open(&sound, &edges).expect("opened").check().expect_err("impossible edges");
        }
        open(&sound, &[0, 2, 2, 2]).expect("opened").check().expect_err("a code of no row");
        for (at, byte) in [(0, 0), (1, 200), (3, 127)] {
            let mut codes = sound.clone();
            codes[at] = byte;
            let store = open(&codes, &[0, 2, 2, 3]).expect("opened");
            store.check().expect_err("no code");
            // It does no harm.
            store.score(0, &mut TokenQuery::new(&[vec![1.0, 0.0]])).expect("some score");
        }
    }
}
