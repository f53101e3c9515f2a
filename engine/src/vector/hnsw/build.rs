//! Building the graph: seeded levels, batches searched in parallel, links made in a fixed order.
//!
//! Rows are inserted in a seeded random order, in batches that grow with the graph. The rows of a
//! batch search the graph as it stood before the batch, in parallel; then forward links are
//! written and reverse links are pruned, group by group. The result does not depend on the order of
//! threads, so one seed gives one graph under any number of threads.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::beam::Beam;
use super::built::{BuiltGraph, Level};
use super::compare::{Compare, PairQuery, Side};
use super::copies::copies;
use super::layout::{Graph, OldList, Older};
use super::{MAX_LEVEL, NO_NEIGHBOUR};
use crate::error::Result;
use crate::vector::distance::prefetch;
use crate::vector::{ScoredRow, VectorRows};
use lexivec_eval::random::SplitMix;

/// Part of a full list (one in four places) that rows beyond the closest ones may take.
const BEYOND: usize = 4;
/// A batch is at most this share of the rows already in the graph (1/32): its rows do not see each
/// other while they search, and at 3 % of the graph the loss of recall is within noise.
const BATCH_SHARE: usize = 32;
/// Most rows of a batch; enough work for many cores.
const MAX_BATCH: usize = 2_048;

/// The parameters of a graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuildParameters {
    pub(crate) m: usize,
    pub(crate) ef_construction: usize,
    pub(crate) seed: u64,
}

/// A new node: its highest level, and the path to its entry on level 0.
struct Node {
    row: u32,
    top: usize,
    /// See [`Builder::entry_path`].
    path: Vec<u32>,
}

/// A reverse link: a new node has chosen `target` as a neighbour and is to enter its list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    target: u32,
    source: u32,
    /// Index of the new node in its batch.
    index: u32,
}

/// Rows found for one new node, level by level from 0.
struct Found {
    row: u32,
    chosen: Vec<Vec<u32>>,
}

/// Neighbours chosen for one row on one level.
#[derive(Clone, Default)]
struct Choice {
    /// The first ones of each side.
    first: Vec<u32>,
    /// Further ones, for places that the sides leave.
    further: Vec<u32>,
}

impl Choice {
    /// Adds those chosen by one side, closest first, of which `share` have a place.
    fn add(&mut self, mut chosen: Vec<u32>, share: usize) {
        let further = chosen.split_off(share.min(chosen.len()));
        chosen.retain(|row| !self.first.contains(row));
        self.first.extend(chosen);
        self.further.extend(further);
    }

    /// Up to `degree` of them, each once.
    fn list(mut self, degree: usize) -> Vec<u32> {
        for row in self.further {
            if self.first.len() < degree && !self.first.contains(&row) {
                self.first.push(row);
            }
        }
        self.first
    }
}

/// Builds the graph over the rows that have a vector. `progress` receives the rows inserted so far and
/// in all.
pub(crate) fn build(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    grow(vectors, parameters, None, progress)
}

/// Like [`build`], but beginning with the rows of an older graph and their links: only the other rows
/// are searched for, which is most of the work. `renumbered` gives a row of the older graph its number
/// in the new segment.
pub(crate) fn extend(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    old: &Graph,
    renumbered: &[Option<u32>],
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    // Lists of another degree would not fit.
    if old.degree() != 2 * parameters.m {
        return build(vectors, parameters, progress);
    }
    grow(vectors, parameters, Some(Older::read(old, renumbered)?), progress)
}

