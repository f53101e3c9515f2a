//! The text leg against oracles: tantivy's own scorer, scoring without pruning, the predicate.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use lexivec_query::filter::{Filter, Row, Scalar};
use lexivec_query::query_string::{self, Clause, Clauses, Occur, What};
use lexivec_query::request::{Bm25, Highlight, Syntax, Typos};
use lexivec_storage::{MemoryVfs, SegmentReader, SegmentWriter};
use proptest::prelude::*;
use serde_json::{Value, json};
use tantivy::query::{BooleanQuery, EnableScoring, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Term};

use super::Mistyped;
use super::columns::{Columns, StoredFields, write_columns};
use super::expand::Expand;
use super::highlight::Looked;
use super::index::{TextIndex, write_text};
use super::query::{QueryContext, TextQuery};
use super::statistics::{Provider, Statistics};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::rows::RowSet;
use crate::schema::TextField;

/// Rows up to this many tokens have exact lengths in tantivy's one-byte form, so its scores can be
/// compared with ours.
const EXACT_TANTIVY_LENGTH: usize = 40;

struct Fixture {
    fields: Vec<TextField>,
    index: TextIndex,
    statistics: Statistics,
}

fn fixture(texts: &[String]) -> Fixture {
    indexed(&["text"], texts.len(), &|row, _| texts[row as usize].clone())
}

/// Titles and texts: the joined text, and the titles besides.
fn titled(titles: &[String], texts: &[String]) -> Fixture {
    indexed(&["text", "title"], texts.len(), &|row, field| match field {
        0 => format!("{} {}", title_of(titles, row), texts[row as usize]),
        _ => title_of(titles, row).to_owned(),
    })
}

fn title_of(titles: &[String], row: u32) -> &str {
    &titles[row as usize % titles.len()]
}

fn indexed(names: &[&str], rows: usize, text: &(dyn Fn(u32, usize) -> String + Sync)) -> Fixture {
    let fields: Vec<TextField> = names.iter().map(|name| TextField::new(*name)).collect();
    let vfs = MemoryVfs::default();
    let mut out = SegmentWriter::create(&vfs, "s", 1).expect("created");
    let rows = rows as u32;
    let text = |row: u32, field: usize| Ok(text(row, field));
    write_text(&mut out, &fields, rows, true, &text).expect("written");
    let reader = Arc::new(SegmentReader::open(&vfs, &out.finish().expect("sealed")).expect("open"));
    let index = TextIndex::open(&reader, "s", &fields, rows).expect("opened");
    let counts = index.statistics(&RowSet::full(rows)).expect("counted");
    let statistics = Statistics::sum(fields.len(), [&counts].into_iter());
    Fixture { fields, index, statistics }
}

impl Fixture {
    fn query(&self, words: &str) -> TextQuery {
        self.read(words, Syntax::Words).expect("a query")
    }

    fn read(&self, words: &str, syntax: Syntax) -> crate::Result<TextQuery> {
        self.weighed(words, syntax, 1.0)
    }

    /// A query with a weight of the titles.
    fn weighed(&self, words: &str, syntax: Syntax, weight: f64) -> crate::Result<TextQuery> {
        let alive = RowSet::full(self.index.rows());
        let doc_freq = |field, term: &str| self.index.doc_freq(field, term, &alive);
        let (fields, statistics) = (&self.fields, &self.statistics);
        let (bm25, weights) = (Bm25::default(), &[1.0, weight][..]);
        let near = |_: &Mistyped<'_>| Ok(BTreeMap::new());
        let expand = Expand { synonyms: None, typos: Typos::Off, near: &near };
        let context = QueryContext { fields, searched: 1, weights, bm25, statistics, expand };
        TextQuery::new(words, syntax, &context, doc_freq)
    }

    /// Every row's score, from the ledger of its terms.
    fn scores(&self, query: &TextQuery) -> BTreeMap<u32, f64> {
        (0..self.index.rows())
            .filter_map(|row| {
                let terms = query.explain(&self.index, row, Deadline::NEVER).expect("explained");
                let score: f64 = terms.iter().map(|t| t.contribution).sum();
                (!terms.is_empty()).then_some((row, score))
            })
            .collect()
    }
}

/// Texts over a few words, so that rows tie, terms repeat and lists differ in length; some or more than a
/// window has.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        8 => Just("wing"), 4 => Just("flow"), 2 => Just("heat"), 1 => Just("shock"),
    ];
    let text = prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "));
    prop_oneof![
        prop::collection::vec(text.clone(), 1..120),
        prop::collection::vec(text, 1_100..2_500),
    ]
}

