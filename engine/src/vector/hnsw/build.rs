//! Building the graph: seeded levels, batches searched in parallel, links made in a fixed order.
//!
//! Rows are inserted in a seeded random order, in batches that grow with the graph. The rows of a
//! batch search the graph as it stood before the batch, in parallel; then forward links are
//! written and reverse links are pruned, group by group. Nothing depends on which thread did what,
//! so one seed gives one graph under any number of threads.

use std::cmp::Reverse;

use lexivec_storage::Scratch;
use rayon::prelude::*;

use super::beam::Beam;
use super::layout::{Graph, OldList, Older};
use super::{MAX_LEVEL, NO_NEIGHBOUR};
use crate::error::Result;
use crate::schema::Metric;
use crate::vector::distance::prefetch;
use crate::vector::quantize::{BuildCodes, PairQuery};
use crate::vector::{Near, VectorRows};
use lexivec_query::random::SplitMix;

/// A batch is at most this share of the rows already in the graph (1/32): its rows do not see each
/// other while they search, and at 3 % of the graph the loss of recall is within noise.
const BATCH_SHARE: usize = 32;
/// Rows of a batch at the most; enough work for many cores.
const MAX_BATCH: usize = 2_048;
/// Times two neighbours may be closer to each other, in squared distance, than the node is to the
/// farther one. Tried on 100,000 sentence vectors: benches/RESULTS.md.
const SLACK: f32 = 1.08;
/// Marks a row that is not on a level.
const UNMAPPED: u32 = u32::MAX;

/// What decides the shape of a graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuildParameters {
    pub(crate) m: usize,
    pub(crate) ef_construction: usize,
    pub(crate) seed: u64,
}

/// A graph in memory: fixed-degree lists per level.
pub(crate) struct BuiltGraph {
    pub(crate) rows: u32,
    pub(crate) m: usize,
    pub(crate) levels: Vec<Level>,
    /// Entry row; `None` for a graph without rows.
    pub(crate) entry: Option<u32>,
}

/// One level: which rows are on it, and `degree` places for neighbours each.
pub(crate) struct Level {
    pub(crate) degree: usize,
    /// Rows on this level, ascending; empty on level 0, where a row is its own slot.
    pub(crate) members: Vec<u32>,
    slots: Vec<u32>,
    links: Scratch,
}

impl Level {
    fn new(degree: usize, rows: u32, members: Option<Vec<u32>>) -> Result<Self> {
        let (members, slots) = match members {
            None => (Vec::new(), Vec::new()),
            Some(members) => {
                let mut slots = vec![UNMAPPED; rows as usize];
                for (slot, &row) in (0u32..).zip(&members) {
                    slots[row as usize] = slot;
                }
                (members, slots)
            }
        };
        let nodes = if slots.is_empty() { rows as usize } else { members.len() };
        let mut links = Scratch::zeroed(nodes * degree * size_of::<u32>())?;
        bytemuck::cast_slice_mut(&mut links).fill(NO_NEIGHBOUR);
        Ok(Self { degree, members, slots, links })
    }

    /// The neighbours of all rows on the level, by their slots.
    pub(crate) fn links(&self) -> &[u32] {
        bytemuck::cast_slice(&self.links)
    }

    fn start(&self, row: u32) -> usize {
        let slot = if self.slots.is_empty() { row } else { self.slots[row as usize] };
        slot as usize * self.degree
    }

    pub(crate) fn slot(&self, row: u32) -> u32 {
        if self.slots.is_empty() { row } else { self.slots[row as usize] }
    }

    /// Places for the neighbours of a row.
    fn list(&self, row: u32) -> &[u32] {
        let start = self.start(row);
        &self.links()[start..start + self.degree]
    }

    /// Neighbours of a row, as rows.
    pub(super) fn neighbours(&self, row: u32) -> &[u32] {
        let list = self.list(row);
        let used = list.iter().position(|&n| n == NO_NEIGHBOUR).unwrap_or(self.degree);
        &list[..used]
    }

    pub(super) fn set(&mut self, row: u32, neighbours: &[u32]) {
        let start = self.start(row);
        let links: &mut [u32] = bytemuck::cast_slice_mut(&mut self.links);
        let list = &mut links[start..start + self.degree];
        list.fill(NO_NEIGHBOUR);
        list[..neighbours.len()].copy_from_slice(neighbours);
    }
}

/// A new node: its highest level, and where it comes in.
struct Node {
    row: u32,
    top: usize,
    /// See [`Builder::place`].
    path: Vec<Near>,
}

impl Node {
    fn rows(&self) -> impl Iterator<Item = u32> {
        self.path.iter().map(|near| near.row)
    }
}

/// A new node that has chosen a row and asks to be in its list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    target: u32,
    source: u32,
    /// Of the new node among those of its batch.
    place: u32,
}

/// Rows found for one new node, level by level from 0.
struct Found {
    row: u32,
    chosen: Vec<Vec<u32>>,
}