fn grow(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    older: Option<Older>,
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    let rows = vectors.present.rows();
    let mut random = SplitMix::new(parameters.seed);
    let mut linked = older.as_ref().map_or_else(|| vec![false; rows as usize], |o| o.members(rows));
    let copies = copies(vectors);
    // One row of each vector is enough; the others are linked to it at the end.
    let mut left_out = vec![false; rows as usize];
    for group in &copies {
        let others = usize::from(!group.iter().any(|&row| linked[row as usize]));
        group.iter().skip(others).for_each(|&row| left_out[row as usize] = true);
    }
    let mut order: Vec<u32> = vectors
        .present
        .iter()
        .filter(|&row| !linked[row as usize] && !left_out[row as usize])
        .collect();
    order.iter().for_each(|&row| linked[row as usize] = true);
    random.shuffle(&mut order);
    let mut tops: Vec<usize> = order.iter().map(|_| level(&mut random, parameters.m)).collect();
    // The rows of the older graph come first, in ascending order.
    let mut next = 0;
    if let Some(older) = &older {
        next = older.rows.len();
        order.splice(0..0, older.rows.iter().map(|&(row, _)| row));
        tops.splice(0..0, older.rows.iter().map(|&(_, top)| top));
    }
    let mut builder = Builder::new(vectors, parameters, &order, &tops)?;
    if let Some(older) = older {
        builder.take_over(older);
    }
    while next < order.len() {
        let share = (next / BATCH_SHARE).clamp(1, MAX_BATCH).min(order.len() - next);
        // A node that raises the graph ends its batch: two such nodes in one batch would not be linked.
        let height = builder.top();
        let batch = (next..next + share)
            .position(|i| height.is_none_or(|h| tops[i] > h))
            .map_or(share, |raiser| raiser + 1);
        let nodes: Vec<(u32, usize)> =
            order[next..next + batch].iter().copied().zip(tops[next..].iter().copied()).collect();
        builder.insert(&nodes);
        next += batch;
        progress(next, order.len())?;
    }
    builder.link_copies(&copies, &linked);
    builder.connect();
    let entry = builder.entry.map(|e| e.0);
    let resolution = builder.compare.resolution;
    Ok(BuiltGraph { rows, m: parameters.m, levels: builder.levels, entry, resolution })
}

pub(super) struct Builder<'a> {
    pub(super) vectors: &'a VectorRows<'a>,
    pub(super) compare: Compare<'a>,
    parameters: BuildParameters,
    pub(super) levels: Vec<Level>,
    /// Entry row and its level.
    pub(super) entry: Option<(u32, usize)>,
}

impl<'a> Builder<'a> {
    fn new(
        vectors: &'a VectorRows<'a>,
        parameters: BuildParameters,
        order: &[u32],
        tops: &[usize],
    ) -> Result<Self> {
        let rows = vectors.present.rows();
        let highest = tops.iter().copied().max().unwrap_or(0);
        let mut levels = vec![Level::new(2 * parameters.m, rows, None)?];
        for level in 1..=highest {
            let mut members: Vec<u32> = order
                .iter()
                .zip(tops)
                .filter(|&(_, &top)| top >= level)
                .map(|(&row, _)| row)
                .collect();
            members.sort_unstable();
            levels.push(Level::new(parameters.m, rows, Some(members))?);
        }
        Ok(Self { vectors, compare: Compare::new(vectors)?, parameters, levels, entry: None })
    }

    /// Takes the rows and links of an older graph over, and gives rows that lost a neighbour those of
    /// the lost one to choose from (as Singh et al., "FreshDiskANN", 2021, consolidate deletes).
    fn take_over(&mut self, older: Older) {
        for (level, lists) in older.links.iter().enumerate() {
            let degree = self.levels.get(level).map_or(0, |l| l.degree);
            let mended: Vec<(u32, Vec<u32>)> = lists
                .par_iter()
                .map_init(Walk::default, |walk, OldList { row, kept, instead }| {
                    if instead.is_empty() {
                        return (*row, kept.clone());
                    }
                    let mut list: Vec<u32> = kept.iter().chain(instead).copied().collect();
                    list.sort_unstable();
                    list.dedup();
                    list.retain(|n| n != row);
                    (*row, self.choose(walk, *row, &list, degree))
                })
                .collect();
            for (row, neighbours) in mended {
                self.levels[level].set(row, &neighbours);
            }
        }
        let highest = older.rows.iter().copied().max_by_key(|&(row, top)| (top, Reverse(row)));
        self.entry = highest;
    }

    fn top(&self) -> Option<usize> {
        self.entry.map(|(_, level)| level)
    }