/// Model of the rows that a query of clauses admits, over texts of words that equal their stems.
fn admits(clauses: &Clauses, words: &[&str]) -> bool {
    let has = |clause: &Clause| match &clause.what {
        What::Word(word) => words.contains(&word.as_str()),
        What::Phrase(phrase, slop) => {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            (0..words.len()).any(|start| stands(&phrase, words, start as i64, *slop as i64))
        }
        What::Prefix(start) => words.iter().any(|word| word.starts_with(start)),
        What::Fuzzy(word, 1) => words.iter().any(|other| {
            // One letter less, for the words tried.
            other == word
                || (0..other.len()).any(|i| [&other[..i], &other[i + 1..]].concat() == *word)
        }),
        What::Fuzzy(..) => false,
        What::Group(clauses) => admits(clauses, words),
    };
    let of = |occur| clauses.0.iter().filter(move |clause| clause.occur == occur);
    let some = match of(Occur::Must).count() {
        0 => of(Occur::Should).any(has),
        _ => of(Occur::Must).all(has),
    };
    some && !of(Occur::MustNot).any(has)
}

/// True if the words of a phrase stand in a text so that all shifts from their positions differ by no more than
/// the slop, the first word at `start`.
fn stands(phrase: &[&str], words: &[&str], start: i64, slop: i64) -> bool {
    let positions = |word: &str| -> Vec<i64> {
        (0..words.len()).filter(|&i| words[i] == word).map(|i| i as i64).collect()
    };
    let shifts: Vec<Vec<i64>> = phrase
        .iter()
        .enumerate()
        .map(|(i, word)| positions(word).into_iter().map(|position| position - i as i64).collect())
        .collect();
    words[start as usize] == phrase[0]
        && shifts.iter().flatten().any(|&low| {
            let near = |shift: &i64| (low..=low + slop).contains(shift);
            near(&start) && shifts.iter().all(|some| some.iter().any(near))
        })
}

