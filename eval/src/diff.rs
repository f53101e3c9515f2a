//! Difference of two rankings of one query: overlap, rank-biased overlap, added and removed documents.

use std::collections::HashSet;

use serde::Serialize;

use crate::compare::pairs;
use crate::report::is_zero;
use crate::trec::Run;
use lexivec_query::{Error, Result};

/// Persistence of the reader that rank-biased overlap imagines: nine in ten go on to the next hit, so
/// that the first ten weigh 86 %. The value of its authors.
pub const PERSISTENCE: f64 = 0.9;

/// Change of the answer to one query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The query.
    pub query: String,
    /// Share of the first `k` that both have, of the longer list; 1 where both are empty.
    pub overlap: f64,
    /// Rank-biased overlap of the first `k`, 0 to 1; 1 where both are the same.
    pub rbo: f64,
    /// Documents that only the second has, best first.
    pub entered: Vec<String>,
    /// Documents that only the first has, best first.
    pub left: Vec<String>,
    /// True if the lists are not the same, in their order.
    pub changed: bool,
}

/// The changes of all queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// Hits compared.
    pub k: usize,
    /// Queries compared.
    pub queries: usize,
    /// Number of queries with different lists.
    pub changed: usize,
    /// Their share; 0 where there are no queries.
    pub share: f64,
    /// Mean overlap.
    pub overlap: f64,
    /// Mean rank-biased overlap.
    pub rbo: f64,
    /// The queries that changed, the greatest change first: by rank-biased overlap, then by query.
    pub changes: Vec<Change>,
    /// Queries of which the beginning was searched for, as their texts are longer than what is used.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut_queries: usize,
}

/// Compares the first `k` of two rankings.
pub fn compare(query: &str, a: &[&str], b: &[&str], k: usize) -> Change {
    let (a, b) = (a.get(..k).unwrap_or(a), b.get(..k).unwrap_or(b));
    let missing = |from: &[&str], there: &[&str]| -> Vec<String> {
        let there: HashSet<&str> = there.iter().copied().collect();
        from.iter().filter(|id| !there.contains(*id)).map(|id| (*id).to_owned()).collect()
    };
    let (entered, left) = (missing(b, a), missing(a, b));
    let longer = a.len().max(b.len());
    let shared = a.len() - left.len();
    Change {
        query: query.to_owned(),
        overlap: if longer == 0 { 1.0 } else { shared as f64 / longer as f64 },
        rbo: rank_biased_overlap(a, b),
        entered,
        left,
        changed: a != b,
    }
}

/// Rank-biased overlap, extrapolated to the depth that is seen (Webber, Moffat and Zobel, "A similarity
/// measure for indefinite rankings", 2010, equation 32, which holds for lists of different lengths).
pub fn rank_biased_overlap(a: &[&str], b: &[&str]) -> f64 {
    if a == b {
        return 1.0;
    }
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (s, l, p) = (short.len(), long.len(), PERSISTENCE);
    if s == 0 {
        return 0.0;
    }
    // Documents that both have among their first 1, 2, … l.
    let (mut in_short, mut in_long) = (HashSet::<&str>::new(), HashSet::<&str>::new());
    let mut count = 0u32;
    let mut shared = Vec::with_capacity(l);
    for depth in 0..l {
        let (one, other) = (short.get(depth).copied(), long.get(depth).copied());
        in_short.extend(one);
        count += u32::from(one.is_some_and(|id| in_long.contains(id)));
        in_long.extend(other);
        count += u32::from(other.is_some_and(|id| in_short.contains(id)));
        shared.push(f64::from(count));
    }
    let shared = |depth: usize| shared.get(depth - 1).copied().unwrap_or_default();
    let (at_s, at_l) = (shared(s), shared(l));
    let power = |d: usize| p.powi(d as i32);
    let seen: f64 = (1..=l).map(|d| shared(d) / d as f64 * power(d)).sum();
    let beyond: f64 = (s + 1..=l).map(|d| at_s * (d - s) as f64 / (s * d) as f64 * power(d)).sum();
    let rest = ((at_l - at_s) / l as f64 + at_s / s as f64) * power(l);
    ((1.0 - p) / p * (seen + beyond) + rest).clamp(0.0, 1.0)
}

fn ids(hits: &[(String, f64)]) -> Vec<&str> {
    hits.iter().map(|(id, _)| id.as_str()).collect()
}

