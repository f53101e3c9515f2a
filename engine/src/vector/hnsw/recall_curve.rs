//! The beam width needed for a target recall, measured on a segment when its graph is built.
//!
//! One width does not fit all queries. So some rows are asked as queries, their walks go round the row as
//! if it were not in the graph, and the recall of each width is stored by the contrast of the query.
//! Users may ask harder queries than rows are: some queries are mixed of two rows, and count where they
//! have less contrast than nearly all rows. Contrast is how far the closest rows stand out from the next
//! ones after a narrow walk (He, Kumar and Chang, "On the difficulty of nearest neighbor search", 2012). A
//! search computes its contrast after a narrow walk and reads its width from the curve.

use lexivec_query::limits::MAX_EF;
use lexivec_storage::codec::{Decoder, Encoder};
use rayon::prelude::*;

use super::Graph;
use super::beam::Beam;
use super::search::{CodeRows, Near, Widen, search};
use crate::error::{Result, corrupt};
use crate::vector::store::Query;
use crate::vector::{CodeQuery, Codes, VectorStore, scan_many};
use lexivec_eval::random::SplitMix;

/// Widths measured. A search with a target recall begins with the first.
const LADDER: [u32; 13] = [12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768];
/// Numbers of hits at which recall is measured.
const DEPTHS: [usize; 2] = [10, 100];
/// Queries of a measurement. The recall of one has a standard deviation of about 0.1, so the mean of
/// 480 is known to 0.005.
const QUERIES: usize = 480;
/// Queries of these by which the recall of a code scan is measured.
const SCANNED: usize = 48;
/// Bins of queries of similar contrast, of equal size.
const BINS: usize = 12;
/// Most bins and most widths that a file may have.
const MAX_BINS: usize = 256;
/// Shares of another row that are mixed into a row to make a query of it: two in three queries are rows.
const SHARES: [f32; 6] = [0.0, 0.0, 0.0, 0.0, 0.35, 0.5];
/// Share of the rows asked that may have less contrast than a mixed query that counts (one in ten).
const HARDEST: usize = 10;
/// Share of the misses that a target allows for which a width is read off: users' queries are a little
/// harder than rows are. Without it, recall fell short of targets by up to 0.015 on hard sets.
const CAUTION: f64 = 0.9;
/// Rows from whose scores the contrast is computed.
const CONTRAST_ROWS: usize = 10;
/// Share of missed hits below which a bin counts as missing none: half of one hit it measured.
const LEAST_MISSED: f64 = 0.5 / (10 * QUERIES / BINS) as f64;
/// Most rows that the walk of a query goes round: a row and its copies.
const MAX_HIDDEN: usize = 64;
/// Queries of one task: they stay in the L1 cache while rows are compared with all of them.
const TASK: usize = 20;

/// The recall of each beam width in one segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecallCurve {
    /// Score of a row at the mean distance from the query.
    middle: f32,
    /// Contrast from which the next bin begins.
    edges: Vec<f32>,
    ladder: Vec<u32>,
    depths: Vec<Depth>,
}

#[derive(Clone, Debug, PartialEq)]
struct Depth {
    hits: u32,
    /// Recall of a code scan.
    scan: f32,
    /// Recall by bin, and by width.
    bins: Vec<Vec<f32>>,
}

/// One query measured.
struct Measured {
    is_row: bool,
    contrast: f32,
    /// Recall by depth and width.
    recall: Vec<Vec<f32>>,
    /// Recall of a code scan by depth, if measured.
    scan: Option<Vec<f32>>,
}