const QUERIES: &[&str] = &[
    "wing",
    "wing flow",
    "+wing flow",
    "+wing -flow",
    "wing -shock^2",
    "\"wing flow\"",
    "\"flow wing\"~1 shock",
    "\"wing heat\"~3",
    "\"wing flow heat\"~2",
    "+(shock heat) +flow",
    "wing AND NOT (flow -heat)",
    "fl* -wing",
    "flw~ +heat",
    "text:shock^3 text:(heat -wing)",
    "unknown",
    "+unknown wing",
    "the",
    "the wing",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pruning_loses_nothing_and_ties_go_to_the_lower_rank(
        texts in texts(),
        k in 1usize..20,
        keep in prop::collection::vec(any::<bool>(), 120),
        few in any::<bool>(),
    ) {
        let fixture = fixture(&texts);
        let rows = texts.len() as u32;
        let query = fixture.query("wing flow shock shock unknown");
        let mut wanted = RowSet::empty(rows);
        for row in (0..rows).filter(|&r| keep[r as usize % 120] && (!few || r % 16 == 0)) {
            wanted.insert(row);
        }
        // Ranks run against the rows, so that ties are not decided by the row by chance.
        let found = query
            .search(&fixture.index, &wanted, k, |row| Ok(rows - row), Deadline::NEVER)
            .expect("searched");
        let mut expected: Vec<(u32, f64)> =
            fixture.scores(&query).into_iter().filter(|(row, _)| wanted.contains(*row)).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        expected.truncate(k);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn clauses_admit_what_a_plain_reading_of_them_does(
        texts in texts(),
        said in prop::sample::select(QUERIES),
        k in 1usize..20,
    ) {
        let fixture = fixture(&texts);
        let rows = texts.len() as u32;
        let query = fixture.read(said, Syntax::QueryString).expect("a query");
        let wanted = RowSet::full(rows);
        let found =
            query.search(&fixture.index, &wanted, rows as usize, Ok, Deadline::NEVER).expect("searched");
        let clauses = query_string::parse(said).expect("read");
        let expected: Vec<u32> = (0..rows)
            .filter(|&row| {
                let words: Vec<&str> = texts[row as usize].split(' ').collect();
                admits(&clauses, &words)
            })
            .collect();
        let mut rows: Vec<u32> = found.iter().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        prop_assert_eq!(rows, expected, "{}", said);
        for &(row, score) in found.iter().step_by(7) {
            let terms = query.explain(&fixture.index, row, Deadline::NEVER).expect("explained");
            let sum = terms.iter().map(|t| t.contribution).fold(0.0, |sum, part| sum + part);
            prop_assert_eq!(sum.to_bits(), score.to_bits(), "{}", said);
        }
        let best = query.search(&fixture.index, &wanted, k, Ok, Deadline::NEVER).expect("searched");
        prop_assert_eq!(&best[..], &found[..k.min(found.len())]);
    }

    #[test]
    fn a_title_weighs_as_if_it_stood_there_so_often_and_pruning_loses_nothing(
        texts in texts(),
        titles in prop::collection::vec("((wing|flow|heat|shock)( (wing|heat)){0,3})?", 1..20),
        times in 1usize..6,
        some in prop::sample::select(vec![0.25, 0.5, 1.5, 2.25, 100.0]),
        k in 1usize..20,
        few in any::<bool>(),
    ) {
        let fixture = titled(&titles, &texts);
        let words = "wing flow shock shock unknown";
        let repeated: Vec<String> = (0..)
            .zip(&texts)
            .map(|(row, text)| format!("{}{text}", format!("{} ", title_of(&titles, row)).repeat(times)))
            .collect();
        let repeated = self::fixture(&repeated);
        let query = fixture.weighed(words, Syntax::Words, times as f64).expect("a query");
        let bits = |scores: BTreeMap<u32, f64>| -> Vec<(u32, u64)> {
            scores.into_iter().map(|(row, score)| (row, score.to_bits())).collect()
        };
        prop_assert_eq!(bits(fixture.scores(&query)), bits(repeated.scores(&repeated.query(words))));

        let rows = texts.len() as u32;
        let mut wanted = RowSet::empty(rows);
        (0..rows).filter(|row| !few || row % 16 == 0).for_each(|row| wanted.insert(row));
        for weight in [times as f64, some] {
            let query = fixture.weighed(words, Syntax::Words, weight).expect("a query");
            let found = query.search(&fixture.index, &wanted, k, Ok, Deadline::NEVER).expect("searched");
            let scores = fixture.scores(&query).into_iter();
            let mut expected: Vec<(u32, f64)> = scores.filter(|(row, _)| wanted.contains(*row)).collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(k);
            prop_assert_eq!(found, expected, "{}", weight);
        }
        for said in ["wing \"flow wing\"^2 fl*", "title:wing flow", "+(title:heat shock) text:wing"] {
            let query = fixture.weighed(said, Syntax::QueryString, some).expect("a query");
            let found = query.search(&fixture.index, &wanted, k, Ok, Deadline::NEVER).expect("searched");
            for (row, score) in found {
                let terms = query.explain(&fixture.index, row, Deadline::NEVER).expect("explained");
                let sum = terms.iter().map(|t| t.contribution).fold(0.0, |sum, part| sum + part);
                prop_assert_eq!(sum.to_bits(), score.to_bits(), "{}", said);
            }
        }
    }

    #[test]
    fn tantivy_gives_the_same_scores_up_to_its_constant(texts in texts()) {
        let fixture = fixture(&texts);
        let query = fixture.query("wing flow heat");
        let ours = fixture.scores(&query);
        prop_assert!(texts.iter().all(|t| t.split(' ').count() <= EXACT_TANTIVY_LENGTH));

        let field = Field::from_field_id(0);
        let alive = RowSet::full(fixture.index.rows());
        let doc_freq = |term: &Term| {
            let text = term.value().as_str().unwrap_or_default().to_owned();
            Ok(fixture.index.doc_freq(0, &text, &alive).unwrap_or(0))
        };
        let provider = Provider { statistics: &fixture.statistics, doc_freq: &doc_freq };
        let terms = ["wing", "flow", "heat"].map(|t| {
            let term = Term::from_field_text(field, t);
            let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
            (tantivy::query::Occur::Should, Box::new(query) as Box<dyn Query>)
        });
        let schema = fixture.index.reader().schema().clone();
        let scoring = EnableScoring::Enabled {
            searcher: &empty_searcher(schema),
            statistics_provider: &provider,
        };
        let weight = BooleanQuery::new(terms.into()).weight(scoring).expect("a weight");
        let mut scorer = weight.scorer(fixture.index.reader(), 1.0).expect("a scorer");
        let mut theirs = BTreeMap::new();
        while scorer.doc() < fixture.index.rows() {
            theirs.insert(scorer.doc(), f64::from(scorer.score()));
            scorer.advance();
        }
        prop_assert_eq!(ours.len(), theirs.len());
        for (row, score) in ours {
            // Lucene dropped the constant factor k1 + 1, tantivy kept it.
            let theirs = theirs[&row] / 2.2;
            prop_assert!((score - theirs).abs() <= 1e-5 * score.max(1.0), "{row}: {score} {theirs}");
        }
    }
}

/// tantivy requires a searcher besides the statistics, and never calls it.
fn empty_searcher(schema: tantivy::schema::Schema) -> tantivy::Searcher {
    let index = tantivy::Index::create_in_ram(schema);
    let reader = index.reader_builder().reload_policy(tantivy::ReloadPolicy::Manual);
    let reader: tantivy::IndexReader = reader.try_into().expect("a reader");
    reader.searcher()
}

/// Payloads of few keys and few values of every kind, some beyond what columns hold.
fn payloads() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let number = prop_oneof![
        (-4i64..5).prop_map(Value::from),
        (-4i64..5).prop_map(|i| Value::from(i as f64 / 2.0)),
        Just(json!(9_007_199_254_740_993_i64)),
        Just(json!(9_007_199_254_740_992.0)),
        Just(json!(u64::MAX)),
        Just(json!(-0.0)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.boxed(),
        "[ab]{0,2}".prop_map(Value::from),
        dates(),
        Just(Value::from("l".repeat(9_000))),
    ];
    let value = prop_oneof![
        3 => leaf.clone(),
        1 => prop::collection::vec(leaf.clone(), 0..3).prop_map(Value::from),
        1 => prop::collection::btree_map("[xy]", leaf, 0..2)
            .prop_map(|m| Value::Object(m.into_iter().collect())),
    ];
    prop::collection::btree_map("[xy]|x\\.y", value, 0..4).prop_map(|m| m.into_iter().collect())
}

fn operands() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-4i64..5).prop_map(Value::from),
        (-8i64..9).prop_map(|i| Value::from(i as f64 / 4.0)),
        Just(json!(9_007_199_254_740_993_i64)),
        Just(json!(9_007_199_254_740_992_i64)),
        Just(json!(u64::MAX)),
        any::<bool>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        dates(),
    ]
}