/// Builds the graph over the rows that have a vector. `progress` is told how many rows are in.
pub(crate) fn build(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    grow(vectors, parameters, None, progress)
}

/// As [`build`], beginning with the rows of an older graph and their links: only the others are
/// searched for, which is most of the work. `old` gives a row its place in the new segment.
pub(crate) fn extend(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    old: &Graph,
    place: &[Option<u32>],
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    // A graph of other lists would not fit.
    if old.degree() != 2 * parameters.m {
        return build(vectors, parameters, progress);
    }
    grow(vectors, parameters, Some(Older::read(old, place)?), progress)
}

fn grow(
    vectors: &VectorRows<'_>,
    parameters: BuildParameters,
    older: Option<Older>,
    progress: &(dyn Fn(usize, usize) -> Result<()> + Sync),
) -> Result<BuiltGraph> {
    let rows = vectors.present.rows();
    let mut random = SplitMix::new(parameters.seed);
    let taken = older.as_ref().map_or_else(Vec::new, |o| o.members(rows));
    let mut order: Vec<u32> = vectors
        .present
        .iter()
        .filter(|&row| !taken.get(row as usize).is_some_and(|t| *t))
        .collect();
    random.shuffle(&mut order);
    let mut tops: Vec<usize> = order.iter().map(|_| level(&mut random, parameters.m)).collect();
    // Those of the older graph come first, in the order of their rows.
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
        // A node that raises the graph ends its batch: two that do so at once would not be linked.
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
    builder.connect();
    let entry = builder.entry.map(|e| e.0);
    Ok(BuiltGraph { rows, m: parameters.m, levels: builder.levels, entry })
}

