//! The graph as bytes: a small head, level 0 as one table, the upper levels as one section.

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::built::BuiltGraph;
use super::compare::Resolution;
use super::{MAX_LEVEL, NO_NEIGHBOUR};
use crate::error::{Result, corrupt};
use crate::limits::{MAX_GRAPH_ROWS, MAX_M};
use crate::rows::RowSet;
use crate::vector::distance::prefetch;
use crate::vector::{Codes, Pages};

/// Ends the head of a graph that is walked by vectors.
const BY_VECTORS: u32 = 1;
/// Ends the head of a graph whose walks end with more rows scored by vectors than usual.
const COARSE: u32 = 2;

/// Writes the sections `vector/<field>/graph{,/0,/upper}`; FORMAT.md has their tables.
pub(crate) fn write_graph(out: &mut SegmentWriter, field: &str, graph: &BuiltGraph) -> Result<()> {
    let mut head = Encoder::new();
    head.u32(graph.rows);
    head.u32(graph.m as u32);
    head.u32(graph.entry.unwrap_or(NO_NEIGHBOUR));
    let upper = graph.levels.get(1..).unwrap_or_default();
    head.u32(upper.len() as u32);
    for level in upper {
        head.u32(level.members.len() as u32);
    }
    match graph.resolution {
        Resolution::Fine => {}
        Resolution::Coarse => head.u32(COARSE),
        Resolution::None => head.u32(BY_VECTORS),
    }
    out.section(&format!("vector/{field}/graph"), &head.into_bytes())?;
    let level0 = graph.levels.first().map_or(&[][..], |l| l.links());
    out.section(&format!("vector/{field}/graph/0"), bytemuck::cast_slice(level0))?;

    out.begin(&format!("vector/{field}/graph/upper"))?;
    for (i, level) in upper.iter().enumerate() {
        out.write(bytemuck::cast_slice(&level.members))?;
        // The slot of each member on the level below, so that a walk never searches for a row.
        let below = &graph.levels[i];
        let down: Vec<u32> = level.members.iter().map(|&row| below.slot(row)).collect();
        out.write(bytemuck::cast_slice(&down))?;
        let links: Vec<u32> = level
            .links()
            .iter()
            .map(|&row| if row == NO_NEIGHBOUR { row } else { level.slot(row) })
            .collect();
        out.write(bytemuck::cast_slice(&links))?;
    }
    out.end()?;
    Ok(())
}

/// The graph of an open segment: a view, nothing is rebuilt in memory.
#[derive(Clone)]
pub(crate) struct Graph {
    file: String,
    pub(super) rows: u32,
    pub(super) m: usize,
    pub(crate) resolution: Resolution,
    /// Slot of the entry on the highest level.
    pub(super) entry: Option<u32>,
    level0: Section,
    upper: Section,
    /// Level 1 first.
    pub(super) levels: Vec<UpperLevel>,
}

/// Location of one upper level in its section.
#[derive(Clone, Copy)]
pub(super) struct UpperLevel {
    start: usize,
    pub(super) members: usize,
}

impl Graph {
    /// Opens the graph if the segment has one.
    pub(crate) fn open(
        reader: &SegmentReader,
        file: &str,
        field: &str,
        rows: u32,
    ) -> Result<Option<Self>> {
        let Some(head) = reader.find(&format!("vector/{field}/graph")) else {
            return Ok(None);
        };
        let bad = |detail: &str| corrupt(file, head.name(), detail);
        let mut decoder = Decoder::new(file, head.all()?);
        let (n, m) = (decoder.u32()?, decoder.u32()? as usize);
        let (entry, uppers) = (decoder.u32()?, decoder.u32()? as usize);
        if n != rows || n > MAX_GRAPH_ROWS || !(2..=MAX_M).contains(&m) || uppers > MAX_LEVEL {
            return Err(bad("its counts are not those of the segment"));
        }
        let mut levels = Vec::with_capacity(uppers);
        let mut start = 0usize;
        for _ in 0..uppers {
            let members = decoder.u32()? as usize;
            if members == 0 || members > rows as usize {
                return Err(bad("an upper level has an impossible number of rows"));
            }
            levels.push(UpperLevel { start, members });
            start += members * (2 + m) * 4;
        }
        let last = (decoder.remaining() > 0).then(|| decoder.u32()).transpose()?;
        let resolution = match last {
            None => Resolution::Fine,
            Some(COARSE) => Resolution::Coarse,
            Some(BY_VECTORS) => Resolution::None,
            Some(_) => return Err(bad("its head ends with an unknown number")),
        };
        decoder.finish()?;
        let level0 = reader.section(&format!("vector/{field}/graph/0"))?;
        let upper = reader.section(&format!("vector/{field}/graph/upper"))?;
        if level0.len() != rows as usize * 2 * m * 4 || upper.len() != start {
            return Err(bad("its sections have other lengths than it says"));
        }
        if entry != NO_NEIGHBOUR && entry >= rows {
            return Err(bad("the entry is not a row"));
        }
        let file = file.to_owned();
        let mut graph = Self { file, rows, m, resolution, entry: None, level0, upper, levels };
        if entry != NO_NEIGHBOUR {
            graph.entry = Some(graph.entry_slot(entry)?);
        }
        Ok(Some(graph))
    }

