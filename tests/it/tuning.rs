//! Profiles, tuning, differences and floors as their users meet them.

use std::path::Path;
use std::sync::Arc;

use lexivec::eval::ranking::Judgments;
use lexivec::model::{Candidate, RerankQuery, Reranker};
use lexivec::query::profile::Profile;
use lexivec::query::request::ConfidenceFloor;
use lexivec::query::request::{Leg, Mode};
use lexivec::query::rerank::RerankMethod;
use lexivec::storage::{CrashPolicy, FaultyVfs};
use lexivec::{
    Collection, CopyOptions, Document, Filter, JudgedQuery, Metric, OpenOptions, Options,
    SearchRequest, TuneOptions,
};
use lexivec_tests::Random;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::{arg, lexivec, lexivec_ok};

/// Rows of a small collection, and queries asked of it.
const ROWS: usize = 400;
const QUERIES: usize = 60;
const DIM: usize = 16;

/// Rows whose vectors have their topic and whose words do not: each query is near to one row
/// by vector, and by words to others.
fn corpus() -> (Vec<Document>, Vec<JudgedQuery>) {
    let mut random = Random(11);
    let mut documents = Vec::new();
    let vectors: Vec<Vec<f32>> = (0..ROWS).map(|_| random.vector(DIM)).collect();
    for (i, vector) in vectors.iter().enumerate() {
        let words = format!("word{} word{}", random.below(40), random.below(40));
        documents.push(Document::new(format!("d{i}")).text(words).vector(vector.clone()));
    }
    let query = |i: usize| {
        let noise = random.vector(DIM);
        let near: Vec<f32> = vectors[i * 5].iter().zip(noise).map(|(v, n)| v + 0.3 * n).collect();
        let words = format!("word{} word{}", random.below(40), random.below(40));
        JudgedQuery {
            id: format!("q{i}"),
            request: SearchRequest::hybrid(words, near),
            judgments: Judgments::from([(format!("d{}", i * 5), 1)]),
        }
    };
    (documents, (0..QUERIES).map(query).collect())
}

fn collection(path: &Path) -> (Collection, Vec<JudgedQuery>) {
    let (documents, queries) = corpus();
    let collection = Collection::create(path, Options::new().vector(DIM, Metric::Cosine));
    let collection = collection.expect("created");
    collection.upsert(documents).expect("written");
    (collection, queries)
}

#[test]
fn tuning_finds_the_leg_that_knows_and_gains_nothing_from_judgments_of_chance() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, queries) = collection(&scratch.path().join("c"));
    let options = TuneOptions::default();
    let found = collection.searcher().expect("a view").tune(&queries, &options).expect("tuned");
    assert!(found.validation.significant, "{found:?}");
    assert!(found.validation.tuned > found.validation.default + 0.05, "{found:?}");
    assert_eq!(found.queries, QUERIES);
    assert_eq!(
        found,
        collection.searcher().expect("a view").tune(&queries, &options).expect("tuned again")
    );

    // What tuning says of the default and of its choice is what searches give.
    let mean = |profile: &Profile| {
        let score = |query: &JudgedQuery| {
            let mut request = query.request.clone();
            profile.apply(&mut request);
            let hits = collection.search(&request).expect("answered").hits;
            let ids: Vec<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
            options.metric.of(&ids, &query.judgments)
        };
        queries.iter().map(score).sum::<f64>() / QUERIES as f64
    };
    assert!((mean(&Profile::default()) - found.validation.default).abs() < 1e-9);
    assert!((mean(&found.profile) - found.validation.chosen_mean).abs() < 1e-9);

    let mut random = Random(5);
    let shuffled: Vec<JudgedQuery> = queries
        .iter()
        .map(|query| JudgedQuery {
            judgments: (0..5).map(|_| (format!("d{}", random.below(ROWS)), 1)).collect(),
            ..query.clone()
        })
        .collect();
    let none = collection.searcher().expect("a view").tune(&shuffled, &options).expect("tuned");
    assert!(!none.validation.significant, "{none:?}");
}

