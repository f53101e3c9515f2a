//! Scores of texts by the words of a query alone, for a reranker that has no model.

use std::collections::{HashMap, HashSet};

use crate::okapi::tokens;

/// Share of a score for having the words; the rest is for having them close together.
const HAVING: f64 = 0.7;

/// The score of each text, 0 to 1: the share of the query's different words that it has, times 0.7, and 0.3 more if
/// these words stand together, or less in proportion to the shortest stretch that holds them all. A word is one of
/// [`tokens`].
pub fn scores<S: AsRef<str>>(query: &str, texts: &[S]) -> Vec<f64> {
    let query: HashSet<String> = tokens(query).into_iter().collect();
    texts.iter().map(|text| score(&query, &tokens(text.as_ref()))).collect()
}

fn score(query: &HashSet<String>, text: &[String]) -> f64 {
    let places: Vec<(usize, &str)> = (text.iter().enumerate())
        .filter(|(_, word)| query.contains(*word))
        .map(|(place, word)| (place, word.as_str()))
        .collect();
    let found = places.iter().map(|(_, word)| word).collect::<HashSet<_>>().len();
    if found == 0 {
        return 0.0;
    }
    let (found_share, stretch) = (found as f64 / query.len() as f64, shortest(&places, found));
    found_share * (HAVING + (1.0 - HAVING) * found as f64 / stretch as f64)
}

/// Words of the shortest stretch that has `different` different ones of these.
fn shortest(places: &[(usize, &str)], different: usize) -> usize {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut starts = places.iter().peekable();
    let mut shortest = usize::MAX;
    for &(end, word) in places {
        *counts.entry(word).or_default() += 1;
        while counts.len() == different {
            let Some(&&(start, first)) = starts.peek() else { break };
            shortest = shortest.min(end + 1 - start);
            starts.next();
            if let Some(count) = counts.get_mut(first) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(first);
                }
            }
        }
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_stand_together_score_most() {
        let texts = [
            "",
            "nothing of it",
            "binary tree",
            "a tree",
            "tree of a binary kind",
            "binary numbers, and then a binary TREE",
        ];
        let close = |found: f64, stretch: f64| found / 2.0 * (0.7 + (1.0 - 0.7) * found / stretch);
        let expected =
            [0.0, 0.0, close(2.0, 2.0), close(1.0, 1.0), close(2.0, 3.0), close(2.0, 2.0)];
        assert_eq!(scores("Binary tree?", &texts), expected);
        assert_eq!(scores("?", &["x y"]), [0.0], "a query without a word");
    }
}
