//! Word overlap of an answer, its question and its contexts.
//!
//! These are the platform's metrics, equal to the bit so that old and new values can be compared. Words
//! are split at white space and lower-cased: "hello," is not "hello". The metrics ignore meaning.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::Metrics;
use crate::words::words;

/// Share of a sentence's tokens that must be in the contexts for it to be supported by them.
const SUPPORTED: f64 = 0.5;
/// Similarity above which a context is the expected one.
const SAME_CONTEXT: f64 = 0.7;
/// Share of the question's words above which a context is taken for relevant to it.
const RELEVANT: f64 = 0.3;
/// Weights of shared words and of length in an answer's relevancy.
const RELEVANCY_WEIGHTS: (f64, f64) = (0.7, 0.3);

/// Numbers of the words of texts that are compared: sets of numbers are compared faster than sets of words.
#[derive(Default)]
struct Numbers<'a>(HashMap<&'a str, u32, RandomState>);

impl<'a> Numbers<'a> {
    /// The different words of a text in lower case.
    fn set(&mut self, lower: &'a str) -> WordSet {
        let number = |word| {
            let next = self.0.len() as u32;
            *self.0.entry(word).or_insert(next)
        };
        WordSet::of(words(lower).map(number).collect())
    }

    fn sets(&mut self, lower: &'a [String]) -> Vec<WordSet> {
        lower.iter().map(|text| self.set(text)).collect()
    }

    /// True if a word is in a set.
    fn has(&self, set: &WordSet, word: &str) -> bool {
        self.0.get(word).is_some_and(|number| set.0.binary_search(number).is_ok())
    }
}

/// Different words, by their numbers in ascending order.
struct WordSet(Vec<u32>);

impl WordSet {
    fn of(mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// The words of all of some sets.
    fn union(sets: &[Self]) -> Self {
        Self::of(sets.iter().flat_map(|set| &set.0).copied().collect())
    }
}

fn lower<S: AsRef<str>>(texts: &[S]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().to_lowercase()).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn shared(a: &WordSet, b: &WordSet) -> usize {
    let (mut a, mut b, mut count) = (a.0.as_slice(), b.0.as_slice(), 0);
    while let ([first, rest_a @ ..], [second, rest_b @ ..]) = (a, b) {
        count += usize::from(first == second);
        let order = first.cmp(second);
        a = if order.is_le() { rest_a } else { a };
        b = if order.is_ge() { rest_b } else { b };
    }
    count
}

/// Jaccard's similarity of two sets (1901) from their sizes and that of their intersection: 1 of
/// two empty sets, which have nothing that the other has not; from 0 to 1 where the sizes can be
/// true.
pub fn jaccard(a: usize, b: usize, intersection: usize) -> f64 {
    // In floats, where sizes that cannot be true do not overflow.
    let [a, b, intersection] = [a, b, intersection].map(|size| size as f64);
    let union = a + b - intersection;
    if a + b == 0.0 {
        1.0
    } else if union == 0.0 {
        0.0
    } else {
        intersection / union
    }
}

/// [`jaccard`] of two sets of words, but 0 where one is empty: no text is like another.
fn set_similarity(a: &WordSet, b: &WordSet) -> f64 {
    if a.len() == 0 || b.len() == 0 { 0.0 } else { jaccard(a.len(), b.len(), shared(a, b)) }
}

/// Similarity of two texts: Jaccard's of their words, 0 to 1; 0 where a text has none. Of an answer
/// and the true one it is the answer similarity.
pub fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut numbers = Numbers::default();
    set_similarity(&numbers.set(&a), &numbers.set(&b))
}

/// Share of the answer's sentences that the contexts support: at least half of a sentence's tokens,
/// a repeated one counted each time, are in one or another context. 0 to 1; 0 where there is no
/// sentence or no context.
///
/// A sentence ends at every full stop, the decimal point of "3.14" included.
pub fn faithfulness<S: AsRef<str>>(answer: &str, contexts: &[S]) -> f64 {
    let contexts = lower(contexts);
    let mut numbers = Numbers::default();
    let known = WordSet::union(&numbers.sets(&contexts));
    support(answer, &known, &numbers)
}

/// [`faithfulness`] of an answer to the known words.
fn support(answer: &str, known: &WordSet, numbers: &Numbers<'_>) -> f64 {
    let (mut sentences, mut supported) = (0, 0);
    for sentence in answer.split('.') {
        let sentence = sentence.to_lowercase();
        let tokens = words(&sentence).count();
        if tokens > 0 {
            let found = words(&sentence).filter(|word| numbers.has(known, word)).count();
            sentences += 1;
            supported += usize::from(share(found, tokens) >= SUPPORTED);
        }
    }
    share(supported, sentences)
}

