//! Judgments and runs in TREC's and BEIR's text forms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use lexivec_query::{Error, Result};

/// Judgments: query, document, grade.
pub type Qrels = BTreeMap<String, BTreeMap<String, i64>>;
/// Rankings: query, then documents and scores, best first.
pub type Run = BTreeMap<String, Vec<(String, f64)>>;

/// Reads judgments: TREC's four columns (`query 0 document grade`) or BEIR's three
/// (`query document grade`, with or without a header line).
///
/// # Errors
/// Names the first line that has neither form.
pub fn parse_qrels(text: &str) -> Result<Qrels> {
    let mut qrels = Qrels::new();
    let mut first = true;
    for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        // A tab separates where there is one: BEIR ids may hold spaces.
        let columns: Vec<&str> = match line.contains('\t') {
            true => line.split('\t').map(str::trim).collect(),
            false => line.split_whitespace().collect(),
        };
        let (query, document, grade) = match columns.as_slice() {
            [] => continue,
            [query, document, grade] => (query, document, grade),
            [query, _, document, grade] => (query, document, grade),
            _ => {
                let detail = format!("{} columns; three or four are expected", columns.len());
                return Err(Error::invalid(format!("qrels line {}", i + 1), detail));
            }
        };
        let Ok(grade) = grade.parse::<i64>() else {
            // A header's last column is a word; a fraction is a grade we do not take.
            if std::mem::take(&mut first) && columns.len() == 3 && grade.parse::<f64>().is_err() {
                continue;
            }
            let detail = format!("the grade {grade:?} is not a whole number");
            return Err(Error::invalid(format!("qrels line {}", i + 1), detail));
        };
        first = false;
        let judged = qrels.entry((*query).to_owned()).or_default();
        if judged.insert((*document).to_owned(), grade).is_some_and(|before| before != grade) {
            let detail = format!("document {document:?} has two grades for query {query:?}");
            return Err(Error::invalid(format!("qrels line {}", i + 1), detail));
        }
    }
    Ok(qrels)
}

/// Reads a run in TREC's six columns (`query Q0 document rank score tag`), and orders each query's
/// documents as trec_eval does: by score in single precision, then by document, both descending.
///
/// # Errors
/// Names the first line that has another form.
pub fn parse_run(text: &str) -> Result<Run> {
    let mut run = Run::new();
    let mut seen = BTreeSet::new();
    for (i, line) in text.lines().enumerate() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let at = || format!("run line {}", i + 1);
        let (query, document, score) = match columns.as_slice() {
            [] => continue,
            [query, _, document, _, score, _] => (query, document, score),
            _ => return Err(Error::invalid(at(), "six columns are expected")),
        };
        let score: f64 =
            score.parse().ok().filter(|s: &f64| s.is_finite()).ok_or_else(|| {
                Error::invalid(at(), format!("the score {score:?} is not a number"))
            })?;
        if !seen.insert((query.to_string(), document.to_string())) {
            return Err(Error::invalid(at(), format!("document {document:?} is there twice")));
        }
        run.entry((*query).to_owned()).or_default().push(((*document).to_owned(), score));
    }
    for hits in run.values_mut() {
        hits.sort_by(|a, b| (b.1 as f32).total_cmp(&(a.1 as f32)).then_with(|| b.0.cmp(&a.0)));
    }
    Ok(run)
}

/// Writes a run in TREC's six columns.
///
/// Evaluators ignore the rank column, sort by score (trec_eval in single precision) and break ties
/// in their own ways. So that every one of them sees our order, a score is written as the nearest
/// single-precision number, or as the next lower one than the line before where it would not be
/// lower by itself.
///
/// # Errors
/// Names the first id that the form cannot hold: one that is empty or has white space in it.
pub fn write_run(run: &Run, tag: &str) -> Result<String> {
    let mut text = String::new();
    for (query, hits) in run {
        let mut last = f32::INFINITY;
        for (i, (document, score)) in hits.iter().enumerate() {
            for id in [query, document] {
                if id.is_empty() || id.contains(char::is_whitespace) {
                    let detail = format!("{id:?} has white space, which separates the columns");
                    return Err(Error::invalid("run", detail));
                }
            }
            last = (*score as f32).min(last.next_down());
            // Writing to a string does not fail.
            let _ = writeln!(text, "{query} Q0 {document} {} {last} {tag}", i + 1);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_judgments_are_read() {
        let beir = "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n2\tc\t1\n";
        let trec = "1 0 a 2\n1 0 b 0\n\n2 0 c 1\n";
        let bare = "\u{feff}1 a 2\n1 b 0\n2 c 1";
        let expected = parse_qrels(beir).expect("judgments");
        assert_eq!(expected["1"]["a"], 2);
        assert_eq!(expected.len(), 2);
        for text in [trec, bare] {
            assert_eq!(parse_qrels(text).expect("judgments"), expected);
        }
        for (text, expected) in [
            ("1 a 2\n1 b", "qrels line 2: 2 columns"),
            ("1 a 2\n1 b x", "qrels line 2: the grade \"x\""),
            ("1 0 a x", "qrels line 1: the grade"),
            ("1\ta\t1.0", "qrels line 1: the grade"),
            ("1 a 1\n1 a 2", "qrels line 2: document \"a\" has two grades"),
        ] {
            let error = parse_qrels(text).expect_err("must be refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_written_run_is_read_back_in_its_order() {
        let hits: Vec<(String, f64)> = [("b", 2.0), ("a", 2.0), ("z", 1.0 + 1e-12), ("y", 1.0)]
            .into_iter()
            .map(|(d, s)| (d.to_owned(), s))
            .collect();
        let run = Run::from([("q".to_owned(), hits.clone())]);
        let read = parse_run(&write_run(&run, "lexivec").expect("written")).expect("a run");
        let order: Vec<&str> = read["q"].iter().map(|h| h.0.as_str()).collect();
        assert_eq!(order, ["b", "a", "z", "y"]);
        assert!(read["q"].windows(2).all(|w| (w[0].1 as f32) > (w[1].1 as f32)));
        for refused in ["q Q0 a 1 x tag", "q a 1", "q Q0 a 1 NaN t", "q Q0 a 1 2 t\nq Q0 a 2 1 t"] {
            assert!(parse_run(refused).is_err(), "{refused:?}");
        }
        let spaced = Run::from([("q".to_owned(), vec![("a b".to_owned(), 1.0)])]);
        assert!(write_run(&spaced, "lexivec").is_err());
    }
}
