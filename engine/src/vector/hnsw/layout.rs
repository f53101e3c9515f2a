//! The graph as bytes: a small head, level 0 as one table, the upper levels as one section.

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};

use super::build::BuiltGraph;
use super::{MAX_LEVEL, NO_NEIGHBOUR};
use crate::error::{Result, corrupt};
use crate::limits::MAX_M;

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
    out.section(&format!("vector/{field}/graph"), &head.into_bytes())?;
    let level0 = graph.levels.first().map_or(&[][..], |l| &l.links);
    out.section(&format!("vector/{field}/graph/0"), bytemuck::cast_slice(level0))?;

    out.begin(&format!("vector/{field}/graph/upper"))?;
    for (i, level) in upper.iter().enumerate() {
        out.write(bytemuck::cast_slice(&level.members))?;
        // The slot of each member on the level below, so that a walk never looks a row up.
        let below = &graph.levels[i];
        let down: Vec<u32> = level.members.iter().map(|&row| below.slot(row)).collect();
        out.write(bytemuck::cast_slice(&down))?;
        let links: Vec<u32> = level
            .links
            .iter()
            .map(|&row| if row == NO_NEIGHBOUR { row } else { level.slot(row) })
            .collect();
        out.write(bytemuck::cast_slice(&links))?;
    }
    out.end()?;
    Ok(())
}

/// The graph of an open segment: a view, nothing is rebuilt in memory.
pub(crate) struct Graph {
    file: String,
    pub(super) rows: u32,
    pub(super) m: usize,
    /// Slot of the entry on the highest level.
    pub(super) entry: Option<u32>,
    level0: Section,
    upper: Section,
    /// Level 1 first.
    pub(super) levels: Vec<UpperLevel>,
}

/// Where one upper level lies in its section.
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
        if n != rows || !(2..=MAX_M).contains(&m) || uppers > MAX_LEVEL {
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
        decoder.finish()?;
        let level0 = reader.section(&format!("vector/{field}/graph/0"))?;
        let upper = reader.section(&format!("vector/{field}/graph/upper"))?;
        if level0.len() != rows as usize * 2 * m * 4 || upper.len() != start {
            return Err(bad("its sections have other lengths than it says"));
        }
        if entry != NO_NEIGHBOUR && entry >= rows {
            return Err(bad("the entry is not a row"));
        }
        let mut graph = Self { file: file.to_owned(), rows, m, entry: None, level0, upper, levels };
        if entry != NO_NEIGHBOUR {
            graph.entry = Some(graph.entry_slot(entry)?);
        }
        Ok(Some(graph))
    }

    /// Places for neighbours on level 0.
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

    /// The slot below that belongs to the same row.
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
