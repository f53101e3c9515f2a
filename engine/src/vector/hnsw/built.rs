//! A graph in memory while it is built: fixed-degree neighbour lists, level by level.

use lexivec_storage::Scratch;

use super::NO_NEIGHBOUR;
use super::compare::Resolution;
use crate::error::Result;

/// Marks a row that is not on a level.
const UNMAPPED: u32 = u32::MAX;

/// A graph in memory: fixed-degree lists per level.
pub(crate) struct BuiltGraph {
    pub(crate) rows: u32,
    pub(crate) m: usize,
    pub(crate) levels: Vec<Level>,
    /// Entry row; `None` for a graph without rows.
    pub(crate) entry: Option<u32>,
    pub(crate) resolution: Resolution,
}

/// One level: the rows on it, and `degree` neighbour slots for each.
pub(crate) struct Level {
    pub(crate) degree: usize,
    /// Rows on this level, ascending; empty on level 0, where a row is its own slot.
    pub(crate) members: Vec<u32>,
    slots: Vec<u32>,
    links: Scratch,
}

impl Level {
    pub(super) fn new(degree: usize, rows: u32, members: Option<Vec<u32>>) -> Result<Self> {
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

    /// Neighbour slots of a row.
    pub(super) fn list(&self, row: u32) -> &[u32] {
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