/// Support of sentences whose words are numbers: `words` are those of all sentences, `lengths` how many each has. A
/// sentence is supported if at least `threshold` of its words are in the context; one without words is not.
pub fn supported_sentences(
    words: &[i64],
    lengths: &[usize],
    context: &[i64],
    threshold: f64,
) -> Vec<bool> {
    let known: HashSet<i64, RandomState> = context.iter().copied().collect();
    let mut rest = words.iter();
    let supported = |&length: &usize| {
        let found = rest.by_ref().take(length).filter(|word| known.contains(word)).count();
        length > 0 && share(found, length) >= threshold
    };
    lengths.iter().map(supported).collect()
}

/// Words of the first list, as numbers, that are in the second, by how many different ones the first has; 0 if it has
/// none.
pub fn overlap_ratio(words: &[i64], others: &[i64], different: usize) -> f64 {
    let others: HashSet<i64, RandomState> = others.iter().copied().collect();
    share(words.iter().filter(|word| others.contains(word)).count(), different)
}

/// Relevancy of an answer to its question, 0 to 1: 0.7 for the share of the question's words that are
/// in the answer, and 0.3 for an answer of twice as many words, or less in proportion. It is 0 if one
/// has no words; an echo of the question has 0.85.
pub fn answer_relevancy(question: &str, answer: &str) -> f64 {
    let (question, answer) = (question.to_lowercase(), answer.to_lowercase());
    let mut numbers = Numbers::default();
    relevancy(&numbers.set(&question), &numbers.set(&answer))
}

/// [`answer_relevancy`] of words.
fn relevancy(question: &WordSet, answer: &WordSet) -> f64 {
    let overlap = share(shared(question, answer), question.len());
    let length = share(answer.len(), question.len() * 2).min(1.0);
    (overlap * RELEVANCY_WEIGHTS.0 + length * RELEVANCY_WEIGHTS.1).min(1.0)
}

/// Share of `these` that are the same context as one of `those`.
fn found(these: &[WordSet], those: &[WordSet]) -> f64 {
    let same = |set: &&WordSet| those.iter().any(|t| set_similarity(set, t) > SAME_CONTEXT);
    share(these.iter().filter(same).count(), these.len())
}

/// Share of the retrieved contexts that are right: similar by more than 0.7 to an expected one; or,
/// where none is expected, with more than 0.3 of the question's words. 0 to 1; 0 where nothing was
/// retrieved.
pub fn context_precision<S: AsRef<str>>(question: &str, retrieved: &[S], expected: &[S]) -> f64 {
    let (question, retrieved, expected) =
        (question.to_lowercase(), lower(retrieved), lower(expected));
    let mut numbers = Numbers::default();
    let asked = numbers.set(&question);
    precision(&asked, &numbers.sets(&retrieved), &numbers.sets(&expected))
}

/// [`context_precision`] of words.
fn precision(question: &WordSet, retrieved: &[WordSet], expected: &[WordSet]) -> f64 {
    if !expected.is_empty() {
        return found(retrieved, expected);
    }
    let relevant = |set: &&WordSet| share(shared(question, set), question.len()) > RELEVANT;
    share(retrieved.iter().filter(relevant).count(), retrieved.len())
}

/// Share of the expected contexts that were retrieved: one similar by more than 0.7 was. 0 to 1; 1
/// where none is expected.
pub fn context_recall<S: AsRef<str>>(retrieved: &[S], expected: &[S]) -> f64 {
    let (retrieved, expected) = (lower(retrieved), lower(expected));
    let mut numbers = Numbers::default();
    recall(&numbers.sets(&retrieved), &numbers.sets(&expected))
}

/// [`context_recall`] of words.
fn recall(retrieved: &[WordSet], expected: &[WordSet]) -> f64 {
    if expected.is_empty() { 1.0 } else { found(expected, retrieved) }
}

