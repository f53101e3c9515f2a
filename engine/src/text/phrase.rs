//! Phrases: where the terms of one stand together, in postings and in a text.

use std::collections::HashMap;

use tantivy::tokenizer::Token;

use crate::deadline::Watch;
use crate::error::Result;

/// The tokens of a text that are in an occurrence of a phrase. `terms` have their positions in the phrase.
pub(super) fn tokens_of(
    terms: &[(u32, String)],
    slop: u32,
    tokens: &[Token],
    watch: &mut Watch,
) -> Result<Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> =
        terms.iter().map(|(_, term)| (term.as_str(), Vec::new())).collect();
    for (index, token) in tokens.iter().enumerate() {
        if let Some(places) = places.get_mut(token.text.as_str()) {
            places.push(index);
        }
    }
    let shifts = shifts(terms);
    let lists: Vec<&[usize]> = terms
        .iter()
        .map(|(_, term)| places.get(term.as_str()).map_or(&[][..], Vec::as_slice))
        .collect();
    let position = |&index: &usize| tokens.get(index).map_or(0, |token| token.position as u32);
    let positions: Vec<Vec<u32>> = lists
        .iter()
        .zip(&shifts)
        .map(|(list, shift)| list.iter().map(|index| position(index) + shift).collect())
        .collect();
    let mut found = Vec::new();
    occurrences(&positions, &shifts, slop, watch, |at| {
        found.extend(lists.iter().zip(at).filter_map(|(list, &at)| list.get(at).copied()));
    })?;
    Ok(found)
}

/// The distance of each term from the last one, which added to its positions brings all terms to one position.
pub(super) fn shifts(terms: &[(u32, String)]) -> Vec<u32> {
    let last = terms.last().map_or(0, |(position, _)| *position);
    terms.iter().map(|(position, _)| last - position).collect()
}

/// Calls `visit` each time the terms stand at one position, or up to `slop` apart, with the index of each among its
/// positions; each position is used for one occurrence. `positions` were moved by `shifts`; no two terms of an
/// occurrence stand at one position.
pub(super) fn occurrences(
    positions: &[Vec<u32>],
    shifts: &[u32],
    slop: u32,
    watch: &mut Watch,
    mut visit: impl FnMut(&[usize]),
) -> Result<()> {
    let mut at = vec![0; positions.len()];
    let mut now = vec![0; positions.len()];
    loop {
        // Each term is compared with those before it.
        watch.steps(positions.len() * (1 + positions.len() / 2))?;
        for ((now, positions), &at) in now.iter_mut().zip(positions).zip(&at) {
            let Some(&position) = positions.get(at) else { return Ok(()) };
            *now = position;
        }
        let (Some(low), Some(high)) = (now.iter().min(), now.iter().max()) else {
            return Ok(());
        };
        let stands = |term: usize| now[term] - shifts.get(term).copied().unwrap_or(0);
        let twice = (0..now.len()).find(|&a| (0..a).any(|b| stands(a) == stands(b)));
        if high - low > slop {
            let behind = now.iter().position(|position| position == low).unwrap_or(0);
            at[behind] += 1;
        } else if let Some(later) = twice {
            at[later] += 1;
        } else {
            visit(&at);
            at.iter_mut().for_each(|at| *at += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::Deadline;

    #[test]
    fn occurrences_of_phrases_are_counted() {
        // Positions of each term in the text.
        for (positions, slop, expected) in [
            (vec![vec![0, 4, 8], vec![1, 9]], 0, 2),
            (vec![vec![0, 4, 8], vec![2, 8]], 0, 0),
            (vec![vec![0, 4, 8], vec![2, 8]], 1, 1),
            (vec![vec![3], vec![1], vec![3]], 2, 0),
            (vec![vec![0], vec![4], vec![2]], 3, 1),
            (vec![vec![], vec![2]], 9, 0),
            (vec![vec![0, 3, 6], vec![1, 4, 7]], 1, 3),
            // A term that occurs twice in the phrase has to occur twice in the text.
            (vec![vec![5], vec![5]], 1, 0),
            (vec![vec![5, 6], vec![5, 6]], 0, 1),
            (vec![vec![5, 6], vec![5, 6]], 1, 1),
            (vec![vec![5, 7], vec![5, 7]], 1, 1),
        ] {
            let last = positions.len() as u32 - 1;
            let shifts: Vec<u32> = (0..=last).map(|position| last - position).collect();
            let moved = |(of, shift): (&Vec<u32>, &u32)| of.iter().map(|p| p + shift).collect();
            let positions: Vec<Vec<u32>> = positions.iter().zip(&shifts).map(moved).collect();
            let mut found = 0;
            let mut watch = Watch::new(Deadline::NEVER);
            occurrences(&positions, &shifts, slop, &mut watch, |_| found += 1).expect("no limit");
            assert_eq!(found, expected, "{positions:?} {slop}");
        }
    }
}