/// A reranker that knows the answers, or fails.
struct Knows(Option<Vec<(String, String)>>);

impl Reranker for Knows {
    fn name(&self) -> &str {
        "knows"
    }

    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        let Some(answers) = &self.0 else {
            return Err(lexivec::Error::Embedder("it is broken".to_owned()));
        };
        let asked = query.text.as_deref().unwrap_or_default();
        let answer = |c: &Candidate| answers.iter().any(|(text, id)| text == asked && *id == c.id);
        // On all threads, as a model does: those that wait for it must not be among them.
        Ok(candidates.par_iter().map(|c| f64::from(u8::from(answer(c)))).collect())
    }
}

#[test]
fn a_collections_reranker_is_tuned_and_kept_in_the_profile() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, mut queries) = collection(&scratch.path().join("c"));
    // Each has one of two words that its answer has, and one that no row has, so that the queries differ.
    for (place, query) in queries.iter_mut().enumerate() {
        let id = query.judgments.keys().next().expect("an answer");
        let document = collection.get(id).expect("read").expect("there");
        let word = document.text["text"].split(' ').next().expect("a word");
        query.request = SearchRequest::text(format!("{word} query{place}"));
    }
    let answer = |query: &JudgedQuery| {
        let id = query.judgments.keys().next().expect("an answer").clone();
        (query.request.text.clone().expect("words"), id)
    };
    let answers = queries.iter().map(answer).collect();
    let knowing = collection.with_reranker(Arc::new(Knows(Some(answers))));
    let found =
        knowing.searcher().expect("a view").tune(&queries, &TuneOptions::default()).expect("tuned");
    assert!(found.validation.significant, "{found:?}");
    let rerank = found.profile.rerank.clone().expect("one");
    assert_eq!(rerank.method, RerankMethod::Model);
    knowing.set_profile("best", found.profile).expect("kept");
    let mut request = queries[0].request.clone();
    request.profile = Some("best".to_owned());
    let answer = knowing.search(&request).expect("found");
    assert!(answer.rerank.is_some_and(|rerank| rerank.applied));
    assert!(queries[0].judgments.contains_key(&answer.hits[0].id));
    let asked = |queries: &[JudgedQuery]| -> Vec<(String, SearchRequest)> {
        let named = queries.iter().enumerate();
        named.map(|(i, q)| (i.to_string(), q.request.clone().rerank(rerank.clone()))).collect()
    };
    let run = knowing.searcher().expect("a view").rank(&asked(&queries)).expect("ranked");
    for (place, query) in queries.iter().enumerate() {
        assert!(query.judgments.contains_key(&run[&place.to_string()][0].0), "{place}");
    }
    // One that fails is no setting, and no ranking.
    let failing = knowing.with_reranker(Arc::new(Knows(None)));
    let error = failing
        .searcher()
        .expect("a view")
        .tune(&queries, &TuneOptions::default())
        .expect_err("refused")
        .to_string();
    assert!(error.contains("it is broken") && error.contains("queries["), "{error}");
    let error = failing
        .searcher()
        .expect("a view")
        .rank(&asked(&queries))
        .expect_err("refused")
        .to_string();
    assert!(error.contains("it is broken") && error.contains("queries["), "{error}");
    let mut late = asked(&queries);
    late[3].1.offset = 5;
    let error =
        failing.searcher().expect("a view").rank(&late[3..4]).expect_err("refused").to_string();
    assert!(error.contains("offset") && error.contains("queries[0]"), "{error}");
}