pub(super) struct Builder<'a> {
    pub(super) vectors: &'a VectorRows<'a>,
    pub(super) codes: BuildCodes,
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
        Ok(Self { vectors, codes: BuildCodes::new(vectors)?, parameters, levels, entry: None })
    }

    /// Takes the rows and links of an older graph over, and gives rows that lost a neighbour those of
    /// the lost one to choose from (as Singh et al., "FreshDiskANN", 2021, consolidate deletes).
    fn take_over(&mut self, older: Older) {
        for (level, lists) in older.links.iter().enumerate() {
            let degree = self.levels.get(level).map_or(0, |l| l.degree);
            let mended: Vec<(u32, Vec<u32>)> = lists
                .par_iter()
                .map(|OldList { row, kept, instead }| {
                    if instead.is_empty() {
                        return (*row, kept.clone());
                    }
                    let mut list: Vec<u32> = kept.iter().chain(instead).copied().collect();
                    list.sort_unstable();
                    list.dedup();
                    let near = |n: u32| Near { score: self.codes.similarity(n, *row), row: n };
                    let mut near: Vec<Near> =
                        list.into_iter().filter(|n| n != row).map(near).collect();
                    near.sort_unstable_by(|a, b| b.cmp(a));
                    (*row, self.select(&near, degree))
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
                path: self.place(walk, row),
            })
            .collect();
        // Those that come in at one place follow each other: what the walk of one has brought into the
        // caches the next one finds there. What they find does not depend on their order.
        placed.par_sort_by(|a, b| a.rows().cmp(b.rows()));
        let found: Vec<Found> =
            placed.par_iter().map_init(Walk::default, |walk, node| self.find(walk, node)).collect();
        let mut reverse: Vec<Vec<Link>> = vec![Vec::new(); self.levels.len()];
        for (place, node) in (0..).zip(&found) {
            let source = node.row;
            for (level, chosen) in node.chosen.iter().enumerate() {
                self.levels[level].set(source, chosen);
                let links = chosen.iter().map(|&target| Link { target, source, place });
                reverse[level].extend(links);
            }
        }
        for (level, mut links) in reverse.into_iter().enumerate() {
            links.sort_unstable();
            let mut groups: Vec<&[Link]> = links.chunk_by(|a, b| a.target == b.target).collect();
            groups.sort_by_cached_key(|group| group.iter().map(|link| link.place).min());
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

    /// Where a new node comes in: the closest row that greedy steps lead to on each upper level, from the
    /// entry down to level 1.
    fn place(&self, walk: &mut Walk, row: u32) -> Vec<Near> {
        let Some((entry, height)) = self.entry else {
            return Vec::new();
        };
        self.codes.query(row, &mut walk.query);
        let mut nearest = Near { score: self.codes.similarity(entry, row), row: entry };
        let mut path = vec![nearest];
        for level in (1..=height).rev() {
            nearest = self.descend(walk, nearest, level);
            path.push(nearest);
        }
        path
    }

    /// Neighbours of a new node on each of its levels that the graph already has.
    fn find(&self, walk: &mut Walk, node: &Node) -> Found {
        let (row, top) = (node.row, node.top);
        let Some((_, height)) = self.entry else {
            return Found { row, chosen: Vec::new() };
        };
        self.codes.query(row, &mut walk.query);
        let top = top.min(height);
        let mut chosen = vec![Vec::new(); top + 1];
        walk.found = node.path.get(height - top).copied().into_iter().collect();
        for level in (0..=top).rev() {
            self.walk(walk, level);
            chosen[level] = self.select(&walk.found, self.levels[level].degree);
        }
        Found { row, chosen }
    }

    /// The rows close to one that a walk comes to, the closest first.
    pub(super) fn close(&self, walk: &mut Walk, row: u32) -> Vec<u32> {
        walk.found = self.place(walk, row).pop().into_iter().collect();
        self.walk(walk, 0);
        walk.found.iter().map(|near| near.row).filter(|&found| found != row).collect()
    }

    /// Greedy steps on one level to the closest row they lead to.
    fn descend(&self, walk: &mut Walk, mut nearest: Near, level: usize) -> Near {
        loop {
            let before = nearest;
            let neighbours = self.levels[level].neighbours(before.row);
            for near in walk.score(&self.codes, neighbours) {
                nearest = nearest.max(near);
            }
            if nearest == before {
                return nearest;
            }
        }
    }

    /// Walks one level from the rows found on the one above; leaves the closest in their place.
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
                    self.codes.prefetch_rough(n);
                    fresh.push(n);
                }
            }
            self.codes.rough_scores(&walk.query, &fresh, &mut walk.products, &mut walk.scores);
            for (&row, &score) in fresh.iter().zip(&walk.scores) {
                walk.beam.offer(Near { score, row });
            }
            if let Some(next) = walk.beam.peek() {
                prefetch(bytemuck::cast_slice(level.list(next)));
            }
        }
        walk.fresh = fresh;
        let mut found = std::mem::take(&mut walk.found);
        found.extend(walk.beam.found());
        if self.codes.is_rough() {
            let rows: Vec<u32> = found.iter().map(|near| near.row).collect();
            found.clear();
            found.extend(walk.score(&self.codes, &rows));
            found.sort_unstable_by(|a, b| b.cmp(a));
        }
        walk.found = found;
    }

    /// Chooses up to `most` of the candidates, closest first: those that are not much closer to one
    /// already chosen than to the node itself. Places that are left stay free for rows that come
    /// later, so that a list is not pruned anew with each of them (algorithm 4 of the paper without
    /// `keepPrunedConnections`; the slack is that of Subramanya et al., "DiskANN", 2019).
    fn select(&self, candidates: &[Near], most: usize) -> Vec<u32> {
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        for (i, c) in candidates.iter().enumerate() {
            if chosen.len() == most {
                break;
            }
            if let Some(next) = candidates.get(i + 1) {
                self.codes.prefetch(next.row);
            }
            let limit = slack(self.codes.metric(), c.score);
            if !self.codes.is_closer(c.row, &chosen, limit) {
                chosen.push(c.row);
            }
        }
        chosen
    }

    /// The list of one target after the new nodes that chose it have asked to be in it.
    fn merge(&self, walk: &mut Walk, level: usize, group: &[Link]) -> (u32, Vec<u32>) {
        let target = group.first().map_or(0, |link| link.target);
        let degree = self.levels[level].degree;
        let mut list: Vec<u32> = self.levels[level].neighbours(target).to_vec();
        list.extend(group.iter().map(|link| link.source));
        if list.len() <= degree {
            return (target, list);
        }
        self.codes.query(target, &mut walk.query);
        let mut near: Vec<Near> = walk.score(&self.codes, &list).collect();
        near.sort_unstable_by(|a, b| b.cmp(a));
        (target, self.select(&near, degree))
    }
}

/// How similar two neighbours may be at the most, of a node to which the farther one has this
/// similarity: not quite as close to each other as to the node, in squared distance.
fn slack(metric: Metric, similarity: f32) -> f32 {
    match metric {
        Metric::Cosine => 1.0 - (1.0 - similarity) / SLACK,
        Metric::L2 => similarity / SLACK,
        Metric::Dot => similarity,
    }
}

/// What one thread writes into.
#[derive(Default)]
pub(super) struct Walk {
    beam: Beam,
    query: PairQuery,
    fresh: Vec<u32>,
    products: Vec<i32>,
    scores: Vec<f32>,
    found: Vec<Near>,
}

impl Walk {
    /// Scores some rows by the query.
    fn score<'a>(&'a mut self, codes: &BuildCodes, rows: &'a [u32]) -> impl Iterator<Item = Near> {
        rows.iter().for_each(|&row| codes.prefetch(row));
        codes.scores(&self.query, rows, &mut self.products, &mut self.scores);
        rows.iter().zip(&self.scores).map(|(&row, &score)| Near { score, row })
    }
}

/// A level: floor(-ln(u) / ln(m)), the paper's choice of m_L = 1 / ln(m).
fn level(random: &mut SplitMix, m: usize) -> usize {
    ((-random.unit().ln() / (m as f64).ln()) as usize).min(MAX_LEVEL)
}