impl RecallCurve {
    /// Measures the graph of a segment on queries made of its rows; `None` if it has too few rows.
    pub(crate) fn measure(
        store: &VectorStore,
        codes: &Codes,
        graph: &Graph,
        seed: u64,
    ) -> Result<Option<Self>> {
        let rows: Vec<u32> = store.present.iter().collect();
        if rows.len() < QUERIES {
            return Ok(None);
        }
        let middle = if graph.is_by_vectors() { store.middle()? } else { codes.middle()? };
        let queries = queries(store, &rows, seed)?;
        let tasks: Vec<_> = queries.chunks(TASK).collect();
        let measured = tasks
            .par_iter()
            .map(|task| measure(store, codes, graph, middle, task))
            .collect::<Result<Vec<_>>>()?;
        let mut measured: Vec<Measured> = measured.into_iter().flatten().collect();
        measured.sort_by(|a, b| a.contrast.total_cmp(&b.contrast));
        let rows = measured.iter().filter(|m| m.is_row).count();
        let hard = measured.iter().filter(|m| m.is_row).nth(rows / HARDEST);
        let hard = hard.map_or(0.0, |m| m.contrast);
        measured.retain(|m| m.is_row || m.contrast < hard);
        let bins: Vec<&[Measured]> = measured.chunks(measured.len().div_ceil(BINS)).collect();
        let edges = bins.iter().skip(1).filter_map(|bin| Some(bin.first()?.contrast)).collect();
        let depths = DEPTHS.iter().enumerate().map(|(index, &hits)| {
            let at =
                |bin: &[Measured], width: usize| mean(bin.iter().map(|m| m.recall[index][width]));
            let bin = |bin: &&[Measured]| (0..LADDER.len()).map(|width| at(bin, width)).collect();
            let scan = mean(measured.iter().filter_map(|m| Some(m.scan.as_ref()?[index])));
            Depth { hits: hits as u32, scan, bins: bins.iter().map(bin).collect() }
        });
        Ok(Some(Self { middle, edges, ladder: LADDER.to_vec(), depths: depths.collect() }))
    }

    /// The bytes of the curve; FORMAT.md has their table.
    pub(crate) fn write(&self, out: &mut Encoder) {
        out.f32(self.middle);
        out.u16(self.edges.len() as u16);
        self.edges.iter().for_each(|edge| out.f32(*edge));
        out.u16(self.ladder.len() as u16);
        self.ladder.iter().for_each(|width| out.u32(*width));
        out.u16(self.depths.len() as u16);
        for depth in &self.depths {
            out.u32(depth.hits);
            out.f32(depth.scan);
            depth.bins.iter().flatten().for_each(|recall| out.f32(*recall));
        }
    }