/// Strings, some of which are the same date, and strings that are almost dates.
fn dates() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just("2020-01-01"),
        Just("2020-01-01T00:00:00Z"),
        Just("2020-01-01T01:00:00+01:00"),
        Just("2020-01-01T00:30:00+01:00"),
        Just("2019-12-31 23:59:59.5"),
        Just("2020-01-02"),
        Just("2020"),
        Just("2020-01-011"),
    ]
    .prop_map(Value::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn columns_admit_what_the_predicate_admits(
        payloads in prop::collection::vec(payloads(), 1..40),
        operand in operands(),
        other in operands(),
        path in prop_oneof![Just("x"), Just("y"), Just("x.y"), Just("x.x")],
    ) {
        let rows = payloads.len() as u32;
        let vfs = MemoryVfs::default();
        let mut out = SegmentWriter::create(&vfs, "s", 1).expect("created");
        let given = payloads.iter().map(|p| Ok(std::borrow::Cow::Borrowed(p)));
        write_columns(&mut out, rows, given).expect("written");
        let reader = SegmentReader::open(&vfs, &out.finish().expect("sealed")).expect("open");
        let columns = Columns::open(&reader, "s", rows).expect("opened");
        let stored = Payloads(&payloads);
        for said in [
            json!({path: operand}),
            json!({path: null}),
            json!({path: {"$ne": operand}}),
            json!({path: {"$in": [operand, other, null]}}),
            json!({path: {"$in": [operand, other]}}),
            json!({path: {"$nin": [operand, other]}}),
            json!({path: {"$exists": true}}),
            json!({path: {"$exists": false}}),
            json!({path: {"$contains": operand}}),
            json!({path: {"$gt": operand}}),
            json!({path: {"$gte": operand, "$lt": other}}),
            json!({path: {"$lte": operand}}),
            json!({path: {"$not": {"$lt": operand}}}),
            json!({"$or": [{path: operand}, {"x": {"$gt": other}}]}),
            json!({"$and": [{path: {"$ne": operand}}, {"$not": {"x": {"$gt": other}}}]}),
            json!({"$text": "even", path: {"$ne": operand}}),
            json!({"$not": {"f": {"$text": "even"}}}),
            json!({"$or": [{"$ids": [0, "2", "no"]}, {path: operand}]}),
            json!({"min_should": {"min_count": 2, "conditions": [
                {"key": path, "match": {"any": [operand, other]}},
                {"is_empty": {"key": "y"}},
                {"has_id": [0, 1, 2, 3]},
            ]}}),
        ] {
            let filter = Filter::from_json(&said).expect("a filter");
            check(&columns, &filter, &stored)?;
        }
        for text in [
            r#"QDRANT('{"is_empty": {"key": "x"}}')"#,
            r#"y = 'a' AND QDRANT('{"is_null": {"key": "x"}}')"#,
            r#"NOT (QDRANT('{"key": "x", "values_count": {"gt": 1}}') OR y > 0)"#,
        ] {
            check(&columns, &Filter::parse(text).expect("a filter"), &stored)?;
        }
        // Both bounds for one value.
        for (lower, upper) in [
            (Bound::Included(scalar(&operand)), Bound::Excluded(scalar(&other))),
            (Bound::Excluded(scalar(&operand)), Bound::Included(scalar(&other))),
            (Bound::Unbounded, Bound::Unbounded),
        ] {
            let filter = Filter::Range { path: path.to_owned(), lower, upper };
            check(&columns, &filter, &stored)?;
        }
    }
}