    fn insert(&mut self, nodes: &[(u32, usize)]) {
        let mut placed: Vec<Node> = nodes
            .par_iter()
            .map_init(Walk::default, |walk, &(row, top)| Node {
                row,
                top,
                path: self.entry_path(walk, row),
            })
            .collect();
        // Nodes with the same entry path follow each other: the walk of one brings into the caches what
        // the next one reads. The result does not depend on this order.
        placed.par_sort_by(|a, b| a.path.cmp(&b.path));
        let found: Vec<Found> =
            placed.par_iter().map_init(Walk::default, |walk, node| self.find(walk, node)).collect();
        let mut reverse: Vec<Vec<Link>> = vec![Vec::new(); self.levels.len()];
        for (index, node) in (0..).zip(&found) {
            let source = node.row;
            for (level, chosen) in node.chosen.iter().enumerate() {
                self.levels[level].set(source, chosen);
                let links = chosen.iter().map(|&target| Link { target, source, index });
                reverse[level].extend(links);
            }
        }
        for (level, mut links) in reverse.into_iter().enumerate() {
            links.sort_unstable();
            let mut groups: Vec<&[Link]> = links.chunk_by(|a, b| a.target == b.target).collect();
            groups.sort_by_cached_key(|group| group.iter().map(|link| link.index).min());
            let merged: Vec<(u32, Vec<u32>)> = groups
                .par_iter()
                .map_init(Walk::default, |walk, group| self.merge(walk, level, group))
                .collect();
            for (target, neighbours) in merged {
                self.levels[level].set(target, &neighbours);
            }
        }
        for &(row, top) in nodes {
            if self.entry.is_none_or(|(_, height)| top > height) {
                self.entry = Some((row, top));
            }
        }
    }

    /// The path of a new node to level 0: the closest row that greedy steps reach on each upper level,
    /// from the entry down to level 1.
    fn entry_path(&self, walk: &mut Walk, row: u32) -> Vec<u32> {
        let Some((entry, height)) = self.entry else {
            return Vec::new();
        };
        self.compare.query(row, Side::Given, &mut walk.query);
        let Some(mut nearest) = walk.score(&self.compare, &[entry]).next() else {
            return Vec::new();
        };
        let mut path = vec![nearest.row];
        for level in (1..=height).rev() {
            nearest = self.descend(walk, nearest, level);
            path.push(nearest.row);
        }
        path
    }

    /// Neighbours of a new node on each of its levels that the graph already has.
    fn find(&self, walk: &mut Walk, node: &Node) -> Found {
        let (row, top) = (node.row, node.top);
        let Some((_, height)) = self.entry else {
            return Found { row, chosen: Vec::new() };
        };
        let top = top.min(height);
        let mut chosen = vec![Choice::default(); top + 1];
        for &side in self.compare.sides {
            self.compare.query(row, side, &mut walk.query);
            let entry = node.path.get(height - top).map_or(&[][..], std::slice::from_ref);
            walk.found = walk.score(&self.compare, entry).collect();
            for level in (0..=top).rev() {
                self.walk(walk, level);
                self.select(&walk.found, side, self.levels[level].degree, &mut chosen[level]);
            }
        }
        let lists = self.levels.iter().zip(chosen);
        Found { row, chosen: lists.map(|(level, chosen)| chosen.list(level.degree)).collect() }
    }

    /// The rows that a walk towards `row` finds, the closest first.
    pub(super) fn close(&self, walk: &mut Walk, row: u32) -> Vec<u32> {
        let entry = self.entry_path(walk, row).pop();
        self.compare.query(row, self.last_side(), &mut walk.query);
        walk.found = walk.score(&self.compare, entry.as_slice()).collect();
        self.walk(walk, 0);
        walk.found.iter().map(|near| near.row).filter(|&found| found != row).collect()
    }

    /// Greedy steps on one level to the closest row they reach.
    fn descend(&self, walk: &mut Walk, mut nearest: ScoredRow, level: usize) -> ScoredRow {
        loop {
            let before = nearest;
            let neighbours = self.levels[level].neighbours(before.row);
            for near in walk.score(&self.compare, neighbours) {
                nearest = nearest.max(near);
            }
            if nearest == before {
                return nearest;
            }
        }
    }

    /// Walks one level from the rows found on the level above, and replaces them by the closest ones found.
    fn walk(&self, walk: &mut Walk, level: usize) {
        let level = &self.levels[level];
        walk.beam.start(self.vectors.present.rows(), self.parameters.ef_construction, false);
        for near in std::mem::take(&mut walk.found) {
            walk.beam.first(near.row);
            walk.beam.offer(near);
        }
        let mut fresh = std::mem::take(&mut walk.fresh);
        while let Some(current) = walk.beam.pop() {
            if let Some(next) = walk.beam.peek() {
                prefetch(bytemuck::cast_slice(level.list(next)));
            }
            fresh.clear();
            for &n in level.list(current.row) {
                if n == NO_NEIGHBOUR {
                    break;
                }
                if walk.beam.first(n) {
                    self.compare.prefetch_rough(n);
                    fresh.push(n);
                }
            }
            self.compare.rough_scores(&walk.query, &fresh, &mut walk.products, &mut walk.scores);
            for (&row, &score) in fresh.iter().zip(&walk.scores) {
                walk.beam.offer(ScoredRow { score, row });
            }
            if let Some(next) = walk.beam.peek() {
                prefetch(bytemuck::cast_slice(level.list(next)));
            }
        }
        walk.fresh = fresh;
        let mut found = std::mem::take(&mut walk.found);
        found.extend(walk.beam.found());
        if self.compare.is_rough() {
            let rows: Vec<u32> = found.iter().map(|near| near.row).collect();
            found.clear();
            found.extend(walk.score(&self.compare, &rows));
            found.sort_unstable_by(|a, b| b.cmp(a));
        }
        walk.found = found;
    }