    /// Reads the bytes of [`write`](Self::write).
    pub(crate) fn read(input: &mut Decoder<'_>, file: &str, field: &str) -> Result<Self> {
        let bad = |detail: &str| corrupt(file, field, format!("its recall curve: {detail}"));
        let middle = input.f32()?;
        let edges = input.u16()? as usize;
        if edges >= MAX_BINS {
            return Err(bad("too many bins"));
        }
        let edges = (0..edges).map(|_| Ok(input.f32()?)).collect::<Result<Vec<_>>>()?;
        let widths = input.u16()? as usize;
        if widths == 0 || widths > MAX_BINS {
            return Err(bad("no widths, or too many"));
        }
        let ladder = (0..widths).map(|_| Ok(input.u32()?)).collect::<Result<Vec<_>>>()?;
        let depths = input.u16()? as usize;
        if depths == 0 || depths > MAX_BINS {
            return Err(bad("no depths, or too many"));
        }
        let read = |input: &mut Decoder<'_>| -> Result<Depth> {
            let (hits, scan) = (input.u32()?, input.f32()?);
            let mut bins = vec![Vec::with_capacity(widths); edges.len() + 1];
            for bin in &mut bins {
                for _ in 0..widths {
                    bin.push(input.f32()?);
                }
            }
            Ok(Depth { hits, scan, bins })
        };
        let depths = (0..depths).map(|_| read(input)).collect::<Result<Vec<_>>>()?;
        let share = |x: &f32| (0.0..=1.0).contains(x);
        let sound = middle.is_finite()
            && edges.is_sorted()
            && edges.iter().all(|e| !e.is_nan())
            && ladder.is_sorted_by(|a, b| a < b)
            && ladder.iter().all(|&width| (1..=MAX_EF as u32).contains(&width))
            && depths.is_sorted_by(|a, b| a.hits < b.hits)
            && depths.iter().all(|d| d.hits > 0 && share(&d.scan))
            && depths.iter().all(|d| d.bins.iter().flatten().all(share));
        match sound {
            true => Ok(Self { middle, edges, ladder, depths }),
            false => Err(bad("its numbers are impossible")),
        }
    }

    /// Mean width that queries need for a recall of `target` in `window` hits; `None` if no measured
    /// width reaches it.
    pub(crate) fn mean_ef(&self, target: f64, window: usize) -> Option<usize> {
        let (depth, _) = self.around(window);
        let best = depth.bins.iter().filter_map(|bin| bin.last().copied());
        if f64::from(mean(best)) < target {
            return None;
        }
        let bins = 0..depth.bins.len();
        let all: f64 = bins.clone().map(|bin| self.width(bin, target, window)).sum();
        Some((all / bins.len().max(1) as f64).ceil() as usize)
    }

    /// The least width of at least `width` at which the mean recall in `window` hits reaches `target`;
    /// `None` if no measured width reaches it.
    pub(crate) fn wide_enough(&self, width: usize, target: f64, window: usize) -> Option<usize> {
        let (depth, _) = self.around(window);
        let reaches = |&(index, &wide): &(usize, &u32)| {
            let recall = depth.bins.iter().filter_map(|bin| bin.get(index).copied());
            wide as usize >= width && f64::from(mean(recall)) >= target
        };
        let (_, &wide) = self.ladder.iter().enumerate().find(reaches)?;
        Some(wide as usize)
    }

    /// Recall of a code scan in `window` hits.
    pub(crate) fn scan(&self, window: usize) -> f64 {
        f64::from(self.around(window).0.scan)
    }

    /// Width with which a walk begins.
    pub(crate) fn first(&self, window: usize) -> usize {
        (self.ladder.first().copied().unwrap_or(1) as usize).max(window)
    }

    /// Width with which a walk continues after its narrow beginning.
    pub(crate) fn ef(&self, beam: &Beam, target: f64, window: usize) -> usize {
        let contrast = contrast(beam, self.middle);
        let bin = self.edges.partition_point(|edge| *edge <= contrast);
        (self.width(bin, target, window).round() as usize).clamp(window, MAX_EF.max(window))
    }

    fn width(&self, bin: usize, target: f64, window: usize) -> f64 {
        let target = 1.0 - CAUTION * (1.0 - target);
        let at = |depth: &Depth| {
            depth.bins.get(bin).map_or(0.0, |recall| log_width(&self.ladder, recall, target))
        };
        match self.around(window) {
            (depth, None) => at(depth).exp() * (window as f64 / f64::from(depth.hits)).max(1.0),
            (low, Some(high)) => {
                let log = |hits: u32| f64::from(hits).ln();
                let part =
                    ((window as f64).ln() - log(low.hits)) / (log(high.hits) - log(low.hits));
                (at(low) * (1.0 - part) + at(high) * part).exp()
            }
        }
    }

    /// The depth of a number of hits, or the two depths it lies between.
    fn around(&self, window: usize) -> (&Depth, Option<&Depth>) {
        let above = self.depths.partition_point(|d| d.hits as usize <= window);
        let depth = &self.depths[above.saturating_sub(1)];
        match self.depths.get(above) {
            Some(high) if above > 0 && depth.hits as usize != window => (depth, Some(high)),
            _ => (depth, None),
        }
    }
}