    /// True if walks compare vectors.
    pub(crate) fn is_by_vectors(&self) -> bool {
        self.resolution == Resolution::None
    }

    /// Most rows that are scored by vectors after a walk for `wanted` rows.
    pub(crate) fn scored(&self, codes: &Codes, wanted: usize) -> usize {
        match self.resolution {
            Resolution::Fine => wanted + codes.doubtful(wanted),
            Resolution::Coarse | Resolution::None => usize::MAX,
        }
    }

    /// The row where a walk enters.
    fn entry_row(&self) -> Result<Option<u32>> {
        match (self.entry, self.levels.last()) {
            (Some(slot), Some(&top)) => self.row_of(top, slot).map(Some),
            (entry, _) => Ok(entry),
        }
    }

    /// Number of these rows that no path reaches from the entry and the rows of the upper levels. A
    /// graph of an older version may have some; only a scan finds them.
    pub(crate) fn unreachable(&self, wanted: &RowSet) -> Result<u32> {
        let mut left = wanted.clone();
        let mut seen = RowSet::empty(self.rows);
        let mut open: Vec<u32> = self.entry_row()?.into_iter().collect();
        for &level in &self.levels {
            for slot in 0..level.members as u32 {
                open.push(self.row_of(level, slot)?);
            }
        }
        open.iter().for_each(|&row| seen.insert(row));
        while let Some(row) = open.pop() {
            left.remove(row);
            for &n in self.neighbours(row)? {
                if !seen.contains(n) {
                    seen.insert(n);
                    open.push(n);
                }
            }
        }
        Ok(left.count())
    }

    /// Neighbour slots of a row on level 0.
    pub(crate) fn degree(&self) -> usize {
        2 * self.m
    }

    fn entry_slot(&self, entry: u32) -> Result<u32> {
        let Some(&top) = self.levels.last() else {
            return Ok(entry);
        };
        let members = self.words(&self.upper, top.start, top.members)?;
        members
            .binary_search(&entry)
            .map(|slot| slot as u32)
            .map_err(|_| corrupt(&self.file, self.upper.name(), "the entry is not on its level"))
    }

    fn words<'a>(&self, section: &'a Section, start: usize, count: usize) -> Result<&'a [u32]> {
        let bytes = section.get(start..start + count * 4)?;
        bytemuck::try_cast_slice(bytes)
            .map_err(|_| corrupt(&self.file, section.name(), "not aligned to words"))
    }

    /// Neighbours of a row on level 0; each is checked to be a row.
    #[inline]
    pub(super) fn neighbours(&self, row: u32) -> Result<&[u32]> {
        let degree = 2 * self.m;
        let list = self.words(&self.level0, row as usize * degree * 4, degree)?;
        self.used(list, self.rows, &self.level0)
    }

    /// Calls `visit` with each neighbour of a row on level 0, checked to be a row.
    #[inline]
    pub(super) fn each_neighbour(&self, row: u32, mut visit: impl FnMut(u32)) -> Result<()> {
        let degree = 2 * self.m;
        for &n in self.words(&self.level0, row as usize * degree * 4, degree)? {
            if n >= self.rows {
                if n == NO_NEIGHBOUR {
                    break;
                }
                return Err(corrupt(&self.file, self.level0.name(), "a neighbour is not a row"));
            }
            visit(n);
        }
        Ok(())
    }

    /// Prefetches a row's neighbours.
    #[inline]
    pub(super) fn prefetch(&self, row: u32) {
        let width = 2 * self.m * 4;
        let start = row as usize * width;
        self.level0.ask(start..start + width);
        if let Ok(list) = self.level0.get(start..start + width) {
            prefetch(list);
        }
    }

    /// Counts the pages that expanding a row reads.
    pub(super) fn touch(&self, row: u32, pages: &mut Pages) {
        let width = 2 * self.m * 4;
        pages.touch(&self.level0, row as usize * width..(row as usize + 1) * width);
    }

    /// Neighbours of a slot on an upper level, as slots of that level.
    pub(super) fn upper_neighbours(&self, level: UpperLevel, slot: u32) -> Result<&[u32]> {
        let at = level.start + (level.members * 2 + slot as usize * self.m) * 4;
        let list = self.words(&self.upper, at, self.m)?;
        self.used(list, level.members as u32, &self.upper)
    }

    /// The row that has this slot on an upper level.
    pub(super) fn row_of(&self, level: UpperLevel, slot: u32) -> Result<u32> {
        let row = self.one(level.start + slot as usize * 4)?;
        self.below(row, self.rows)
    }

    /// The slot of the same row on the level below.
    pub(super) fn slot_below(&self, level: UpperLevel, slot: u32, limit: u32) -> Result<u32> {
        let below = self.one(level.start + (level.members + slot as usize) * 4)?;
        self.below(below, limit)
    }

    fn one(&self, at: usize) -> Result<u32> {
        Ok(self.words(&self.upper, at, 1)?.first().copied().unwrap_or(NO_NEIGHBOUR))
    }

    fn below(&self, value: u32, limit: u32) -> Result<u32> {
        if value < limit {
            return Ok(value);
        }
        Err(corrupt(&self.file, self.upper.name(), "a number in it is out of range"))
    }

    #[inline]
    fn used<'a>(&self, list: &'a [u32], limit: u32, section: &Section) -> Result<&'a [u32]> {
        let used = list.iter().position(|&n| n >= limit).unwrap_or(list.len());
        match list.get(used) {
            None | Some(&NO_NEIGHBOUR) => Ok(&list[..used]),
            Some(_) => Err(corrupt(&self.file, section.name(), "a neighbour is not a row")),
        }
    }
}