fn check(
    columns: &Columns,
    filter: &Filter,
    stored: &Payloads<'_>,
) -> std::result::Result<(), TestCaseError> {
    let rows = stored.0.len() as u32;
    let admits =
        |&row: &u32| filter.matches(&Known(row, &Value::Object(stored.0[row as usize].clone())));
    let expected: Vec<u32> = (0..rows).filter(admits).collect();
    let alive = Arc::new(RowSet::full(rows));
    // Once with columns just opened, once with those that are kept.
    for _ in 0..2 {
        let found = columns.matching(filter, &alive, stored).expect("evaluated");
        prop_assert_eq!(found.count() as usize, expected.len());
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected.clone(), "{}", filter.to_text());
    }
    Ok(())
}

fn scalar(operand: &Value) -> Scalar {
    match Filter::from_json(&json!({"x": operand})).expect("a filter") {
        Filter::Eq { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

/// Rows by their payloads; ids are their numbers, and every second row has the word "even".
struct Payloads<'a>(&'a [serde_json::Map<String, Value>]);

const IDS: [&str; 4] = ["0", "1", "2", "3"];

fn id_of(row: u32) -> &'static str {
    IDS.get(row as usize).copied().unwrap_or("another")
}

impl StoredFields for Payloads<'_> {
    fn payload(&self, row: u32) -> Result<Value> {
        Ok(Value::Object(self.0[row as usize].clone()))
    }

    fn id(&self, row: u32) -> Result<&str> {
        Ok(id_of(row))
    }

    fn row_of(&self, id: &str) -> Result<Option<u32>> {
        Ok(IDS.iter().position(|known| *known == id).map(|row| row as u32))
            .map(|row| row.filter(|row| (*row as usize) < self.0.len()))
    }

    fn rows_with(&self, _: Option<&str>, words: &str) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.0.len() as u32);
        (0..self.0.len() as u32).filter(|row| row % 2 == 0).for_each(|row| rows.insert(row));
        assert_eq!(words, "even");
        Ok(rows)
    }
}

/// The row in the form of the predicate.
struct Known<'a>(u32, &'a Value);

impl Row for Known<'_> {
    fn payload(&self) -> &Value {
        self.1
    }

    fn has_words(&self, _: Option<&str>, words: &str) -> bool {
        self.0.is_multiple_of(2) && words == "even"
    }

    fn id(&self) -> Option<&str> {
        Some(id_of(self.0))
    }
}

#[test]
fn passages_are_those_of_the_looked_at_part_of_a_text() {
    let fixture = fixture(&["needle".to_owned()]);
    let query = fixture.query("needle");
    let filler = |bytes: usize| "abc ".repeat(bytes / 4);
    let starts = |text: &str, snippets: usize| -> Vec<String> {
        let options = Highlight { max_chars: 12, snippets };
        let (field, mut looked) = (&fixture.fields[0], Looked::new(Deadline::NEVER));
        let found = query.passages(text, &[0], field, &options, &mut looked).expect("no limit");
        let shown = found.chunk_by(|a, b| a.snippet == b.snippet);
        shown.map(|parts| parts.iter().map(|part| part.text.as_str()).collect()).collect()
    };
    let mebibyte = 1 << 20;
    let far = filler(mebibyte - 100) + "needle one";
    assert_eq!(starts(&far, 1), ["needle one"]);
    assert_eq!(starts(&(filler(mebibyte) + &far), 1), [""; 0]);
    // The second needle is in two stretches, as they overlap there.
    let stretch = 256 << 10;
    let text =
        format!("needle a {} needle b {} needle c", filler(stretch - 1_000), filler(stretch));
    let found = starts(&text, 9);
    assert_eq!(found, ["needle a abc", "needle b abc", "needle c"]);
    assert_eq!(starts(&text, 1), found[..1]);
}