/// Logarithm of the least width at which a rising recall reaches the target. Between two measured
/// widths the logarithm of the missed share is interpolated linearly in the logarithm of the width, as
/// it falls in a straight line over the whole ladder.
fn log_width(ladder: &[u32], recall: &[f32], target: f64) -> f64 {
    let missed = |recall: f64| (1.0 - recall).max(LEAST_MISSED).ln();
    let mut before: Option<(f64, f64)> = None;
    for (&width, &recall) in ladder.iter().zip(recall) {
        let (width, recall) = (f64::from(width).ln(), f64::from(recall));
        if recall >= target {
            return match before.map(|(w, r)| (w, missed(r) - missed(target), missed(r))) {
                Some((w, part, from)) if part < from - missed(recall) => {
                    w + (width - w) * part / (from - missed(recall))
                }
                _ => width,
            };
        }
        before = match before {
            Some((_, r)) if recall <= r => before,
            _ => Some((width, recall)),
        };
    }
    f64::from(ladder.last().copied().unwrap_or(1)).ln()
}

/// Contrast: how far the closest rows stand out from the next ones; 0 if they do not.
fn contrast(beam: &Beam, middle: f32) -> f32 {
    let scores: Vec<f32> = beam.found().take(CONTRAST_ROWS).map(|near| near.score).collect();
    let Some((last, first)) = scores.split_last().filter(|(last, _)| **last > middle) else {
        return 0.0;
    };
    let contrast = (mean(first.iter().copied()) - last) / (last - middle);
    if contrast.is_finite() { contrast } else { 0.0 }
}

fn mean(of: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = of.fold((0f64, 0usize), |(sum, n), x| (sum + f64::from(x), n + 1));
    (sum / count.max(1) as f64) as f32
}

/// A query mixed of two rows; a row by itself if both are the same.
struct Mixed {
    rows: [u32; 2],
    vector: Vec<f32>,
}

/// Queries made of rows.
fn queries(store: &VectorStore, rows: &[u32], seed: u64) -> Result<Vec<Mixed>> {
    let mut random = SplitMix::new(seed);
    let step = rows.len() / QUERIES;
    let mut queries = Vec::with_capacity(QUERIES);
    for (&row, share) in rows.iter().step_by(step.max(1)).zip(SHARES.iter().cycle()).take(QUERIES) {
        let other = rows[random.below(rows.len() as u64) as usize];
        let other = if *share > 0.0 { other } else { row };
        let (own, far) =
            (store.inverse_norm(row)? * (1.0 - share), store.inverse_norm(other)? * share);
        let pair = store.vector(row)?.iter().zip(store.vector(other)?);
        let vector = pair.map(|(x, y)| x * own + y * far).collect();
        queries.push(Mixed { rows: [row, other], vector });
    }
    Ok(queries)
}

/// The exact result of a mixed query.
struct Truth<'a> {
    query: &'a Query<'a>,
    /// Rows that the walk goes round: those that it was mixed of, and the copies of one that is asked itself. With its
    /// copies left, the hits would be these, which any walk finds, and not what users' queries look for.
    hidden: Vec<u32>,
    /// Rows that count neither as hits nor as found.
    left_out: Vec<u32>,
    /// Similarities of the other rows, best first.
    exact: Vec<f64>,
}

impl Truth<'_> {
    /// The rows that count.
    fn others(&self, rows: impl Iterator<Item = u32>) -> impl Iterator<Item = u32> {
        rows.filter(|row| !self.left_out.contains(row))
    }

    /// Share of the first `depth` exact hits among those that rescoring the rows of `found` returns.
    fn recall(&self, found: impl Iterator<Item = u32>, depth: usize) -> Result<f32> {
        let within = self.exact.get(..depth.min(self.exact.len()));
        let Some(least) = within.and_then(<[f64]>::last) else {
            return Ok(1.0);
        };
        let mut close = 0;
        for row in found {
            let similarity = self.query.similarity(&self.query.stored(row)?);
            close += usize::from(f64::from(similarity) >= *least);
        }
        Ok(close.min(depth) as f32 / depth as f32)
    }
}