#[test]
fn an_impossible_tuning_is_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, mut queries) = collection(&scratch.path().join("c"));
    let options = TuneOptions::default();
    let refused = |queries: &[JudgedQuery]| {
        collection
            .searcher()
            .expect("a view")
            .tune(queries, &options)
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(&[]).contains("0 queries and 5 parts"));
    queries[1].request = queries[1].request.clone().mode(Mode::Text);
    assert!(refused(&queries).contains("queries[1]: this query runs the legs"));
    queries[1].request = SearchRequest::vector(vec![1.0]);
    assert!(refused(&queries).contains("queries[1]"), "{}", refused(&queries));
    for query in &mut queries {
        query.request.text = None;
        query.request = query.request.clone().mode(Mode::Auto);
    }
    queries[1].request = queries[0].request.clone();
    assert!(refused(&queries).contains("leave nothing to choose"), "{}", refused(&queries));
}

#[test]
fn a_profile_outlives_reopening_compaction_snapshot_export_and_repair() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("c");
    let (first, queries) = collection(&path);
    let profile = Profile { mode: Some(Mode::Vector), ..Profile::default() };
    let reader = Collection::open_read_only(&path).expect("opened");
    let before = first.generation();
    let generation = first.set_profile("fast", profile.clone()).expect("set");
    assert!(generation > before && first.generation() == generation);
    first.set_profile("other", Profile { ef: Some(50), ..Profile::default() }).expect("set");

    let request = queries[0].request.clone().profile("fast");
    let plain = queries[0].request.clone().mode(Mode::Vector);
    let wanted = first.search(&plain).expect("answered").hits;
    assert_eq!(first.search(&request).expect("answered").hits, wanted);
    let all = first.search_many(&[request.clone(), plain]).expect("answered");
    assert_eq!(all[0].hits, all[1].hits);
    assert!(reader.search(&request).is_err());
    assert!(reader.refresh().expect("refreshed"));
    assert_eq!(reader.search(&request).expect("answered").hits, wanted);

    first.upsert(vec![Document::new("new").text("word1")]).expect("written");
    first.flush().expect("flushed");
    first.compact(lexivec::CompactOptions::new()).expect("compacted");
    first.remove_profile("other").expect("removed");
    let unknown = first.remove_profile("other").expect_err("deleted").to_string();
    assert_eq!(unknown, "profile: \"other\" is not known; the collection has [\"fast\"]");
    assert_eq!(first.stats().expect("counted").schema.profiles, *first.profiles());
    let mut bytes = Vec::new();
    first.export(&mut bytes).expect("exported");
    let [snapshot, imported, repaired] = ["s", "i", "r"].map(|name| scratch.path().join(name));
    first.snapshot_to(&snapshot).expect("kept");
    drop(first);
    Collection::import(&imported, &mut bytes.as_slice(), CopyOptions::new()).expect("imported");
    Collection::repair(&path, &repaired, CopyOptions::new()).expect("repaired");
    for path in [path, snapshot, imported, repaired] {
        let opened = Collection::open_read_only(&path).expect("opened");
        let names: Vec<String> = opened.profiles().keys().cloned().collect();
        assert_eq!(
            (names, opened.profiles().get("fast")),
            (vec!["fast".to_owned()], Some(&profile))
        );
        assert_eq!(opened.search(&request).expect("answered").hits[0].id, wanted[0].id);
    }
}

#[test]
fn a_power_cut_leaves_the_old_profile_or_the_new_one() {
    let disk = FaultyVfs::new();
    let open = OpenOptions::new().background(false).reserve_bytes(0);
    let options = Options::new().open(open.clone());
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    collection.upsert(vec![Document::new("a").text("wing")]).expect("written");
    let profile = |ef| Profile { ef: Some(ef), ..Profile::default() };
    collection.set_profile("p", profile(10)).expect("set");
    let before = disk.ops();
    collection.set_profile("p", profile(20)).expect("set");
    let after = disk.ops();
    let (mut old, mut new) = (0, 0);
    for cut in before..=after {
        for (policy, seed) in [
            (CrashPolicy::DropUnsynced, 0),
            (CrashPolicy::KeepAll, 0),
            (CrashPolicy::Torn, 1),
            (CrashPolicy::Random, 2),
            (CrashPolicy::Random, 3),
        ] {
            let image = disk.crash_image(cut, policy, seed);
            let opened = open.clone().open(Arc::new(image)).expect("opened");
            assert_eq!(opened.count(&Filter::All).expect("counted"), 1);
            match opened.profiles().get("p").and_then(|p| p.ef) {
                Some(10) if cut < after => old += 1,
                Some(20) if cut > before => new += 1,
                other => panic!("{other:?} after {cut} of {before}..{after}, {policy:?}"),
            }
        }
    }
    assert!(old > 5 && new >= 5, "{old} {new}");
}