/// Compares the first `k` of the rankings of all queries.
///
/// # Errors
/// A query that only one of the runs has.
pub fn changes(a: &Run, b: &Run, k: usize) -> Result<Changes> {
    if k == 0 {
        return Err(Error::invalid("k", "at least 1 hit is compared"));
    }
    let mut all = Vec::new();
    for (query, (a, b)) in a.keys().zip(pairs(a, b)?) {
        all.push(compare(query, &ids(a), &ids(b), k));
    }
    let queries = all.len();
    let mean = |of: fn(&Change) -> f64| match queries {
        0 => 1.0,
        _ => all.iter().map(of).sum::<f64>() / queries as f64,
    };
    let (overlap, rbo) = (mean(|c| c.overlap), mean(|c| c.rbo));
    all.retain(|c| c.changed);
    all.sort_by(|a, b| a.rbo.total_cmp(&b.rbo).then_with(|| a.query.cmp(&b.query)));
    let changed = all.len();
    let share = if queries == 0 { 0.0 } else { changed as f64 / queries as f64 };
    Ok(Changes { k, queries, changed, share, overlap, rbo, changes: all, cut_queries: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix;

    fn run(lists: &[(&str, &[&str])]) -> Run {
        let hits = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), 1.0)).collect();
        lists.iter().map(|(query, ids)| ((*query).to_owned(), hits(ids))).collect()
    }

    #[test]
    fn figures_are_the_worked_out_ones() {
        // Of equal depth: (1-p)/p * sum of shared(d)/d p^d + shared(k)/k p^k.
        let p = PERSISTENCE;
        let expected = (1.0 - p) / p * (0.0 + p * p) + p * p;
        for (a, b, overlap, rbo) in [
            (&["a", "b"][..], &["a", "b"][..], 1.0, 1.0),
            (&["a", "b"], &["b", "a"], 1.0, expected),
            (&["a", "b"], &["c", "d"], 0.0, 0.0),
            (&[], &[], 1.0, 1.0),
            (&["a"], &[], 0.0, 0.0),
            (&["a", "b"], &["a"], 0.5, 1.0),
        ] {
            let change = compare("q", a, b, 10);
            assert!((change.rbo - rbo).abs() < 1e-12, "{a:?} {b:?}: {change:?}, {rbo}");
            assert_eq!((change.overlap, change.changed), (overlap, a != b), "{change:?}");
        }
        let change = compare("q", &["a", "b", "c"], &["d", "a", "c"], 2);
        assert_eq!((change.entered, change.left), (vec!["d".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn rank_biased_overlap_is_that_of_an_independent_program() {
        // The Python package rbo 0.1.3, RankingSimilarity(a, b).rbo_ext(p=0.9); a letter is a document.
        for (a, b, expected) in [
            ("abcdefg", "bacxdyz", 0.6212095714285715),
            ("abc", "cabdefgh", 0.8550000000000001),
            ("abcde", "xyabz", 0.32589),
            ("ab", "bxya", 0.63225),
            ("abcd", "abcdef", 0.9999999999999999),
        ] {
            let letters = |word: &'static str| word.split("").filter(|l| !l.is_empty()).collect();
            let (a, b): (Vec<&str>, Vec<&str>) = (letters(a), letters(b));
            let found = rank_biased_overlap(&a, &b);
            assert!((found - expected).abs() < 1e-12, "{a:?} {b:?}: {found}, {expected}");
        }
    }

    #[test]
    fn overlap_at_the_top_weighs_more_and_both_directions_are_the_same() {
        let base = ["a", "b", "c", "d", "e"];
        let top = rank_biased_overlap(&base, &["x", "b", "c", "d", "e"]);
        let end = rank_biased_overlap(&base, &["a", "b", "c", "d", "x"]);
        assert!(top < end && end < 1.0, "{top} {end}");
        let mut random = SplitMix::new(4);
        let mut list = || {
            let mut ids: Vec<&str> = Vec::new();
            for _ in 0..random.below(8) {
                let id = ["a", "b", "c", "d", "e", "f", "g"][random.below(7) as usize];
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            ids
        };
        for _ in 0..1_000 {
            let (a, b) = (list(), list());
            let (there, back) = (rank_biased_overlap(&a, &b), rank_biased_overlap(&b, &a));
            assert!((0.0..=1.0).contains(&there) && (there - back).abs() < 1e-12, "{a:?} {b:?}");
        }
    }

    #[test]
    fn the_greatest_change_comes_first_and_equal_runs_have_none() {
        let a = run(&[("1", &["a", "b"]), ("2", &["a", "b"]), ("3", &["a"])]);
        let b = run(&[("1", &["a", "c"]), ("2", &["c", "d"]), ("3", &["a"])]);
        let found = changes(&a, &b, 10).expect("compared");
        let order: Vec<&str> = found.changes.iter().map(|c| c.query.as_str()).collect();
        assert_eq!((order, found.changed, found.share), (vec!["2", "1"], 2, 2.0 / 3.0));
        assert!((found.overlap - 0.5).abs() < 1e-12);
        let same = changes(&a, &a, 10).expect("compared");
        assert_eq!((same.changes.len(), same.rbo, same.overlap), (0, 1.0, 1.0));
        assert_eq!(changes(&a, &b, 1).expect("compared").changed, 1);
        assert!(changes(&a, &run(&[("1", &[])]), 10).is_err() && changes(&a, &b, 0).is_err());
    }
}
