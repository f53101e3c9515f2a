//! Rows with equal vectors: one of them is linked like any other row, and the others to each other in a
//! ring, so that a walk that finds one finds them all and they take no other row's places in lists.

use std::collections::HashMap;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::build::Builder;
use crate::vector::VectorRows;

/// The rows of each vector that more than one row has, ascending; groups by their first rows.
pub(super) fn copies(vectors: &VectorRows<'_>) -> Vec<Vec<u32>> {
    let bytes = |row: u32| bytemuck::cast_slice::<f32, u8>(vectors.row(row));
    let mut hashed: Vec<(u64, u32)> = (0..vectors.present.rows())
        .into_par_iter()
        .filter(|&row| vectors.present.contains(row))
        .map(|row| (xxh3_64(bytes(row)), row))
        .collect();
    hashed.par_sort_unstable();
    let mut groups = Vec::new();
    for same in hashed.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        // Other vectors may have the same hash.
        let mut equal: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for &(_, row) in same {
            equal.entry(bytes(row)).or_default().push(row);
        }
        groups.extend(equal.into_values().filter(|rows| rows.len() > 1));
    }
    groups.sort_unstable();
    groups
}

impl Builder<'_> {
    /// Links the rows of each group in a ring. `linked` says which rows are in the graph already; the
    /// others get the neighbours of the first of these.
    pub(super) fn link_copies(&mut self, groups: &[Vec<u32>], linked: &[bool]) {
        let degree = self.levels[0].degree;
        for group in groups {
            let Some(&first) = group.iter().find(|&&row| linked[row as usize]) else { continue };
            let outside = |list: &[u32]| -> Vec<u32> {
                list.iter().copied().filter(|row| group.binary_search(row).is_err()).collect()
            };
            let around = outside(self.levels[0].neighbours(first));
            for (&row, &next) in group.iter().zip(group.iter().cycle().skip(1)) {
                let mut list = match linked[row as usize] {
                    true => outside(self.levels[0].neighbours(row)),
                    false => around.clone(),
                };
                list.truncate(degree - 1);
                list.insert(0, next);
                self.levels[0].set(row, &list);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Metric, VectorField};

    #[test]
    fn rows_of_equal_vectors_are_grouped_and_rows_without_one_are_not() {
        let rows: [Option<&[f32]>; 7] = [
            Some(&[1.0, 2.0]),
            None,
            Some(&[2.0, 1.0]),
            Some(&[1.0, 2.0]),
            None,
            Some(&[3.0, 1.0]),
            Some(&[2.0, 1.0]),
        ];
        let field = VectorField::new("vector", 2, Metric::L2);
        let rows = VectorRows::new(&field, 7, rows.into_iter());
        assert_eq!(copies(&rows), [vec![0, 3], vec![2, 6]]);
    }
}