#[test]
fn bad_profiles_are_refused_and_change_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, queries) = collection(&scratch.path().join("c"));
    let error = collection.search(&queries[0].request.clone().profile("none"));
    let error = error.expect_err("unknown").to_string();
    assert_eq!(error, "profile: \"none\" is not known; the collection has []");
    let generation = collection.generation();
    let wide = Profile { ef: Some(5_000), ..Profile::default() };
    for (name, profile) in [("Upper", Profile::default()), ("", Profile::default()), ("a", wide)] {
        collection.set_profile(name, profile).expect_err("refused");
    }
    assert_eq!((collection.generation(), collection.profiles().len()), (generation, 0));
    for i in 0..lexivec::limits::MAX_PROFILES {
        collection.set_profile(&format!("p{i}"), Profile::default()).expect("set");
    }
    let error = collection.set_profile("more", Profile::default()).expect_err("full").to_string();
    assert!(error.contains("more than 256"), "{error}");
}

#[test]
fn a_confidence_threshold_separates_answers_from_noise() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, queries) = collection(&scratch.path().join("c"));
    let mut random = Random(3);
    let unanswered: Vec<SearchRequest> =
        (0..200).map(|_| SearchRequest::vector(random.vector(DIM))).collect();
    let floor = collection
        .searcher()
        .expect("a view")
        .calibrate_floor(&unanswered, Leg::Vector, 0.95)
        .expect("a floor");
    collection
        .set_profile("sure", Profile { floor: Some(floor), ..Profile::default() })
        .expect("set");
    let sure = |request: &SearchRequest| {
        let response = collection.search(&request.clone().profile("sure")).expect("answered");
        response.confident.expect("a floor was given")
    };
    assert_eq!(unanswered.iter().filter(|r| sure(r)).count(), 10);
    let answered = queries.iter().filter(|q| sure(&q.request)).count();
    assert!(answered >= QUERIES * 9 / 10, "{answered} of {QUERIES}");
    // Without its leg, or without a floor, nothing is said.
    let text = queries[0].request.clone().mode(Mode::Text).profile("sure");
    assert_eq!(collection.search(&text).expect("answered").confident, None);
    assert_eq!(collection.search(&queries[0].request).expect("answered").confident, None);
    let nothing = [SearchRequest::text("nowhere")];
    let floor = collection
        .searcher()
        .expect("a view")
        .calibrate_floor(&nothing, Leg::Text, 0.5)
        .expect("a floor");
    assert_eq!(floor, ConfidenceFloor { leg: Leg::Text, score: 0.0 });
    collection
        .searcher()
        .expect("a view")
        .calibrate_floor(&[], Leg::Vector, 0.5)
        .expect_err("nothing to go by");
    collection
        .searcher()
        .expect("a view")
        .calibrate_floor(&nothing, Leg::Text, 1.5)
        .expect_err("no share");
}