/// The rows that a walk goes round, and those that do not count. `own` is the similarity of a row that is asked itself
/// with itself, and `exact` has its closest rows. If it has more than [`MAX_HIDDEN`] copies, a user's query close to it
/// has hits among these alone: then none is hidden.
fn left_out(mixed: &Mixed, own: Option<f64>, exact: &[(u32, f64)]) -> (Vec<u32>, Vec<u32>) {
    let is_copy = |(_, score): &&(u32, f64)| own.is_some_and(|own| *score >= own);
    let copies = exact.iter().take_while(is_copy).map(|(row, _)| *row);
    let mut hidden: Vec<u32> = mixed.rows.iter().copied().chain(copies).collect();
    hidden.sort_unstable();
    hidden.dedup();
    match hidden.len() <= MAX_HIDDEN {
        true => (hidden.clone(), hidden),
        false => (Vec::new(), mixed.rows.to_vec()),
    }
}

/// Measures some queries, and the code scan of some of them.
fn measure(
    store: &VectorStore,
    codes: &Codes,
    graph: &Graph,
    middle: f32,
    task: &[Mixed],
) -> Result<Vec<Measured>> {
    let deepest = DEPTHS[DEPTHS.len() - 1];
    let asked: Vec<_> = task.iter().map(|mixed| store.query(&mixed.vector)).collect();
    let exact = scan_many(&asked, store.present.iter(), deepest + MAX_HIDDEN, Ok)?;
    let mut measured = Vec::with_capacity(task.len());
    for (index, ((mixed, query), exact)) in task.iter().zip(&asked).zip(&exact).enumerate() {
        let is_row = mixed.rows[0] == mixed.rows[1];
        let own = f64::from(query.similarity(&query.stored(mixed.rows[0])?));
        let (hidden, left_out) = left_out(mixed, is_row.then_some(own), exact);
        let others = exact.iter().filter(|(row, _)| !left_out.contains(row));
        let exact: Vec<f64> = others.map(|(_, score)| *score).take(deepest).collect();
        let truth = Truth { query, hidden, left_out, exact };
        let by_codes = codes.query(&mixed.vector, query.inverse_norm());
        let scored = |depth: usize| graph.scored(codes, depth);
        let (contrast, recall) = match graph.is_by_vectors() {
            true => walked(graph, query, &scored, middle, &truth)?,
            false => walked(graph, &CodeRows::new(codes, &by_codes)?, &scored, middle, &truth)?,
        };
        let scan = match index.is_multiple_of(QUERIES / SCANNED) {
            false => None,
            true => Some(scanned(store, codes, &by_codes, &truth)?),
        };
        measured.push(Measured { is_row, contrast, recall, scan });
    }
    Ok(measured)
}

/// The contrast of a query, and the recall of its walk at each depth and width; `scored` is the number of
/// rows that a search of a depth scores by vectors.
fn walked(
    graph: &Graph,
    near: &impl Near,
    scored: &dyn Fn(usize) -> usize,
    middle: f32,
    truth: &Truth<'_>,
) -> Result<(f32, Vec<Vec<f32>>)> {
    let mut recall: Vec<Vec<f32>> = vec![Vec::new(); DEPTHS.len()];
    let (mut stands_out, mut failed) = (0.0, None);
    let mut widen = |beam: &Beam| {
        let index = recall[0].len();
        if index == 0 {
            stands_out = contrast(beam, middle);
        }
        for (recall, &depth) in recall.iter_mut().zip(&DEPTHS) {
            let found = truth.others(beam.found().map(|near| near.row));
            match truth.recall(found.take(scored(depth)), depth) {
                Ok(share) => recall.push(share),
                Err(error) => failed = Some(error),
            }
        }
        LADDER.get(index + 1).filter(|_| failed.is_none()).map(|&width| width as usize)
    };
    let first = LADDER[0] as usize;
    search(graph, near, &truth.hidden, first, Widen::With(&mut widen), None)?;
    if let Some(error) = failed {
        return Err(error);
    }
    // A walk in an empty graph never calls `widen`: its recall is 0.
    recall.iter_mut().for_each(|recall| recall.resize(LADDER.len(), 0.0));
    Ok((stands_out, recall))
}