impl Metrics {
    /// The metrics of an answer that was made from the retrieved texts, where `expected` should be. Each text is split
    /// into words once.
    pub fn of<S: AsRef<str>>(
        question: &str,
        ground_truth: &str,
        expected: &[S],
        retrieved: &[S],
        answer: &str,
    ) -> Self {
        let [asked, truth, said] = [question, ground_truth, answer].map(str::to_lowercase);
        let (retrieved, expected) = (lower(retrieved), lower(expected));
        let mut numbers = Numbers::default();
        let [asked, truth, said] = [&asked, &truth, &said].map(|text| numbers.set(text));
        let (retrieved, expected) = (numbers.sets(&retrieved), numbers.sets(&expected));
        Self {
            faithfulness: support(answer, &WordSet::union(&retrieved), &numbers),
            answer_relevancy: relevancy(&asked, &said),
            context_precision: precision(&asked, &retrieved, &expected),
            context_recall: recall(&retrieved, &expected),
            answer_similarity: set_similarity(&said, &truth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_of_the_different_words() {
        for (a, b, expected) in [
            ("", "", 0.0),
            (" \u{1c}", "x", 0.0),
            ("a a b", "b a", 1.0),
            ("a b c", "b c d", 0.5),
            ("hello, world", "hello world", 1.0 / 3.0),
            // Lower case, not case folding; a sigma is final by what stands next to it.
            ("STRASSE", "straße", 0.0),
            ("ΟΔΟΣ", "οδος", 1.0),
            ("İ", "i\u{307}", 1.0),
            ("é", "e\u{301}", 0.0),
            ("a\u{1f}b", "a b", 1.0),
        ] {
            assert_eq!(similarity(a, b), expected, "{a:?} {b:?}");
            assert_eq!(similarity(b, a), expected, "{b:?} {a:?}");
        }
        for (a, b, both, expected) in [
            (0, 0, 0, 1.0),
            (2, 3, 1, 0.25),
            (1, 0, 0, 0.0),
            (1, 1, 2, 0.0),
            (usize::MAX, 1, 1, 1.0 / usize::MAX as f64),
        ] {
            assert_eq!(jaccard(a, b, both), expected, "{a} {b} {both}");
        }
    }

    #[test]
    fn a_sentence_is_supported_by_half_of_its_tokens() {
        for (answer, contexts, expected) in [
            ("", &["x"][..], 0.0),
            ("x", &[], 0.0),
            ("x", &[""], 0.0),
            (". . .", &["x"], 0.0),
            ("a b. c", &["a"], 0.5),
            ("a b c", &["a"], 0.0),
            ("x x y", &["x"], 1.0),
            ("A\u{1c}B", &["a", "b"], 1.0),
            ("pi is 3.14", &["pi is 3"], 0.5),
            // The stop is no part of a word, the comma is.
            ("yes, it is.", &["it is."], 0.0),
        ] {
            assert_eq!(faithfulness(answer, contexts), expected, "{answer:?} {contexts:?}");
        }
    }

    #[test]
    fn numbers_of_words_overlap_as_the_words_do() {
        let supported = supported_sentences(&[1, 2, 3, 3, 4, 4], &[2, 0, 4], &[2, 4], 0.5);
        assert_eq!(supported, [true, false, true]);
        assert_eq!(supported_sentences(&[1, 2], &[2, 5], &[1], 0.6), [false, false]);
        assert_eq!(overlap_ratio(&[1, 1, 2], &[1], 2), 1.0, "a repeated word counts each time");
        assert_eq!(overlap_ratio(&[1], &[1], 0), 0.0);
    }

    #[test]
    fn relevancy_is_of_shared_words_and_of_length() {
        for (question, answer, expected) in [
            ("", "x", 0.0),
            ("x", " ", 0.0),
            ("what is it", "what is it", 0.85),
            ("a", "b c", 0.3),
            ("a a a b", "A", 0.5 * 0.7 + 0.25 * 0.3),
            ("a b", "a b c d e f g", 1.0),
        ] {
            assert_eq!(answer_relevancy(question, answer), expected, "{question:?} {answer:?}");
        }
    }

    #[test]
    fn contexts_are_right_above_the_bounds_not_at_them() {
        let seven = "1 2 3 4 5 6 7";
        let ten = "1 2 3 4 5 6 7 8 9 10";
        for (question, retrieved, expected, precision, recall) in [
            ("q", &[][..], &[][..], 0.0, 1.0),
            ("q", &[], &["a"], 0.0, 0.0),
            ("q", &[ten], &[seven], 0.0, 0.0),
            ("q", &["1 2 3 4 5 6 7 8 9", "z", ""], &[seven, seven], 1.0 / 3.0, 1.0),
            ("q", &["a b", "a b"], &["A B", "c", "d"], 1.0, 1.0 / 3.0),
            ("q", &[""], &[""], 0.0, 0.0),
            // Without expected contexts, 3 of 10 words are not enough and 4 are.
            (ten, &["1 2 3", "1 2 3 4"], &[], 0.5, 1.0),
            (" ", &["a"], &[], 0.0, 1.0),
        ] {
            let case = format!("{question:?} {retrieved:?} {expected:?}");
            assert_eq!(context_precision(question, retrieved, expected), precision, "{case}");
            assert_eq!(context_recall(retrieved, expected), recall, "{case}");
        }
    }
}