    /// Chooses among the candidates of one side, closest first: those that are not much closer to a
    /// chosen one than to the node itself. Unused slots stay free for later rows, so that a list is not
    /// pruned again with each of them (algorithm 4 of the paper without `keepPrunedConnections`; the slack
    /// is that of Subramanya et al., "DiskANN", 2019).
    fn select(&self, candidates: &[ScoredRow], side: Side, degree: usize, choice: &mut Choice) {
        let mut chosen: Vec<u32> = Vec::with_capacity(degree);
        let mut left = candidates.iter();
        while chosen.len() < degree
            && let Some(c) = left.next()
        {
            if let Some(next) = left.as_slice().first() {
                self.compare.prefetch(next.row);
            }
            let limit = self.compare.slack(c.score);
            if !self.compare.is_closer(c.row, &chosen, side, limit) {
                chosen.push(c.row);
            }
        }
        // Rows that are all as far from each other as from the node fill the list: some places are for
        // rows beyond them, or no walk would leave such a cluster.
        let mut beyond: Vec<u32> = Vec::new();
        for c in left {
            if beyond.len() == degree / BEYOND {
                break;
            }
            let closer = |others: &[u32]| self.compare.is_closer(c.row, others, side, c.score);
            if !closer(&chosen) && !closer(&beyond) {
                beyond.push(c.row);
            }
        }
        chosen.truncate(degree - beyond.len());
        chosen.extend(beyond);
        choice.add(chosen, degree / self.compare.sides.len());
    }

    /// Chooses neighbours of a row among others by every side.
    fn choose(&self, walk: &mut Walk, row: u32, among: &[u32], degree: usize) -> Vec<u32> {
        let mut choice = Choice::default();
        for &side in self.compare.sides {
            self.compare.query(row, side, &mut walk.query);
            let mut near: Vec<ScoredRow> = walk.score(&self.compare, among).collect();
            near.sort_unstable_by(|a, b| b.cmp(a));
            self.select(&near, side, degree, &mut choice);
        }
        choice.list(degree)
    }

    /// The side by which rows have neighbours around them.
    pub(super) fn last_side(&self) -> Side {
        self.compare.sides.last().copied().unwrap_or_default()
    }

    /// The list of one target merged with the new nodes that chose it.
    fn merge(&self, walk: &mut Walk, level: usize, group: &[Link]) -> (u32, Vec<u32>) {
        let target = group.first().map_or(0, |link| link.target);
        let degree = self.levels[level].degree;
        let mut list: Vec<u32> = self.levels[level].neighbours(target).to_vec();
        list.extend(group.iter().map(|link| link.source));
        if list.len() <= degree {
            return (target, list);
        }
        (target, self.choose(walk, target, &list, degree))
    }
}

/// Scratch memory of one thread.
#[derive(Default)]
pub(super) struct Walk {
    beam: Beam,
    pub(super) query: PairQuery,
    fresh: Vec<u32>,
    products: Vec<i32>,
    scores: Vec<f32>,
    found: Vec<ScoredRow>,
}

impl Walk {
    /// Scores some rows by the query.
    pub(super) fn score<'a>(
        &'a mut self,
        compare: &Compare<'_>,
        rows: &'a [u32],
    ) -> impl Iterator<Item = ScoredRow> {
        rows.iter().for_each(|&row| compare.prefetch(row));
        compare.scores(&self.query, rows, &mut self.products, &mut self.scores);
        rows.iter().zip(&self.scores).map(|(&row, &score)| ScoredRow { score, row })
    }
}

/// A random level: floor(-ln(u) / ln(m)), the paper's choice of m_L = 1 / ln(m).
fn level(random: &mut SplitMix, m: usize) -> usize {
    ((-random.unit().ln() / (m as f64).ln()) as usize).min(MAX_LEVEL)
}