/// The recall of a code scan at each depth.
fn scanned(
    store: &VectorStore,
    codes: &Codes,
    near: &CodeQuery,
    truth: &Truth<'_>,
) -> Result<Vec<f32>> {
    let rows = store.present.count();
    let deepest = DEPTHS[DEPTHS.len() - 1];
    let most = |depth: usize| depth + truth.left_out.len() + codes.spare(depth, rows);
    let mut found = codes.scan(near, &store.present, most(deepest))?;
    found.sort_unstable_by(|a, b| b.cmp(a));
    let recall = |&depth: &usize| {
        let found = found.iter().map(|near| near.row).take(most(depth));
        truth.recall(truth.others(found), depth)
    };
    DEPTHS.iter().map(recall).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> RecallCurve {
        let depth = |hits, scan, most: f32| Depth {
            hits,
            scan,
            // The hard bin first.
            bins: vec![vec![0.5 * most, 0.8 * most, most], vec![0.8 * most, most, most]],
        };
        let depths = vec![depth(10, 1.0, 1.0), depth(100, 0.9, 0.9)];
        RecallCurve { middle: 0.0, edges: vec![0.2], ladder: vec![16, 64, 256], depths }
    }

    fn bytes(curve: &RecallCurve) -> Vec<u8> {
        let mut out = Encoder::new();
        curve.write(&mut out);
        out.into_bytes()
    }

    #[test]
    fn widths_are_read_off_the_measurements() {
        let curve = curve();
        // In the hard bin 0.82 is reached between 64 and 256, in the easy one between 16 and 64.
        let mean = curve.mean_ef(0.8, 10).expect("it is reached");
        assert!((40..160).contains(&mean), "{mean}");
        assert_eq!(curve.mean_ef(1.0, 10), Some(160));
        for (target, window, least, most) in
            [(0.9, 10, 64.0, 256.0), (0.6, 10, 16.0, 64.0), (0.8, 30, 64.0, 256.0)]
        {
            let width = curve.width(0, target, window);
            assert!(least < width && width < most, "{target} {window}: {width}");
        }
        assert!(curve.width(0, 0.7, 1_000) > curve.width(0, 0.7, 100), "deeper is wider");
        assert_eq!(curve.mean_ef(0.95, 100), None, "no width reaches it");
        assert!((curve.scan(100) - 0.9).abs() < 1e-6);
        // Mean recall of the two bins: 0.65, 0.9, 1.
        for (width, target, expected) in
            [(16, 0.6, Some(16)), (20, 0.6, Some(64)), (16, 0.95, Some(256)), (300, 0.6, None)]
        {
            assert_eq!(curve.wide_enough(width, target, 10), expected, "{width} {target}");
        }
    }

    #[test]
    fn bytes_are_read_back_and_impossible_ones_refused() {
        let sound = curve();
        let read = |bytes: &[u8]| {
            let mut input = Decoder::new("s", bytes);
            let curve = RecallCurve::read(&mut input, "s", "vector")?;
            input.finish()?;
            Ok::<_, crate::Error>(curve)
        };
        assert_eq!(read(&bytes(&sound)).expect("sound"), sound);
        for len in 0..bytes(&sound).len() {
            assert!(read(&bytes(&sound)[..len]).is_err(), "cut to {len}");
        }
        let hostile: [&dyn Fn(&mut RecallCurve); 8] = [
            &|c| c.middle = f32::NAN,
            &|c| c.edges[0] = f32::NAN,
            &|c| c.ladder[1] = 16,
            &|c| c.ladder[2] = u32::MAX,
            &|c| c.depths[0].hits = 0,
            &|c| c.depths[1].hits = 10,
            &|c| c.depths[0].scan = -1.0,
            &|c| c.depths[1].bins[1][2] = 1.5,
        ];
        for (i, change) in hostile.iter().enumerate() {
            let mut curve = sound.clone();
            change(&mut curve);
            assert!(read(&bytes(&curve)).is_err(), "{i}");
        }
    }
}