/// The neighbours of a row on one level, by their row numbers in the new segment.
pub(super) struct OldList {
    pub(super) row: u32,
    /// Neighbours that are in the new segment.
    pub(super) kept: Vec<u32>,
    /// Neighbours of the neighbours that are not.
    pub(super) instead: Vec<u32>,
}

/// The part of a graph that a new segment takes over: rows by their new numbers, and their links.
pub(super) struct Older {
    /// Rows taken over, ascending, with the highest level of each.
    pub(super) rows: Vec<(u32, usize)>,
    /// The lists of the rows on each level.
    pub(super) links: Vec<Vec<OldList>>,
}

impl Older {
    /// Reads a graph; `renumbered` gives a row its new number, `None` if it is not taken over.
    pub(super) fn read(graph: &Graph, renumbered: &[Option<u32>]) -> Result<Self> {
        let new = |row: u32| renumbered.get(row as usize).copied().flatten();
        let mut tops = vec![None; renumbered.len()];
        let mut links = Vec::with_capacity(graph.levels.len() + 1);
        let mut level0 = Vec::new();
        for row in 0..graph.rows {
            let neighbours = graph.neighbours(row)?;
            let Some(number) = new(row) else { continue };
            // A row without a vector has no neighbours and is no row's neighbour.
            if neighbours.is_empty() && graph.entry_row()? != Some(row) {
                continue;
            }
            tops[row as usize] = Some(0);
            let (mut kept, mut instead) = (Vec::new(), Vec::new());
            for &n in neighbours {
                match new(n) {
                    Some(n) => kept.push(n),
                    None => instead.extend(graph.neighbours(n)?.iter().filter_map(|&n| new(n))),
                }
            }
            level0.push(OldList { row: number, kept, instead });
        }
        links.push(level0);
        for (i, &level) in graph.levels.iter().enumerate() {
            let mut lists = Vec::new();
            for slot in 0..level.members as u32 {
                let row = graph.row_of(level, slot)?;
                let Some(number) = new(row) else { continue };
                if let Some(top) = tops.get_mut(row as usize) {
                    *top = Some(i + 1);
                }
                let (mut kept, mut instead) = (Vec::new(), Vec::new());
                for &n in graph.upper_neighbours(level, slot)? {
                    match new(graph.row_of(level, n)?) {
                        Some(n) => kept.push(n),
                        None => {
                            for &n in graph.upper_neighbours(level, n)? {
                                instead.extend(new(graph.row_of(level, n)?));
                            }
                        }
                    }
                }
                lists.push(OldList { row: number, kept, instead });
            }
            links.push(lists);
        }
        let mut rows: Vec<(u32, usize)> =
            tops.iter().zip(renumbered).filter_map(|(top, new)| Some(((*new)?, (*top)?))).collect();
        rows.sort_unstable();
        // Levels without rows are dropped.
        links.truncate(rows.iter().map(|&(_, top)| top + 1).max().unwrap_or(0));
        Ok(Self { rows, links })
    }

    /// For each row of a segment, true if the graph has it.
    pub(super) fn members(&self, rows: u32) -> Vec<bool> {
        let mut members = vec![false; rows as usize];
        for &(row, _) in &self.rows {
            if let Some(member) = members.get_mut(row as usize) {
                *member = true;
            }
        }
        members
    }
}