/// Files of a BEIR folder of the corpus.
fn folder(path: &Path) {
    let (documents, queries) = corpus();
    std::fs::create_dir_all(path).expect("made");
    let lines = |lines: Vec<Value>| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
    let rows = documents.iter().map(|d| {
        json!({"id": d.id, "text": d.text["text"],
        "vector": d.vectors["vector"]})
    });
    std::fs::write(path.join("rows.jsonl"), lines(rows.collect())).expect("written");
    let asked = queries.iter().enumerate().map(|(i, q)| {
        json!({"_id": format!("q{i}"),
        "text": q.request.text})
    });
    std::fs::write(path.join("queries.jsonl"), lines(asked.collect())).expect("written");
    let mut qrels = String::new();
    let mut run = String::new();
    for (i, query) in queries.iter().enumerate() {
        for id in query.judgments.keys() {
            qrels += &format!("q{i} 0 {id} 1\n");
            run += &format!("q{i} Q0 {} 1 1.0 x\n", if i % 2 == 0 { id } else { "none" });
        }
    }
    std::fs::write(path.join("qrels.tsv"), qrels).expect("written");
    std::fs::write(path.join("half.run"), run).expect("written");
}

#[test]
fn the_command_evaluates_runs_tunes_compares_and_keeps_profiles() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (data, index) = (scratch.path().join("data"), scratch.path().join("index"));
    folder(&data);
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&data.join("rows.jsonl"))]);
    let (qrels, half) = (data.join("qrels.tsv"), data.join("half.run"));
    let scored = ["evaluate", "--qrels", arg(&qrels), "--run-file", arg(&half), "--json"];
    let scored: Value = serde_json::from_str(&lexivec_ok(&scored)).expect("JSON");
    assert_eq!((&scored["mrr"], &scored["queries"]), (&json!(0.5), &json!(QUERIES)));
    let bounds = &scored["intervals"]["mrr"];
    assert!(bounds["low"].as_f64() > Some(0.3) && bounds["high"].as_f64() < Some(0.7), "{bounds}");
    let against = lexivec_ok(&[
        "evaluate",
        arg(&index),
        "--beir",
        arg(&data),
        "--mode",
        "text",
        "--against",
        arg(&half),
        "--json",
    ]);
    let against: Value = serde_json::from_str(&against).expect("JSON");
    let test = &against["against"]["mrr"];
    assert!(
        test["difference"]["mean"].as_f64() < Some(-0.3) && test["p_value"].as_f64() < Some(0.01)
    );

    // Words carry no signal here: no k1 and b is better than another.
    let tuned = ["tune", arg(&index), "--beir", arg(&data), "--save", "best", "--json"];
    let first: Value = serde_json::from_str(&lexivec_ok(&tuned)).expect("JSON");
    assert_eq!((&first["significant"], &first["saved"]), (&json!(false), &Value::Null), "{first}");
    assert!(lexivec_ok(&tuned[..6]).ends_with("no significant gain\n"));
    assert_eq!(lexivec_ok(&["profile", "list", arg(&index)]), "");

    let settings = r#"{"bm25":{"k1":0.0,"b":0.0}}"#;
    lexivec_ok(&["profile", "set", arg(&index), "flat", settings]);
    assert_eq!(lexivec_ok(&["profile", "list", arg(&index)]), format!("flat\t{settings}\n"));
    let queries = data.join("queries.jsonl");
    let diff = ["diff", arg(&index), "--queries", arg(&queries), "--max-changed", "0"];
    let same = lexivec_ok(&diff);
    assert_eq!(same, "0 of 60 answers changed; mean overlap@10 1.0000, mean rbo 1.0000\n");
    let with = [&diff[..], &["--with-profile", "flat"]].concat();
    let changed = lexivec(&with);
    assert_eq!(changed.status.code(), Some(1), "{changed:?}");
    assert!(lexivec(&with[..4]).status.success());
    let unknown = lexivec(&["search", arg(&index), "word1", "--profile", "steep"]);
    let stderr = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && stderr.contains("[\"flat\"]"), "{stderr}");
    lexivec_ok(&[
        "profile",
        "floor",
        arg(&index),
        "flat",
        "--queries",
        arg(&queries),
        "--leg",
        "text",
    ]);
    let none = lexivec(&["search", arg(&index), "nowhere", "--profile", "flat"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no confident answer"), "{none:?}");
    lexivec_ok(&["profile", "remove", arg(&index), "flat"]);
    assert_eq!(lexivec_ok(&["profile", "list", arg(&index)]), "");
}
