//! Linking of the rows that no walk reaches once a graph is built.
//!
//! Pruning a list may drop the only link to a row. Of 100,000 package descriptions 158 were lost in
//! this way.

use rayon::prelude::*;

use super::NO_NEIGHBOUR;
use super::build::{Builder, Walk};

/// Most rounds of linking: the slot that a lost row takes in a full list may be the one by which
/// another row was reached. A deep verification counts the rows lost after the last round; no
/// collection tried, of up to 840,000 rows, had any.
const ROUNDS: usize = 8;

impl Builder<'_> {
    /// Links the rows that cannot be reached from the entry on level 0.
    pub(super) fn connect(&mut self) {
        for _ in 0..ROUNDS {
            let reached = self.reached();
            let lost: Vec<u32> =
                self.vectors.present.iter().filter(|&row| !reached[row as usize]).collect();
            if lost.is_empty() {
                return;
            }
            let hosts: Vec<Vec<u32>> = lost
                .par_iter()
                .map_init(Walk::default, |walk, &row| {
                    let mut close = self.close(walk, row);
                    close.retain(|&host| reached[host as usize]);
                    close
                })
                .collect();
            let mut leading = self.leading();
            let mut walk = Walk::default();
            let mut before = None;
            for (row, hosts) in lost.into_iter().zip(hosts) {
                self.link_in(&mut walk, (row, before), &hosts, &mut leading);
                before = Some(row);
            }
        }
    }

    /// For each row, true if links lead to it from the entry.
    fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.vectors.present.rows() as usize];
        let mut left: Vec<u32> = self.entry.iter().map(|&(row, _)| row).collect();
        left.iter().for_each(|&row| reached[row as usize] = true);
        while let Some(row) = left.pop() {
            for &n in self.levels[0].neighbours(row) {
                if !std::mem::replace(&mut reached[n as usize], true) {
                    left.push(n);
                }
            }
        }
        reached
    }

    /// For each row, the number of links that lead to it.
    fn leading(&self) -> Vec<u32> {
        let mut leading = vec![0; self.vectors.present.rows() as usize];
        let links = self.levels[0].links().iter().filter(|&&n| n != NO_NEIGHBOUR);
        links.for_each(|&n| leading[n as usize] += 1);
        leading
    }

    /// Puts a row in the list of the closest host that has a free slot, or a neighbour with further
    /// incoming links: the farthest of these neighbours is replaced. Where a few long rows are the closest
    /// of all others, their links to each other are what walks live on: nothing is replaced there, and the
    /// lost rows are linked to each other.
    fn link_in(
        &mut self,
        walk: &mut Walk,
        (row, before): (u32, Option<u32>),
        hosts: &[u32],
        leading: &mut [u32],
    ) {
        let spare = |host: &u32| self.levels[0].neighbours(*host).len() < self.levels[0].degree;
        let hubs = self.compare.has_hubs();
        let hosts = match hubs {
            true => hosts.iter().copied().find(spare).or(before).into_iter().collect(),
            false => hosts.to_vec(),
        };
        for host in hosts {
            let mut list = self.levels[0].neighbours(host).to_vec();
            if list.len() == self.levels[0].degree {
                self.compare.query(host, self.last_side(), &mut walk.query);
                let near = walk.score(&self.compare, &list);
                let others = near.enumerate().filter(|(_, near)| leading[near.row as usize] > 1);
                let Some((farthest, _)) = others.min_by_key(|(_, near)| *near) else { continue };
                leading[list[farthest] as usize] -= 1;
                list[farthest] = row;
            } else {
                list.push(row);
            }
            leading[row as usize] += 1;
            self.levels[0].set(host, &list);
            return;
        }
    }
}
